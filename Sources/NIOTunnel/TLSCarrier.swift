package import HTTPTypes
package import NetworkTypes
package import Tunnel

/// A carrier on HTTP/2 over TLS over TCP.
///
/// The end that dialled opens exchanges: those of class control and event on its first connection,
/// those of class media on a second one, which is opened when it is needed and closed when it is idle.
/// The end that accepted has one carrier for each connection and answers.
package final class TLSCarrier: Carrier {
    /// The address that is connected.
    package let remote: SocketEndpoint
    /// The certificate that the peer proved to own; nil for a client that pairs.
    package let peerCertificate: PeerCertificate?

    init(remote: SocketEndpoint, peerCertificate: PeerCertificate?) {
        self.remote = remote
        self.peerCertificate = peerCertificate
    }

    package func withExchange<Result: Sendable>(
        _ request: HTTPRequest,
        trafficClass: TrafficClass,
        _ body: @Sendable (any OutboundExchange) async throws -> Result
    ) async throws -> Result {
        throw CarrierEnd.closed
    }

    package func serve(_ handler: @escaping @Sendable (any InboundExchange) async -> Void) async throws {}
    package func close(_ reason: CarrierEnd) {}
    package func ended() async -> CarrierEnd { .closed }
}
