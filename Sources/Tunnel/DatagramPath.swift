package import NetworkTypes

package import struct NIOCore.ByteBuffer

/// Where the datagrams of a path go at the moment.
package struct DatagramRoute: Hashable, Sendable {
    /// How a path reaches the peer.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Between addresses that both ends have themselves.
        case host
        /// Through a NAT, at one end or both, and nobody else.
        case punched
        /// Through a TURN server of either end.
        case relayed
    }

    package let kind: Kind
    /// The socket's own address, or the relayed address where it is this end's server that forwards.
    package let local: SocketEndpoint
    /// The peer's address, as this end sends to it.
    package let remote: SocketEndpoint

    package init(_ kind: Kind, local: SocketEndpoint, remote: SocketEndpoint) {
        self.kind = kind
        self.local = local
        self.remote = remote
    }
}

/// Carries datagrams between two ends, as UDP does: some get lost, some come twice or out of order, and all are to be
/// proved by whoever uses the path, because anybody may have sent them.
///
/// A path outlives its route: when a better way is found or the present one dies, ``routes`` says so and datagrams
/// go on. While there is no way, what is sent is lost. When the path is closed, by its user or by whoever made it, both
/// streams finish.
package protocol DatagramPath: Sendable {
    /// Sends a datagram at best effort: what is too large, or more than the socket takes, is dropped. Never waits.
    func send(_ datagram: ByteBuffer)
    /// What arrives, for one reader. At most ``DatagramPathLimits/waiting`` wait to be read; newer ones are dropped.
    var datagrams: AsyncStream<ByteBuffer> { get }
    /// The present route, and each that takes its place; for one reader, who gets only the newest of those that he missed.
    /// What is known of the old route (round trip, congestion, largest size) is not true of the new one.
    var routes: AsyncStream<DatagramRoute> { get }
    /// The largest datagram that ``send(_:)`` takes, in bytes, on any of the path's routes; constant.
    var maximumDatagramSize: Int { get }
    /// Ends the path at once.
    func close()
}

/// The bounds of every path.
package enum DatagramPathLimits {
    /// How many received datagrams wait for their reader: about 1.4 MB.
    package static let waiting = 1_024
    /// What fits into a packet of 1,280 bytes, the least that IPv6 asks of links, behind its header, UDP's, and that of a
    /// TURN channel: at least QUIC's 1,200 (RFC 9000 §14).
    package static let commonSize = 1_228
}
