import Foundation
import HTTPTypes
import NIOCore
import NIOUPnP
import NetworkTypes
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

@Suite(
    "The whole way from an app to a device", .serialized, .timeLimit(.minutes(2)),
    .enabled(if: Street.interfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct WholeWayTests {
    private func invoke(
        _ action: String, _ arguments: [ActionArgument] = [], on device: RootDevice, by app: App
    ) async throws -> ActionResponse {
        let service = try #require(device.services.first)
        return try await app.controlPoint.invoke(
            ActionRequest(serviceType: service.serviceType, action: action, arguments: arguments),
            at: try #require(service.controlURL))
    }

    @Test("An app finds, describes and switches a lamp that is not on its network, and hears it change")
    func lamp() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint) { app in
                let light = try await app.device(named: "Light")
                #expect(light.udn == "uuid:00000000-0000-4000-8000-000000000001")
                #expect(light.location.host == "198.51.100.1")
                #expect(!light.description.serialized().contains("192.0.2."))
                let events = try #require(light.services.first?.eventSubURL)
                try await app.controlPoint.withSubscription(to: events) { changes in
                    var changes = changes.makeAsyncIterator()
                    #expect(await changes.next()?["Status"] == "0")
                    _ = try await invoke("SetTarget", [ActionArgument("newTargetValue", "1")], on: light, by: app)
                    #expect(await changes.next()?["Status"] == "1")
                }
                #expect(street.acts.lines == ["light 1"])
            }
        }
    }

    @Test("What a client may not use it does not see, and cannot call by what another client was issued")
    func hidden() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint, named: "owner") { owner in
                let lock = try await owner.device(named: "Lock")
                let path = try #require(lock.services.first?.controlURL?.path)
                // On a network of its own: where the owner's mirror is heard, the guest's would be silent.
                try await street.withClient(.preset("control"), at: endpoint, named: "guest", elsewhere: true) {
                    guest in
                    await guest.said.wait(for: "announce")
                    let shown = await guest.client.devices().map(\.device.friendlyName)
                    #expect(!shown.contains("Lock"))
                    // The same host serves both clients, so the guest's own server is asked for the owner's path.
                    let serving = try #require(guest.said.lines.first { $0.hasPrefix("serving(") })
                    let authority = serving.dropFirst(8).dropLast()
                    let url = try #require(HTTPURL("http://\(authority)\(path)"))
                    await #expect(throws: (any Error).self) {
                        _ = try await guest.controlPoint.invoke(
                            ActionRequest(
                                serviceType: "urn:schemas-latchkey:service:DoorLock:1", action: "Open"), at: url)
                    }
                }
            }
            #expect(!street.acts.lines.contains("lock open"))
        }
    }

    @Test("A URL is translated both ways, and neither a made-up nor a repeated nor a neighbouring one passes")
    func urls() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint) { app in
                let shelf = try await app.device(named: "Shelf")
                let located = try await invoke("Locate", on: shelf, by: app)
                let url = try #require(located["URI"].flatMap { HTTPURL($0) })
                #expect(url.host == "198.51.100.1")
                let (head, body) = try await app.get(url)
                #expect(head.status == .ok)
                #expect(String(buffer: body) == "this is item22")
                // Back home it is the device's own URL again.
                _ = try await invoke("Play", [ActionArgument("URI", url.description)], on: shelf, by: app)
                let played = try #require(street.acts.lines.last)
                #expect(played.hasPrefix("play http://192.0.2.1:"))
                // A home URL is refused although it is true: nobody issued it to this client.
                let home = String(played.dropFirst(5))
                for made in [
                    home, home.replacingOccurrences(of: "item22", with: "item23"), "http://192.0.2.254/",
                    "http://127.0.0.1/",
                    "http://169.254.1.1/", url.description.replacingOccurrences(of: "/m/", with: "/m/A"),
                ] {
                    await #expect(throws: UPnPFault.self, "\(made)") {
                        _ = try await invoke("Play", [ActionArgument("URI", made)], on: shelf, by: app)
                    }
                }
                #expect(street.acts.lines.count == 1)
                // The last letter of the token is enough to be somewhere else, and that is nowhere.
                let walked = try #require(HTTPURL(url.description.replacingOccurrences(of: "item22", with: "item23")))
                #expect(String(buffer: try await app.get(walked).1) == "this is item22")
            }
        }
    }

    @Test("Revocation breaks a running stream within a second, and the client is told")
    func revocation() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint) { app in
                let shelf = try await app.device(named: "Shelf")
                let located = try await invoke("LocateEndless", on: shelf, by: app)
                let url = try #require(located["URI"].flatMap { HTTPURL($0) })
                let clock = ContinuousClock()
                let streaming = Journal()
                let stream = Task {
                    let request = HTTPRequest(
                        method: .get, scheme: "http", authority: url.authority, path: url.pathAndQuery)
                    try await app.controlPoint.client.withResponse(
                        request, to: SocketEndpoint(.v4(IPv4Address(198, 51, 100, 1)), port: url.port)
                    ) { _, body in
                        for try await _ in body { streaming.note("chunk") }
                    }
                }
                await streaming.wait(for: "chunk")
                let subject = try #require(try await street.store.ledger().subjects.first)
                let started = clock.now
                _ = try await street.trust.revoke(subject.id)
                await #expect(throws: (any Error).self) { try await stream.value }
                #expect(started.duration(to: clock.now) < .seconds(1))
                await app.said.wait(for: "revoked")
                #expect(street.server.sessions.isEmpty)
            }
        }
    }

    @Test("A gateway that stops in good order lets its clients say byebye")
    func stopping() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint) { app in
                let light = try await app.device(named: "Light")
                async let gone: Void = {
                    for await change in app.controlPoint.changes {
                        if case .disappeared(light.udn, _) = change { return }
                    }
                }()
                street.server.beginGracefulShutdown()
                await gone
            }
        }
    }

    @Test("A full gateway says so, in words that reach the client's owner")
    func full() async throws {
        try await Street(maxSessions: 1).whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint, named: "first") { first in
                await first.said.wait(for: "connected")
                try await street.withClient(.preset("full"), at: endpoint, named: "second") { second in
                    await second.said.wait(for: "The gateway is full: 1 sessions are open")
                }
            }
        }
    }
}
