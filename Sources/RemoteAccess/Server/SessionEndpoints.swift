import Foundation
import HTTPTypes
import Logging
import NIOCore
import TrustCore
import Tunnel

/// The session's own exchanges: opening it, reading its events.
struct SessionEndpoints: Sendable {
    let trust: GatewayTrust
    let registry: SessionRegistry
    let home: HomeMirror
    let hub: SubscriptionHub
    let nested: NestedAuthorization?
    let gatewayUDN: String
    let limits: WireLimits

    /// `POST /v1/session`.
    func open(_ exchange: any InboundExchange, peer: AdmittedPeer, carrier: CarrierID) async throws {
        let body = try await exchange.body.collect(upTo: limits.messageBytes)
        guard let request = try? WireCoding.decode(SessionRequest.self, from: body),
            Self.isAuthority(request.authority)
        else { throw Problem(.badRequest, "This is not a session request.", status: 400) }
        guard let subject = trust.activeSubject(peer.subject) else {
            throw Problem(.refused, "The pairing was revoked.", status: 403)
        }
        guard !trust.policy.endedPasses.contains(subject.id) else {
            throw Problem(.refused, "The guest pass has ended; ask for another one.", status: 403)
        }
        let path = peer.path
        let resumed = request.resume.flatMap {
            registry.attach($0, fingerprint: peer.sessionBinding, carrier: carrier, path: path)
        }
        let session: RemoteSession
        if let resumed, resumed.authority == request.authority {
            session = resumed
        } else {
            let opened = try registry.open(
                subject: subject, fingerprint: peer.sessionBinding,
                carrier: carrier, path: path, authority: request.authority)
            if let evicted = opened.evicted { await end(evicted) }
            session = opened.session
        }
        let identity = trust.identity
        try await exchange.respond(
            json: SessionAnswer(
                session: session.id.description, resumed: session === resumed, gatewayName: identity.name,
                gatewayUDN: gatewayUDN, pins: identity.pins.map(\.description), clientName: subject.name))
    }

    /// Lets go of everything that a session held.
    func end(_ session: RemoteSession) async {
        session.end()
        nested?.ended(session.id.description)
        await hub.detachAll(session)
    }

    /// An authority is written into URLs, so it is a `host:port` and nothing else.
    private static func isAuthority(_ text: String) -> Bool {
        text.utf8.count <= 64 && text.wholeMatch(of: /[0-9.]+:[0-9]{1,5}|\[[0-9a-f:.]+\]:[0-9]{1,5}/) != nil
    }

    /// `GET /v1/events?cursor=N`: what happened since, and from then on what happens, until the carrier ends.
    func events(_ exchange: any InboundExchange, of session: RemoteSession) async throws {
        let query = URLComponents(string: exchange.request.path ?? "")?.queryItems
        let start = query?.first { $0.name == "cursor" }?.value.flatMap(UInt64.init)
        let wakeups = session.wakeups()
        var response = HTTPResponse(status: .ok)
        response.headerFields[.contentType] = "application/x-ndjson"
        try await exchange.respond(response)
        var cursor = try await send(after: start, of: session, to: exchange)
        for await _ in wakeups {
            cursor = try await send(after: cursor, of: session, to: exchange)
        }
        try await exchange.finish()
    }

    /// Sends everything after `cursor`, or a snapshot; answers the position reached.
    private func send(
        after cursor: UInt64?, of session: RemoteSession, to exchange: any InboundExchange
    ) async throws -> UInt64 {
        if let cursor, case .entries(let entries, let next) = session.events(after: cursor) {
            var lines = ByteBuffer()
            let first = next - UInt64(entries.count)
            for (index, content) in entries.enumerated() {
                let event = SessionEvent(cursor: first + UInt64(index) + 1, content: content)
                var line = try WireCoding.encode(event)
                lines.writeBuffer(&line)
                lines.writeInteger(UInt8(ascii: "\n"))
            }
            if lines.readableBytes > 0 { try await exchange.send(lines) }
            return next
        }
        let (subscriptions, position) = await hub.states(for: session)
        let content = SessionEvent.Content.snapshot(devices: home.devices(for: session), subscriptions: subscriptions)
        var line = try WireCoding.encode(SessionEvent(cursor: position, content: content))
        line.writeInteger(UInt8(ascii: "\n"))
        try await exchange.send(line)
        return position
    }
}
