public import NetworkTypes

extension Advertiser {
    /// Something to send.
    public enum Transmission: Hashable, Sendable {
        /// To the group.
        case multicast([UInt8])
        /// To who asked.
        case unicast([UInt8], to: SocketEndpoint)
        /// To who asked for it, over a TCP connection that is opened for it and then closed (UDA 2.0 §1.3.3,
        /// TCPPORT): answers one after another. The driver bounds how many connections it opens, and for how
        /// long; when one cannot be opened nothing is sent.
        case stream([UInt8], to: SocketEndpoint)
    }

    /// What became of a search.
    public enum SearchOutcome: Hashable, Sendable {
        /// So many answers wait for their time; 0 when nothing matches or all are waiting already.
        case scheduled(Int)
        /// A multicast search without MX, or an asker that no answer can go to.
        case malformed
        /// `accepts` said no.
        case notAccepted
        /// The rate or the queue's limit cut answers off; so many were scheduled.
        case limited(Int)
    }

    /// Byebyes that go out once more.
    struct Farewell: Sendable {
        var udn: String
        var datagrams: [[UInt8]]
        var next: ContinuousClock.Instant
        var remaining: Int
    }
}
