import HTTPTypes
import NIOCore
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

@Suite(
    "RADASync through a tunnel", .serialized, .timeLimit(.minutes(2)),
    .enabled(if: Street.interfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct DiscoveryAgentTests {
    private static let light = "00000000-0000-4000-8000-000000000001"
    private static let lock = "00000000-0000-4000-8000-000000000002"
    private static let second = "00000000-0000-4000-8000-000000000007"

    /// Hosts one more light at home for as long as `body` runs.
    private func withSecondLight(_ street: Street, _ body: @escaping @Sendable () async throws -> Void) async throws {
        var device = street.light
        device.udn = "uuid:\(Self.second)"
        let host = DeviceHost(
            configuration: DeviceHostConfiguration(
                interface: Street.interfaces[0], families: .ipv4, ssdp: Street.ssdp(street.homePort)),
            devices: [device], eventLoopGroup: street.group, logger: street.logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await host.run() }
            tasks.addTask { try await body() }
            try await tasks.next()
            tasks.cancelAll()
            // The host says byebye before it ends.
            while try await tasks.next() != nil {}
        }
    }

    @Test("A client that speaks RADASync alone is told what its policy shows, and then the differences")
    func differences() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withDiscoveryClient(.preset("control"), at: endpoint) { client in
                await client.list { $0.contains(Self.light) }
                try await withSecondLight(street) { await client.list { $0.contains(Self.second) } }
                await client.list { !$0.contains(Self.second) && $0.contains(Self.light) }
                let calls = client.heard.lines.map { $0.split(separator: "#").last.map(String.init) ?? "" }
                #expect(calls.first?.hasPrefix("SetDDDLocation") == true)
                #expect(calls.contains { $0.hasPrefix("RemoveRemoteDevices") })
                // The lock is not for this preset, and nothing of the home's addresses is in what was told.
                let state = try #require(await client.agent?.state)
                #expect(state.remote[Self.lock] == nil)
                #expect(
                    state.remote.values.allSatisfy { $0.descriptionDocument.hasPrefix("http://198.51.100.1:8080/d/") })
                // The description is there, through the tunnel.
                let url = try #require(state.remote[Self.light].flatMap { HTTPURL($0.descriptionDocument) })
                let scpd = try await client.call(.get, "/rada/scpd.xml")
                let names = try SCPD(parsing: scpd.body.readableBytesView).actions.map(\.name).sorted()
                #expect(
                    names == [
                        "AddRemoteDevices", "GetLocalNetworkAddressInfo", "HeartbeatUpdate", "RemoveRemoteDevices",
                        "SetDDDLocation",
                    ])
                #expect(url.path.hasPrefix("/d/"))
            }
        }
    }

    @Test("A gateway that stops takes back what it told before the tunnel ends")
    func farewell() async throws {
        let told = Journal()
        try await Street().whileOpen { street, endpoint in
            try await street.withDiscoveryClient(.preset("control"), at: endpoint) { client in
                await client.list { $0.contains(Self.light) }
                street.server.beginGracefulShutdown()
                await client.list(\.isEmpty)
                for line in client.heard.lines { told.note(line) }
            }
        }
        // The end of the tunnel would empty the list too, and nobody would have called.
        #expect(told.lines.last?.hasSuffix("#RemoveRemoteDevices\"") == true, "\(told.lines)")
    }

    @Test("A filter that is edited takes a device away from the list, and gives it back")
    func filter() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withDiscoveryClient(.preset("full"), at: endpoint) { client in
                await client.list { $0.contains(Self.light) && $0.contains(Self.lock) }
                let desk = street.server.desk
                func filter(_ update: RADAFilter.Update) -> RADAFilter {
                    RADAFilter(
                        target: desk.uuid, controlMode: .denyList, update: update,
                        devices: [RADADeviceInfo(uuid: Self.lock)])
                }
                try await desk.edit([filter(.add)])
                await client.list { !$0.contains(Self.lock) && $0.contains(Self.light) }
                try await desk.edit([filter(.delete)])
                await client.list { $0.contains(Self.lock) }
            }
        }
    }

    @Test("The client's own list is kept until its heartbeat is not answered, and then flushed")
    func heartbeat() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withDiscoveryClient(.preset("full"), at: endpoint) { client in
                await client.list { $0.contains(Self.light) }
                let own = RADADeviceInfo(uuid: "9", maxAge: 1, descriptionDocument: "http://198.51.100.1/9.xml")
                await client.agent?.export([own])
                let desk = street.server.desk
                for await _ in desk.systemInfoChanges()
                where desk.settings.networks.values.first?.devices.map(\.uuid) == ["9"] { break }
                #expect(desk.settings.networks.values.first?.heartbeat == 1)
                #expect(desk.settings.networks.values.first?.uuid == TestDiscoveryClient.uuid)
                await client.heard.wait(for: "HeartbeatUpdate")
                #expect(desk.settings.networks.values.first?.devices.count == 1)
                client.isSilent.withLock { $0 = true }
                for await _ in desk.systemInfoChanges()
                where desk.settings.networks.values.first?.devices.isEmpty == true { break }
            }
            // The tunnel is gone, and its network with it.
            let desk = street.server.desk
            for await _ in desk.systemInfoChanges() where desk.settings.networks.isEmpty { break }
        }
    }

    @Test("A virtual device appears, is controlled, and is as forbidden as its parts")
    func virtualDevice() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint) { app in
                _ = try await app.device(named: "Light")
                let udn = "uuid:00000000-0000-4000-8000-0000000000f1"
                let order = VirtualDeviceDescription(
                    .aggregate, rootDeviceType: "urn:schemas-latchkey:device:Room:1",
                    parts: [.init(udn: "uuid:\(Self.light)"), .init(udn: "uuid:\(Self.lock)")])
                try VirtualDevices.check(order, udn: udn, home: street.server.homeDevices)
                let desk = street.server.desk
                try await desk.add(ListedVirtualDevice(id: udn, document: "", description: order))
                let room = try await app.device(named: "Light + Lock")
                #expect(room.udn == udn && !room.description.serialized().contains("192.0.2."))
                let control = try #require(room.service("urn:upnp-org:serviceId:SwitchPower")?.controlURL)
                _ = try await app.controlPoint.invoke(
                    ActionRequest(
                        serviceType: "urn:schemas-upnp-org:service:SwitchPower:1", action: "SetTarget",
                        arguments: [ActionArgument("newTargetValue", "1")]), at: control)
                #expect(street.acts.lines == ["light 1"])
                // What has the lock in it is not for those who may not have the lock.
                try await street.withDiscoveryClient(.preset("control"), at: endpoint, named: "guest") { guest in
                    await guest.list { $0.contains(Self.light) }
                    #expect(await guest.agent?.state.remote["00000000-0000-4000-8000-0000000000f1"] == nil)
                }
                // The parts are hidden, and the whole stays.
                try await desk.edit([
                    RADAFilter(
                        target: desk.uuid, controlMode: .denyList, update: .add,
                        devices: [RADADeviceInfo(uuid: Self.light), RADADeviceInfo(uuid: Self.lock)])
                ])
                try await street.withDiscoveryClient(.preset("full"), at: endpoint, named: "owner") { owner in
                    await owner.list { $0.contains("00000000-0000-4000-8000-0000000000f1") }
                    #expect(await owner.agent?.state.remote[Self.light] == nil)
                }
                _ = try await app.controlPoint.invoke(
                    ActionRequest(
                        serviceType: "urn:schemas-upnp-org:service:SwitchPower:1", action: "SetTarget",
                        arguments: [ActionArgument("newTargetValue", "0")]), at: control)
                #expect(street.acts.lines == ["light 1", "light 0"])
            }
        }
    }
}
