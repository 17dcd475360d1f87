import Traversal

/// What the NATs of both sides allow together, judged. Pure.
struct NATPair: Hashable, Sendable {
    /// Nil where nobody has found out.
    var own: NATBehavior?
    var peer: NATBehavior?

    /// What is to be expected of a hole in both.
    enum Verdict: Hashable, Sendable {
        /// Neither can guess the other's port.
        case hopeless
        /// One takes another port for each peer, and the other lets in only ports that it has sent to.
        case hopelessOneSided(isOwn: Bool)
        /// Nothing that is known speaks against it.
        case possible
        /// Of one side nothing is known.
        case unknown
    }

    var verdict: Verdict {
        guard let own, let peer, let mine = own.mapping, let theirs = peer.mapping else { return .unknown }
        switch (mine.changesPorts, theirs.changesPorts) {
        case (true, true): return .hopeless
        case (true, false): return peer.lacksOpenDoor ? .hopelessOneSided(isOwn: true) : .possible
        case (false, true): return own.lacksOpenDoor ? .hopelessOneSided(isOwn: false) : .possible
        case (false, false): return .possible
        }
    }

    /// A sentence for people; nil where there is nothing to say.
    func sentence(own ownName: String, peer peerName: String) -> String? {
        switch verdict {
        case .hopeless: "Both NATs take another port for each peer, so no hole can be punched."
        case .hopelessOneSided(let isOwn):
            "\((isOwn ? ownName : peerName).capitalizedFirst) NAT takes another port for each peer, and \(isOwn ? peerName : ownName) "
                + "lets in only ports that it has sent to, so no hole can be punched."
        case .possible: "Both NATs allow a hole: a direct path should be found."
        case .unknown: nil
        }
    }
}

extension NATBehavior.Mapping {
    /// Whether another peer sees another port.
    fileprivate var changesPorts: Bool { self == .addressDependent || self == .addressAndPortDependent }
}

extension NATBehavior {
    /// Whether who comes from an unknown port is not let in; what is not known is taken for the strictest.
    fileprivate var lacksOpenDoor: Bool {
        filtering == .addressAndPortDependent || (filtering == nil && mapping != NATBehavior.Mapping.none)
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
