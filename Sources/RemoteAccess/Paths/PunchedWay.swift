import HTTPTypes
package import NIOCore
import NIOTraversal
package import NIOTunnelQUIC
import Traversal
package import Tunnel

extension Way {
    /// Datagrams through holes in both NATs, or over a TURN server of either end where there are none to be had. The first
    /// exchange, in which both ends tell their candidates, goes over the carrier that stands.
    package static func punched(
        _ settings: PunchingSettings, dialer: QUICDialer, identity: TunnelIdentity, eventLoopGroup: any EventLoopGroup,
        verifyServer: @escaping @Sendable (PeerCertificate) -> String?
    ) -> Way {
        Way(.punched, "udp") { context in
            guard let link = context.link else {
                throw TunnelError(
                    .unreachable, "Another way is needed first, over which both ends tell where they are.")
            }
            let session = try await settings.begin(.controlling, on: eventLoopGroup.next())
            do {
                return try await within(settings.patience) {
                    let own = try await settings.description(of: session)
                    let theirs = try await exchange(own, over: link)
                    session.setRemote(theirs)
                    await session.findOnLink(own: own, peer: theirs)
                    let path = ObservedPath(session, events: session.events)
                    try await path.waitForRoute()
                    let carrier = try await dialer.connect(over: path, identity: identity, verifyServer: verifyServer)
                    return Reached(
                        carrier: carrier, changes: path.changes,
                        silence: Silence(changes: path.silence, now: { path.isSilent }),
                        now: {
                            guard let route = path.route else { return (.punched, "udp") }
                            let kind: PathKind =
                                route.kind == .relayed ? .turn : route.kind == .host ? .direct : .punched
                            return (kind, "udp \(route.remote)")
                        })
                }
            } catch {
                session.close()
                throw error
            }
        }
    }

    private static func exchange(_ own: ICEDescription, over link: Link) async throws -> ICEDescription {
        var request = HTTPRequest(method: .post, scheme: "https", authority: "gateway", path: WirePath.path)
        request.headerFields[.latchkeySession] = link.session
        request.headerFields[.contentType] = "application/octet-stream"
        let (head, body) = try await link.carrier.call(
            request, body: ByteBuffer(bytes: own.encoded()), upTo: WireLimits().messageBytes)
        guard head.status == .ok else { throw Problem(reading: head, body) }
        return try ICEDescription(decoding: Array(body.readableBytesView))
    }
}

/// Runs something that must not take longer.
private func within<Result: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw TunnelError(.timedOut, "No direct path was found in \(limit.components.seconds) seconds.")
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw CancellationError() }
        return result
    }
}
