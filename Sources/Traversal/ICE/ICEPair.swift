package import NetworkTypes

/// An own candidate and one of the peer's, and what checks have told of them (RFC 8445 §6.1.2).
struct ICEPair: Sendable {
    /// By what a pair is found: the addresses that its checks bear, as this end sees them.
    struct Key: Hashable, Sendable {
        let local: SocketEndpoint
        let remote: SocketEndpoint
    }

    /// §6.1.2.6.
    enum State: Hashable, Sendable { case frozen, waiting, inProgress, succeeded, failed }

    let key: Key
    let local: ICECandidate
    var remote: ICECandidate
    var state = State.frozen
    /// The local candidate as the peer sees it, once a check was answered.
    var mapped: SocketEndpoint?
    /// It has failed before, and is given up sooner.
    var isRetry = false
    /// The peer has proved itself at the remote address.
    var isHeard = false
    /// The peer has nominated the pair: by this number, or by none.
    var peerNomination: Nomination?
    /// How the pair has answered lately.
    var liveness = ICELiveness()

    /// A controlling end's choice. Those with a number follow each other, one without is the only one.
    struct Nomination: Hashable, Sendable {
        var number: UInt32?
    }

    /// What unfreezes together (§6.1.2.6).
    var foundation: String { local.foundation + " " + remote.foundation }

    /// Larger is better (§6.1.2.3).
    func priority(isControlling: Bool) -> UInt64 {
        let own = UInt64(local.priority)
        let other = UInt64(remote.priority)
        let (controlling, controlled) = isControlling ? (own, other) : (other, own)
        return min(controlling, controlled) << 32 + 2 * max(controlling, controlled)
            + (controlling > controlled ? 1 : 0)
    }

    /// Whether a server forwards, at this end or, as far as it is known, at the other.
    var isRelayed: Bool { local.kind == .relayed || remote.kind == .relayed }

    var route: ICERoute {
        ICERoute(
            local: key.local, remote: key.remote, localKind: localKind, remoteKind: remote.kind)
    }

    private var localKind: ICECandidate.Kind {
        guard local.kind == .host, let mapped, mapped != SocketEndpoint(local.address.address, port: local.address.port)
        else { return local.kind }
        return .serverReflexive
    }
}

/// The pair that is in use.
package struct ICERoute: Hashable, Sendable {
    /// From where datagrams leave: a socket's address, or a relayed one.
    package let local: SocketEndpoint
    /// Where they go.
    package let remote: SocketEndpoint
    /// What this end is to the peer: reflexive where a NAT stands before it.
    package let localKind: ICECandidate.Kind
    /// What the peer has said that its address is; peer reflexive where it was not told.
    package let remoteKind: ICECandidate.Kind

    /// Whether a TURN server of either end forwards, as far as this end knows.
    package var isRelayed: Bool { localKind == .relayed || remoteKind == .relayed }
}

/// When a pair was asked whether it lives, and when it said so (RFC 7675).
struct ICELiveness: Sendable {
    /// When it is asked next; nil while it is not watched.
    var next: ContinuousClock.Instant?
    /// Since when it has not answered, though asked.
    var silentSince: ContinuousClock.Instant?
    /// When the request was sent that it answered last.
    var lastAnswer: ContinuousClock.Instant?
    /// Not to be chosen before: it was left because it had gone silent.
    var barredUntil: ContinuousClock.Instant?
}
