import HTTPTypes
import NIOCore
import NIOUPnP
import NetworkTypes
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import RemoteAccess

extension App {
    /// Invokes an action of a device's first service.
    func invoke(
        _ action: String, _ arguments: [ActionArgument] = [], on device: RootDevice
    ) async throws -> ActionResponse {
        let service = try #require(device.services.first)
        return try await controlPoint.invoke(
            ActionRequest(serviceType: service.serviceType, action: action, arguments: arguments),
            at: try #require(service.controlURL))
    }

    /// Waits for what `isWanted` of a device.
    func change(_ isWanted: (DeviceChange) -> Bool) async {
        for await change in controlPoint.changes where isWanted(change) { return }
    }
}

extension Street {
    /// Gives the one paired client something else.
    func regrant(_ scope: Grant.Scope) async throws {
        let subject = try #require(try await store.ledger().subjects.first { $0.revokedAt == nil })
        try await store.setGrant(Grant(subject: subject.id, scope: scope), expecting: nil)
    }
}

@Suite(
    "A policy that changes holds at once, for sessions that are open", .serialized, .timeLimit(.minutes(2)),
    .enabled(if: Street.interfaces.count == 2, "needs the two interfaces of scripts/in-namespace"))
struct LivePolicyTests {
    @Test("A device that may no longer be used says byebye, and comes back when it may; the session goes on")
    func device() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint) { app in
                let lock = try await app.device(named: "Lock")
                let session = try #require(street.server.sessions.first?.id)
                try await street.regrant(.preset("control"))
                await app.change { if case .disappeared(lock.udn, _) = $0 { true } else { false } }
                await #expect(throws: (any Error).self) { try await app.invoke("Open", on: lock) }
                #expect(!street.acts.lines.contains("lock open"))
                try await street.regrant(.preset("full"))
                let again = try await app.device(named: "Lock")
                _ = try await app.invoke("Open", on: again)
                #expect(street.acts.lines.contains("lock open"))
                #expect(street.server.sessions.map(\.id) == [session])
            }
        }
    }

    @Test("A stream that may no longer run is reset although nobody reads it, and a subscription ends")
    func running() async throws {
        try await Street().whileOpen { street, endpoint in
            try await street.withClient(.preset("full"), at: endpoint) { app in
                let shelf = try await app.device(named: "Shelf")
                let url = try #require(try await app.invoke("LocateEndless", on: shelf)["URI"].flatMap { HTTPURL($0) })
                let streaming = Journal()
                let stream = Task {
                    let request = HTTPRequest(
                        method: .get, scheme: "http", authority: url.authority, path: url.pathAndQuery)
                    try await app.controlPoint.client.withResponse(
                        request, to: SocketEndpoint(.v4(IPv4Address(198, 51, 100, 1)), port: url.port)
                    ) { _, body in
                        for try await _ in body {
                            streaming.note("chunk")
                            await streaming.wait(for: "go on")
                        }
                    }
                }
                await streaming.wait(for: "chunk")
                try await street.regrant(.preset("control"))
                await app.change { if case .disappeared(shelf.udn, _) = $0 { true } else { false } }
                streaming.note("go on")
                await #expect(throws: (any Error).self) { try await stream.value }
                #expect(street.server.sessions.count == 1)
            }
        }
    }
}
