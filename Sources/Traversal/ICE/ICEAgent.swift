package import NetworkTypes

/// One end's search for a way to the other (RFC 8445, one component), and its watch over the way found (RFC 7675).
///
///     candidates of both ends ─▶ checks ─▶ a pair succeeds ─▶ nominated ─▶ selected ─▶ better one nominated …
///                                  └─ none ─▶ failed                        └─ silent ─▶ one in reserve, or failed
///
/// A value: datagrams, candidates and the time go in, ``nextOutput()`` says what is to be done, ``nextTimer`` when
/// ``handleTimer(now:)`` is to be called. After each call the outputs are drained.
///
/// What RFC 8445 leaves to agreement: where both descriptions say so, the controlling end goes on after its first nomination
/// and nominates better pairs as they succeed, each with a number, of which the peer follows the highest; so a relayed pair
/// serves at once and the direct one takes its place. Towards others it nominates once.
///
/// What it does not do: gather candidates, carry data, or prove that both ends are on one link.
package struct ICEAgent: Sendable {
    /// Who chooses the pair (§6.1.1).
    package enum Role: Hashable, Sendable { case controlling, controlled }

    /// Why there is no pair.
    package enum Failure: Hashable, Sendable {
        /// No check was answered.
        case noPair
        /// The selected pair has not answered for ``ICEConfiguration/consentLifetime``.
        case silent
        /// The peer has said that it wants no more (RFC 7675 §5.2).
        case revoked
    }

    /// What is to be done.
    package enum Output: Hashable, Sendable {
        /// Send these bytes from a base to the peer's address.
        case send([UInt8], from: SocketEndpoint, to: SocketEndpoint)
        /// Data goes this way from here on.
        case selected(ICERoute)
        /// The selected pair does not answer, and none in reserve does either, so that data may be lost: true, and again each
        /// second. It answers again, or another one serves: false.
        case silent(Bool)
        /// No data may be sent. A restart may help, or candidates that come later.
        case failed(Failure)
    }

    /// A request on its way.
    struct Check: Sendable {
        /// Checks are sent again in the order in which they were sent first.
        let order: UInt64
        let key: ICEPair.Key
        let bytes: [UInt8]
        let sentAt: ContinuousClock.Instant
        let remote: ICECredentials
        let role: Role
        /// Nil where it is sent once: a question about consent.
        var timer: STUNTransactionTimer?
        var nomination: ICEPair.Nomination?
        /// Another check of the pair has taken its place: an answer still counts, silence does not.
        var isReplaced = false
        /// It belongs to the pair of an earlier generation.
        var isFormer = false
    }

    /// A pair of an earlier generation that serves until the present one has a pair.
    struct Former: Sendable {
        var pair: ICEPair
        let local: ICECredentials
        let remote: ICECredentials
    }

    /// The most proofs of one link that are kept.
    package static let maximumNeighbours = 16

    package let configuration: ICEConfiguration
    package internal(set) var role: Role
    package internal(set) var localCredentials: ICECredentials
    package internal(set) var remoteCredentials: ICECredentials?
    /// The own candidates, in the order in which they came; at most ``ICEDescription/maximumCandidates``.
    package internal(set) var localCandidates: [ICECandidate] = []
    /// The peer's, those learned in checks among them.
    package internal(set) var remoteCandidates: [ICECandidate] = []
    /// Candidates of the peer that were not taken: too many, or such as nobody may name.
    package internal(set) var refusedCandidates = 0
    /// Both ends are known to be on one network, so that every private candidate is checked.
    package let isSameNetwork: Bool
    /// Addresses of both ends that have proved to be on one link; at most ``maximumNeighbours``.
    package internal(set) var neighbours: Set<ICENeighbours> = []

    var random: any RandomNumberGenerator & Sendable
    var tieBreaker: UInt64
    /// What the foundations stand for, by number; stays over restarts.
    var origins: [ICEOrigin] = []
    /// Candidates of the peer within a network, until their addresses have proved to be on a link of this end.
    var withheld: [ICECandidate] = []
    var localIsComplete = false
    var remoteIsComplete = false
    var remoteRenominates = false
    var pacing: Duration
    var pairs: [ICEPair.Key: ICEPair] = [:]
    var triggered: [ICEPair.Key] = []
    var sentChecks: UInt64 = 0
    var checks: [STUNMessage.Transaction: Check] = [:]
    /// Checks that came before the peer's credentials did.
    var early: [EarlyCheck] = []
    var nextSlot: ContinuousClock.Instant
    var deadline: ContinuousClock.Instant?
    var firstSuccess: ContinuousClock.Instant?
    var selected: ICEPair.Key?
    /// The pair that is being nominated.
    var nominating: (key: ICEPair.Key, nomination: ICEPair.Nomination)?
    var lastNomination: UInt32 = 0
    var climb: (at: ContinuousClock.Instant, wait: Duration)?
    var former: Former?
    var hasFailed = false
    /// When the selected pair's silence was told of last.
    var silenceToldAt: ContinuousClock.Instant?
    /// The silence of the selected pair for which everything else was checked anew.
    var recheckedFor: ContinuousClock.Instant?
    private var outputs: [Output] = []

    /// Makes an agent with new credentials.
    package init(
        _ role: Role, configuration: ICEConfiguration = ICEConfiguration(), isSameNetwork: Bool = false,
        random: any RandomNumberGenerator & Sendable, now: ContinuousClock.Instant
    ) {
        var random = random
        self.role = role
        self.configuration = configuration
        self.isSameNetwork = isSameNetwork
        localCredentials = ICECredentials(using: &random)
        tieBreaker = random.next()
        self.random = random
        pacing = configuration.pacing.clamped(to: ICEDescription.pacings)
        nextSlot = now
    }

    /// What the peer is to be told.
    package var localDescription: ICEDescription {
        ICEDescription(
            localCredentials, candidates: localCandidates, isComplete: localIsComplete,
            renominates: configuration.renominates, pacing: configuration.pacing)
    }

    /// The pair that data takes.
    package var route: ICERoute? { activePair?.route }

    /// Whether a datagram that is not STUN's may be the peer's: it came where the peer has proved itself.
    package func accepts(dataAt local: SocketEndpoint, from remote: SocketEndpoint) -> Bool {
        let key = ICEPair.Key(local: local, remote: remote)
        if let pair = pairs[key], pair.isHeard || pair.state == .succeeded { return true }
        return former?.pair.key == key
    }

    /// Takes the next thing to do.
    package mutating func nextOutput() -> Output? { outputs.isEmpty ? nil : outputs.removeFirst() }

    mutating func emit(_ output: Output) { outputs.append(output) }

    var activePair: ICEPair? { selected.flatMap { pairs[$0] } ?? former?.pair }

    /// Whether both ends agree that later nominations replace earlier ones.
    var renominates: Bool { configuration.renominates && remoteRenominates }

    func priority(_ key: ICEPair.Key) -> UInt64 {
        pairs[key]?.priority(isControlling: role == .controlling) ?? 0
    }

    /// Pairs that fulfil a condition, the best first.
    func ranked(_ isWanted: (ICEPair) -> Bool) -> [ICEPair.Key] {
        let isControlling = role == .controlling
        return pairs.values.filter(isWanted)
            .map { ($0.priority(isControlling: isControlling), $0.key) }
            // Equal ones in an order that does not depend on the process.
            .sorted { $0.0 == $1.0 ? "\($0.1)" < "\($1.1)" : $0.0 > $1.0 }
            .map(\.1)
    }
}
