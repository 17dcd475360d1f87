import Foundation
import Groups
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import SUPnP
import Testing
import UPnP

@Suite("A group's controller on its network", .needsTestInterface, .timeLimit(.minutes(2)))
struct ControllerNetworkTests {
    @Test("plain UPnP programs see a basic device and its service, and members find the key manager by it")
    func announcement() async throws {
        let ssdp = TestNetwork.ssdp()
        let group = try await LiveGroup { configuration in
            configuration.announcement = ssdp
            configuration.friendlyName = "Group of the test"
        }
        // Other programs: they do not know what the controller sends.
        var other = ssdp
        other.ownTraffic = OwnTraffic()
        let point = ControlPoint(
            configuration: ControlPointConfiguration(interfaces: ControllerNetwork.selection, ssdp: other),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: ControllerNetwork.quiet)
        var third = ssdp
        third.ownTraffic = OwnTraffic()
        let finder = ControllerFinder(
            interfaces: ControllerNetwork.selection, ssdp: third,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: ControllerNetwork.quiet)
        try await group.withController { _, _ in
            try await withRunning([{ try await point.run() }, { try await finder.run() }]) {
                let found = try await Self.found("Group of the test", by: point)
                #expect(found.deviceType == "urn:schemas-upnp-org:device:Basic:1")
                let answer = try await found.service(GroupAddresses.serviceType).invoke("GetEndpoints")
                let facts = [
                    "GroupID": group.configuration.identity.groupID.hexadecimal,
                    "KeyManagerPort": "\(group.configuration.keyManagerPort)",
                    "ForwarderPort": "\(group.configuration.forwarderPort)",
                    "MulticastIPv4": "239.255.83.80:\(group.configuration.multicastPort)", "MulticastIPv6": "",
                    "Suites": "1",
                ]
                for (name, value) in facts { #expect(answer[name]?.text == value, "\(name)") }
                finder.search()
                for await controllers in finder.changes where !controllers.isEmpty {
                    #expect(controllers.map(\.keyManager.port) == [group.configuration.keyManagerPort])
                    break
                }
            }
        }
    }

    private static func found(_ name: String, by point: ControlPoint) async throws -> DeviceProxy {
        while true {
            for try await device in point.search(maximumWait: 1) where device.friendlyName == name { return device }
        }
    }

    @Test("a key manager without a forwarder registers members, and says that it has none")
    func withoutForwarder() async throws {
        let group = try await LiveGroup { $0.runsForwarder = false }
        let (record, code) = try group.device("server", roles: .server)
        let member = try LiveMember("server", code: code, roles: .server, links: group.links)
        let address = try group.address
        try await group.withController { controller, _ in
            try await controller.enrol([record])
            try await withRunning([{ try await member.run(controller: address) }]) {
                try await member.isRegistered()
                #expect(controller.status()?.servers == 1)
            }
        }
    }

    @Test("a port that is taken ends the controller with a sentence that names it")
    func takenPort() async throws {
        let group = try await LiveGroup()
        let address = try #require(group.links.first).address
        let other = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: address.description, port: Int(group.configuration.keyManagerPort)).get()
        defer { other.close(promise: nil) }
        let error = await #expect(throws: GroupControllerError.self) {
            try await group.withController { _, _ in }
        }
        guard case .noSocket(let reason) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(reason.contains("in use"), "\(reason)")
    }

    @Test("a port that is taken for one family is told, and the other is served")
    func takenForOneFamily() async throws {
        let group = try await LiveGroup(families: .both)
        let address = try #require(group.links.first).address
        let other = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: address.description, port: Int(group.configuration.keyManagerPort)).get()
        defer { other.close(promise: nil) }
        try await group.withController { _, events in
            let taken = SocketEndpoint(address, port: group.configuration.keyManagerPort)
            try await events.first("taken port") { event in
                if case .notBound(let all) = event { all.map { "\($0)" } == ["\(taken)"] } else { false }
            }
        }
    }

    @Test("an interface that gets another address, or comes, is served there; the others go on")
    func interfaceChange() async throws {
        let name = "lkc\(UInt16.random(in: 0...9_999))"
        try ControllerNetwork.ip("link", "add", name, "type", "veth", "peer", "name", "p\(name)")
        defer { try? ControllerNetwork.ip("link", "del", name) }
        try ControllerNetwork.ip("link", "set", "p\(name)", "up")
        let group = try await LiveGroup { configuration in
            configuration.interfaces = .named(ControllerNetwork.names.prefix(1) + [name])
        }
        let port = group.configuration.keyManagerPort
        let (stays, staysCode) = try group.device("stays", roles: .server)
        let (comes, comesCode) = try group.device("comes", roles: .server)
        let member = try LiveMember("stays", code: staysCode, roles: .server, links: group.links)
        let address = try group.address
        try await group.withController { controller, events in
            try await controller.enrol([stays, comes])
            try await withRunning([{ try await member.run(controller: address) }]) {
                try await member.isRegistered()
                try ControllerNetwork.ip("link", "set", name, "up")
                for octet in [7, 8] {
                    let own = "203.0.113.\(octet)"
                    try ControllerNetwork.ip("address", "flush", "dev", name)
                    try ControllerNetwork.ip("address", "add", "\(own)/24", "dev", name)
                    try await events.first("address \(own)") { event in
                        if case .moved(let all) = event { all.contains { "\($0)" == "\(own):\(port)" } } else { false }
                    }
                }
                let links = InterfaceSelection.named([name]).links(of: try NetworkInterface.all(), families: .ipv4)
                let other = try LiveMember("comes", code: comesCode, roles: .server, links: links)
                let there = try #require(links.first).endpoint(port: port)
                try await withRunning([{ try await other.run(controller: there) }]) {
                    try await other.isRegistered()
                    // Both hear what the group is told by multicast, each on its own link.
                    let (third, _) = try group.device("third", roles: .server)
                    try await controller.enrol([third])
                    let epoch = try await controller.strikeOff([comes.id]).epoch
                    try await other.events.first("eviction") { $0 == .evicted }
                    try await member.isInEpoch(epoch)
                }
            }
        }
    }
}
