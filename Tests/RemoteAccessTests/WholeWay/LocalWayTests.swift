import HTTPTypes
import Logging
import NIOUPnP
import NetworkTypes
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

@Suite(
    "The way within one process", .serialized, .timeLimit(.minutes(2)),
    .enabled(if: Street.interfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct LocalWayTests {
    @Test("An app finds, switches and hears a lamp of the other network without a tunnel, and is not shown the lock")
    func lamp() async throws {
        try await Street(locally: .preset("control")).whileOpen { street, _ in
            let entrance = try #require(street.entrance)
            try await street.withClient(of: .init(entrance: entrance)) { client, controlPoint, _ in
                let light = try await Self.device("Light", of: controlPoint)
                #expect(light.location.host == "198.51.100.1")
                let service = try #require(light.services.first)
                try await controlPoint.withSubscription(to: try #require(service.eventSubURL)) { changes in
                    var changes = changes.makeAsyncIterator()
                    #expect(await changes.next()?["Status"] == "0")
                    _ = try await controlPoint.invoke(
                        ActionRequest(
                            serviceType: service.serviceType, action: "SetTarget",
                            arguments: [ActionArgument("newTargetValue", "1")]), at: try #require(service.controlURL))
                    #expect(await changes.next()?["Status"] == "1")
                }
                #expect(!(await client.devices()).map(\.device.friendlyName).contains("Lock"))
                #expect(street.server.sessions.map(\.name) == ["vlan"])
            }
        }
    }

    @Test("Revoking the subject takes everything away that its network was shown")
    func revoked() async throws {
        try await Street(locally: .preset("full")).whileOpen { street, _ in
            let entrance = try #require(street.entrance)
            try await street.withClient(of: .init(entrance: entrance)) { client, controlPoint, said in
                let light = try await Self.device("Light", of: controlPoint)
                _ = try await street.trust.revoke(entrance.subject)
                await said.wait(for: "withdraw(udn: \"\(light.udn)\", byebye: true)")
                await said.wait(for: "The pairing was revoked.")
            }
        }
    }

    private static func device(_ name: String, of controlPoint: ControlPoint) async throws -> RootDevice {
        for await change in controlPoint.changes {
            if case .appeared(let device) = change, device.description.device.friendlyName == name { return device }
        }
        throw CancellationError()
    }
}

@Suite("The subject of sessions within one process")
struct LocalSubjectTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test("It is made once, keeps what it has, and takes another preset when one is named")
    func once() async throws {
        let store = InMemoryGatewayStore()
        let trust = try await GatewayTrust.load(from: store, name: "Home", logger: logger)
        let first = try await trust.localSubject(named: "vlan", scope: nil, orNew: .preset("control"))
        #expect(trust.activeSubject(first.rawValue)?.name == "vlan")
        #expect(try await trust.localSubject(named: "vlan", scope: nil, orNew: .preset("full")) == first)
        #expect(try await store.ledger().activeGrants == [Grant(subject: first, scope: .preset("control"))])
        #expect(try await trust.localSubject(named: "vlan", scope: .preset("media"), orNew: .preset("full")) == first)
        #expect(try await store.ledger().activeGrants == [Grant(subject: first, scope: .preset("media"))])
        #expect(try await trust.localSubject(named: "vlan-back", scope: nil, orNew: .preset("full")) != first)
    }

    @Test("One that was revoked does not come back by a restart")
    func revoked() async throws {
        let store = InMemoryGatewayStore()
        let trust = try await GatewayTrust.load(from: store, name: "Home", logger: logger)
        let subject = try await trust.localSubject(named: "vlan", scope: nil, orNew: .preset("control"))
        _ = try await trust.revoke(subject)
        let again = try await GatewayTrust.load(from: store, name: "Home", logger: logger)
        await #expect(throws: Problem.self) {
            try await again.localSubject(named: "vlan", scope: .preset("full"), orNew: .preset("full"))
        }
    }
}

@Suite("The home's directory")
struct HomeDirectoryTests {
    @Test("What an away client mirrors is no device of this home, also when it was one a moment ago")
    func mirrored() throws {
        let directory = HomeDirectory()
        let device = try Self.device(server: "Linux/6 UPnP/2.0 Latchkey/1")
        guard case .appeared = directory.apply(.appeared(device)) else { throw CancellationError() }
        #expect(directory.devices.map(\.udn) == ["uuid:1"])
        guard
            case .disappeared = directory.apply(.changed(try Self.device(server: RemoteAccessClient.mirrorServerName)))
        else { throw CancellationError() }
        #expect(directory.apply(.appeared(try Self.device(server: RemoteAccessClient.mirrorServerName))) == nil)
        #expect(directory.devices.isEmpty)
    }

    private static func device(server: String) throws -> RootDevice {
        let location = try #require(HTTPURL("http://192.0.2.7:80/d.xml"))
        return RootDevice(
            udn: "uuid:1", location: location,
            description: RootDescription(
                device: DeviceDescription(
                    deviceType: "urn:schemas-upnp-org:device:BinaryLight:1", friendlyName: "Light",
                    manufacturer: "test", modelName: "test", udn: "uuid:1")),
            base: location,
            interface: InterfaceAddress(
                interface: "lk0", index: 1, address: .v4(IPv4Address(192, 0, 2, 1)),
                prefix: try #require(IPPrefix("192.0.2.0/24"))),
            server: server)
    }
}
