/// Whether a router has kept its mappings since it was last heard (RFC 6887 §8.5, RFC 6886 §3.6).
///
/// Both protocols carry the seconds since the router lost its state; a value that has grown otherwise than our own clock
/// says that it has lost it again.
package struct ServerEpoch: Hashable, Sendable {
    private var last: (server: UInt32, at: ContinuousClock.Instant)?

    package init() {}

    /// Notes what a router said; false when it has lost its state since the time before.
    package mutating func isConsistent(_ server: UInt32, at now: ContinuousClock.Instant) -> Bool {
        defer { last = (server, now) }
        guard let last else { return true }
        // A second back is a matter of two packets that overtook each other.
        guard Int64(server) >= Int64(last.server) - 1 else { return false }
        let own = (now - last.at).components.seconds
        let theirs = Int64(server) - Int64(last.server)
        // One sixteenth for clocks that run differently, two seconds for rounding and the way.
        return own + 2 >= theirs - theirs / 16 && theirs + 2 >= own - own / 16
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.last?.server == right.last?.server && left.last?.at == right.last?.at
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(last?.server)
        hasher.combine(last?.at)
    }
}
