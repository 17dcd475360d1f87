import Logging
import NIOCore
import NIOPosix
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("A host on several links", .needsTestInterface, .timeLimit(.minutes(1)))
struct HostedLinkTests {
    /// An interface of this test alone: one end of a pair, with addresses in a network of its own.
    private struct Pair {
        let name: String
        let number: Int

        init() throws {
            number = Int.random(in: 0..<65_536)
            name = "h\(String(number, radix: 16))"
            try TestInterface.ip("link", "add", name, "type", "veth", "peer", "name", "\(name)p")
            try TestInterface.ip("link", "set", "\(name)p", "up")
            try TestInterface.ip("link", "set", name, "addrgenmode", "none", "up")
        }

        func address(_ host: Int) -> String { "10.\(number >> 8).\(number & 0xFF).\(host)" }
        var unique: String { "fd00:0:0:\(String(number, radix: 16))::1" }

        func add(_ address: String, _ length: Int = 24) throws {
            if address.contains(":") {
                try TestInterface.ip("address", "add", "\(address)/\(length)", "dev", name, "nodad")
            } else {
                try TestInterface.ip("address", "add", "\(address)/\(length)", "dev", name)
            }
        }
        func remove(_ address: String, _ length: Int = 24) throws {
            try TestInterface.ip("address", "delete", "\(address)/\(length)", "dev", name)
        }
        func delete() { try? TestInterface.ip("link", "delete", name) }
    }

    /// What was heard on an interface, and waiting for more of it.
    private final class Heard: Sendable {
        private let state = Mutex([SSDPObservation]())

        func note(_ observation: SSDPObservation) { state.withLock { $0.append(observation) } }
        var all: [SSDPObservation] { state.withLock { $0 } }

        func first<Result: Sendable>(
            _ comment: Comment, after mark: Int = 0, _ pick: (SSDPObservation) -> Result?
        ) async throws -> Result {
            for _ in 0..<1000 {
                for observation in all.dropFirst(mark) { if let result = pick(observation) { return result } }
                // Real datagrams: there is nothing to wait on but their coming.
                try await Task.sleep(for: .milliseconds(10))
            }
            throw TestEnded(comment: "\(comment); heard \(all.map(\.message))")
        }

        func alive(_ location: HTTPURL, bootID: UInt32? = nil) async throws -> SSDPAnnouncement {
            try await first("no alive for \(location) with BOOTID \(bootID.map(String.init) ?? "any")") { heard in
                // Who opens its socket later than the host announces has the answer to its search.
                let announcement: SSDPAnnouncement? =
                    switch heard.message {
                    case .alive(let alive): alive
                    case .response(let response): response
                    default: nil
                    }
                guard let announcement, announcement.location == "\(location)",
                    announcement.target == "upnp:rootdevice", bootID == nil || announcement.bootID == bootID
                else { return nil }
                return announcement
            }
        }
    }

    private struct World {
        let host: DeviceHost
        let heard: Heard
        let service: HostedService

        /// The description's URL at an address, once it is served there.
        func location(at address: String) async throws -> HTTPURL {
            for _ in 0..<1000 {
                let found = host.locations.first { $0.ipAddress == IPAddress(address) }
                if let found { return found }
                try await Task.sleep(for: .milliseconds(10))
            }
            throw TestEnded(comment: "not served at \(address); served at \(host.locations)")
        }

        func isGone(_ address: String) async throws {
            for _ in 0..<1000 {
                if !host.locations.contains(where: { $0.ipAddress == IPAddress(address) }) { return }
                try await Task.sleep(for: .milliseconds(10))
            }
            throw TestEnded(comment: "still served at \(address)")
        }
    }

    /// Hosts a lamp on the interfaces while `body` runs, and listens to what is announced.
    private func withHost(
        on names: [String], families: AddressFamilies = .both,
        _ service: HostedService = HostedTestDevice.power(),
        configure: (inout DeviceHostConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (World) async throws -> Void
    ) async throws {
        var ssdp = TestInterface.configuration()
        ssdp.families = families
        ssdp.advertiser.byebyeFirst = true
        var configuration = DeviceHostConfiguration(interfaces: .named(names), families: families, ssdp: ssdp)
        configure(&configuration)
        let host = DeviceHost(
            configuration: configuration, devices: [HostedTestDevice.device(service)],
            eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger
        )
        var listening = configuration.ssdp
        listening.ownTraffic = OwnTraffic()
        let discovery = SSDPDiscovery(
            interfaces: .named(names), configuration: listening, eventLoopGroup: HTTPTestSupport.group,
            logger: HTTPTestSupport.logger
        )
        let heard = Heard()
        let world = World(host: host, heard: heard, service: service)
        let observations = discovery.observations
        try await withServices([
            { try await discovery.run() },
            { for await observation in observations { heard.note(observation) } },
        ]) {
            // The host's byebyes are all that some tests wait for.
            let links = InterfaceSelection.named(names).links(of: try NetworkInterface.all(), families: families)
            while Set(discovery.currentLinks) != Set(links) { try await Task.sleep(for: .milliseconds(5)) }
            let end = Mutex((mark: 0, addresses: Set<IPAddress>()))
            try await withServices([{ try await host.run() }]) {
                try await body(world)
                end.withLock { $0 = (heard.all.count, Set(host.locations.compactMap(\.ipAddress))) }
            }
            // Whatever happened: at the end there is a byebye on every link that is left.
            let (mark, addresses) = end.withLock { $0 }
            for address in addresses {
                try await heard.first("no byebye on \(address)", after: mark) {
                    if case .byebye = $0.message, $0.interface.address == address { () } else { nil }
                }
            }
        }
    }

    private func get(_ location: HTTPURL, zone: Int = 0) async throws -> String {
        let endpoint = try #require(location.endpoint)
        return try await RawPeer.connect(to: SocketEndpoint(endpoint.address, port: endpoint.port, zone: zone)) {
            peer in
            await peer.trySend(
                "GET \(location.path) HTTP/1.1\r\nHost: \(location.authority)\r\nConnection: close\r\n\r\n")
            return await peer.readToEnd()
        }
    }

    @Test("is reached and announced at every address of its interfaces, with each its own LOCATION")
    func addresses() async throws {
        let pair = try Pair()
        defer { pair.delete() }
        try pair.add(pair.address(1))
        try pair.add(pair.unique, 64)
        try pair.add("fe80::1", 64)
        let zone = try NetworkInterface.named(pair.name).index
        try await withHost(on: [pair.name]) { world in
            for address in [pair.address(1), pair.unique, "fe80::1"] {
                let location = try await world.location(at: address)
                #expect(!"\(location)".contains("%"))
                #expect(try await get(location, zone: address == "fe80::1" ? zone : 0).hasPrefix("HTTP/1.1 200 "))
                let alive = try await world.heard.alive(location)
                #expect(alive.maxAge == 1800)
            }
            // The same BOOTID at all of them: one device (UDA 2.0 annex A).
            let bootIDs = world.heard.all.compactMap {
                if case .alive(let alive) = $0.message { alive.bootID } else { nil }
            }
            #expect(Set(bootIDs).count == 1)
            // The devices are nowhere beside these addresses. Another test may have the same port of another address.
            for location in world.host.locations {
                for other in ["127.0.0.1", "192.0.2.1", "::1"] {
                    let endpoint = SocketEndpoint(try #require(IPAddress(other)), port: location.port)
                    let elsewhere = try #require(HTTPURL(endpoint: endpoint, pathAndQuery: location.path))
                    let answer = (try? await get(elsewhere)) ?? ""
                    #expect(!answer.hasPrefix("HTTP/1.1 200"))
                }
            }
        }
    }

    @Test("sends events to neighbours on the link that they subscribed on, over IPv6 too, and to nobody else")
    func callbacks() async throws {
        let pair = try Pair()
        defer { pair.delete() }
        try pair.add(pair.address(1))
        try pair.add(pair.unique, 64)
        try pair.add("fe80::1", 64)
        let index = try NetworkInterface.named(pair.name).index
        try await withHost(on: [pair.name]) { world in
            let near = [pair.address(1), "[\(pair.unique)]", "[fe80::1]"]
            for (number, address) in [pair.address(1), pair.unique, "fe80::1"].enumerated() {
                let location = try await world.location(at: address)
                let endpoint = try #require(location.endpoint)
                let zoned = SocketEndpoint(
                    endpoint.address, port: endpoint.port, zone: address == "fe80::1" ? index : 0)
                let description = try await get(location, zone: zoned.zone)
                let start = try #require(description.range(of: "<eventSubURL>")?.upperBound)
                let path = description[start...].prefix { $0 != "<" }
                var answers: [Int: String] = [:]
                for callback in near + ["[fd00:0:0:ffff:1::1]", "192.0.2.1", "127.0.0.1", "[::1]", "[fe80::1%25lo]"] {
                    let answer = try await RawPeer.connect(to: zoned) { peer in
                        await peer.trySend(
                            "SUBSCRIBE \(path) HTTP/1.1\r\nHost: \(location.authority)\r\nConnection: close\r\n"
                                + "NT: upnp:event\r\nCALLBACK: <http://\(callback):9/>\r\n\r\n")
                        return await peer.readToEnd()
                    }
                    let isOwn = callback == near[number]
                    #expect(answer.hasPrefix("HTTP/1.1 \(isOwn ? 200 : 412) "), "\(address) \(callback)")
                    answers[isOwn ? 200 : 412] = answer
                }
                #expect(answers.count == 2)
            }
        }
    }

    @Test("multicasts the changes of variables that ask for it, on every link, under the BOOTID of announcements")
    func multicastEvents() async throws {
        let pair = try Pair()
        defer { pair.delete() }
        try pair.add(pair.address(1))
        try pair.add("fe80::1", 64)
        let alarm = HostedVariable("Alarm", false, multicast: .emergency)
        let level = HostedVariable<UInt8>("Level", 0, evented: true)
        let service = HostedService(HostedTestDevice.switchType) {
            alarm
            level
        }
        #expect(service.scpd.stateVariable(named: "Alarm")?.multicast == true)
        try await withHost(on: [pair.name], service) { world in
            let bootID = try await world.heard.alive(try await world.location(at: pair.address(1))).bootID
            let links = try NetworkInterface.named(pair.name).addresses
            #expect(links.count == 2)
            let (events, continuation) = AsyncStream.makeStream(of: (MulticastEvent, SocketEndpoint).self)
            var sockets: [MulticastEventSocket] = []
            for link in links {
                sockets.append(
                    try await MulticastEventSocket(
                        interface: link, eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger
                    ) { received, source in continuation.yield((received.event, source)) })
            }
            defer { for socket in sockets { socket.close() } }
            await level.set(1)
            await alarm.set(true)
            var heard: [IPAddress: MulticastEvent] = [:]
            for await (event, source) in events {
                heard[source.address] = event
                if heard.count == 2 { break }
            }
            #expect(Set(heard.keys) == Set(links.map(\.address)))
            for event in heard.values {
                #expect(event.udn == HostedTestDevice.udn && event.serviceID == service.serviceID)
                #expect(event.serviceType == service.serviceType && event.level == .emergency)
                #expect(event.sequence == 0 && event.bootID == bootID)
                #expect(event.properties == PropertySet([EventProperty("Alarm", "1")]))
            }
        }
    }

    @Test("uses the families that it is told")
    func families() async throws {
        let pair = try Pair()
        defer { pair.delete() }
        try pair.add(pair.address(1))
        try pair.add(pair.unique, 64)
        for (families, present, absent) in [
            (AddressFamilies.ipv4, pair.address(1), pair.unique), (.ipv6, pair.unique, pair.address(1)),
        ] {
            try await withHost(on: [pair.name], families: families) { world in
                _ = try await world.location(at: present)
                #expect(!world.host.locations.contains { $0.ipAddress == IPAddress(absent) })
            }
        }
    }

    @Test("a link more is a new BOOTID, told on the old link first; state and subscriptions there stay")
    func gainsLink() async throws {
        let (old, new) = (try Pair(), try Pair())
        defer {
            old.delete()
            new.delete()
        }
        try old.add(old.address(1))
        try await withHost(on: [old.name, new.name], families: .ipv4) { world in
            let first = try await world.location(at: old.address(1))
            let bootID = try await world.heard.alive(first).bootID
            try await subscribed(to: first) { events in
                var events = events.makeAsyncIterator()
                // A change before the first event is sent would be part of it.
                #expect(await events.next()?.properties["Level"] == "50")
                await world.service.publish([EventProperty("Level", "7")])
                try new.add(new.address(1))
                let second = try await world.location(at: new.address(1))
                let update = try await world.heard.first("no ssdp:update") {
                    if case .update(let update) = $0.message { update } else { nil }
                }
                #expect(update.bootID == bootID)
                let next = update.nextBootID ?? 0
                #expect(next > (bootID ?? .max))
                #expect(update.location == "\(first)")
                _ = try await world.heard.alive(second, bootID: next)
                _ = try await world.heard.alive(first, bootID: next)
                // On one link: two sockets of this test may be read in either order.
                let order = world.heard.all.compactMap { heard -> String? in
                    switch heard.message {
                    case .update: "update"
                    case .alive(let alive) where alive.location == "\(first)" && alive.bootID == next: "alive"
                    default: nil
                    }
                }
                #expect(order.first == "update")
                await world.service.publish([EventProperty("Level", "8")])
                var values: [String] = []
                while let event = await events.next() {
                    values.append(event.properties["Level"] ?? "")
                    if values.last == "8" { break }
                }
                #expect(values == ["7", "8"])
                // The new link goes: the old one does not notice.
                try new.remove(new.address(1))
                try await world.isGone(new.address(1))
                #expect(try await get(first).hasPrefix("HTTP/1.1 200 "))
                await world.service.publish([EventProperty("Level", "9")])
                while let event = await events.next(), event.properties["Level"] != "9" {}
            }
        }
    }

    @Test("follows its interface to another address, under a larger BOOTID and without its old subscribers")
    func movesAddress() async throws {
        let pair = try Pair()
        defer { pair.delete() }
        try pair.add(pair.address(1))
        try await withHost(on: [pair.name], families: .ipv4) { world in
            let first = try await world.location(at: pair.address(1))
            let bootID = try await world.heard.alive(first).bootID ?? .max
            try pair.remove(pair.address(1))
            try await world.isGone(pair.address(1))
            try pair.add(pair.address(2))
            let second = try await world.location(at: pair.address(2))
            #expect(second.path == first.path)
            let alive = try await world.heard.alive(second)
            #expect((alive.bootID ?? 0) > bootID)
            #expect(try await get(second).hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("says byebye before the first announcement, for a run that ended without")
    func byebyeFirst() async throws {
        let pair = try Pair()
        defer { pair.delete() }
        try pair.add(pair.address(1))
        try await withHost(on: [pair.name], families: .ipv4) { world in
            _ = try await world.heard.alive(try await world.location(at: pair.address(1)))
            let first = world.heard.all.first {
                switch $0.message {
                case .alive, .byebye: true
                default: false
                }
            }
            guard case .byebye? = first?.message else {
                Issue.record("first came \(String(describing: first))")
                return
            }
        }
    }

    @Test("passes SECURELOCATION through")
    func secureLocation() async throws {
        let pair = try Pair()
        defer { pair.delete() }
        try pair.add(pair.address(1))
        let secure: @Sendable (HTTPURL) -> String? = { "https://\($0.host):8443\($0.path)" }
        try await withHost(on: [pair.name], families: .ipv4, configure: { $0.secureLocation = secure }) { world in
            let location = try await world.location(at: pair.address(1))
            #expect(try await world.heard.alive(location).secureLocation == secure(location))
        }
    }

    @Test("an interface that does not exist is an error that says which there are")
    func unknownInterface() async {
        for advertises in [true, false] {
            var configuration = DeviceHostConfiguration(interface: "nothing0")
            configuration.advertises = advertises
            let host = DeviceHost(HostedTestDevice.device(HostedTestDevice.power()), configuration: configuration)
            await #expect(throws: SSDPDriverError.self) { try await host.run() }
        }
    }

    /// Subscribes to the lamp while `body` runs.
    private func subscribed(
        to location: HTTPURL, _ body: @escaping @Sendable (AsyncStream<DeviceEvent>) async throws -> Void
    ) async throws {
        let name = try #require(
            try NetworkInterface.all().first { $0.addresses.contains { $0.address == location.ipAddress } }
        ).name
        try await HostedTestDevice.withControlPoint(configure: { $0.interfaces = .named([name]) }) { controlPoint in
            let url = try #require(try await controlPoint.device(at: location).services.first?.eventSubURL)
            let subscription = try await controlPoint.subscribe(to: url)
            try await body(subscription.events)
            await subscription.cancel()
        }
    }
}
