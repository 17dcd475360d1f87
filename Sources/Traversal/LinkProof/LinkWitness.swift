package import NetworkTypes

/// The end that is asked whether the other is on one of its links: it listens for as long as a search lasts, and answers what
/// is proved, comes from a neighbour's address and was not answered before.
///
/// A value: datagrams and the time go in, ``nextOutput()`` says what is to be done.
package struct LinkWitness: Sendable {
    /// What is to be done.
    package enum Output: Hashable, Sendable {
        /// Send an answer from the own address on the link.
        case answer([UInt8], to: SocketEndpoint, from: InterfaceAddress)
        /// The peer is on this link.
        case proved(ICENeighbours)
        /// Nothing follows: the sockets are not needed any more.
        case ended
    }

    /// How long it listens: the asker's whole time, and that of the exchange before it.
    package static let lifetime = LinkSeeker.lifetime + .seconds(2)
    /// The most answers in one search, and the most within one of `slice`.
    package static let maximumAnswers = 16
    package static let answersPerSlice = 4
    package static let slice = Duration.milliseconds(100)
    /// The most datagrams whose proof is computed, and the most that are looked at, in one search; then it ends.
    package static let maximumLooks = 64
    package static let maximumDatagrams = 2_048

    private let keys: LinkProofKeys
    private let links: [InterfaceAddress]
    private let end: ContinuousClock.Instant
    private var answered: Set<[UInt8]> = []
    private var proved: Set<ICENeighbours> = []
    private var sliceStart: ContinuousClock.Instant
    private var inSlice = 0
    private var looks = 0
    private var datagrams = 0
    private var isOver = false
    private var outputs: [Output] = []

    /// - Parameter links: Where it listens; those with public addresses, and those beyond ``LinkSeeker/maximumLinks``, are left
    ///   out.
    package init(_ keys: LinkProofKeys, links: [InterfaceAddress], now: ContinuousClock.Instant) {
        self.keys = keys
        self.links = Array(links.filter(\.needsProof).prefix(LinkSeeker.maximumLinks))
        end = now + Self.lifetime
        sliceStart = now
        if self.links.isEmpty { finish() }
    }

    /// When ``handleTimer(now:)`` has something to do; nil when it is over.
    package var nextTimer: ContinuousClock.Instant? { isOver ? nil : end }

    /// Ends the search when its time is over.
    package mutating func handleTimer(now: ContinuousClock.Instant) {
        if now >= end { finish() }
    }

    /// Takes what came to the group on a link.
    package mutating func receive(
        _ bytes: [UInt8], on link: InterfaceAddress, from source: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        guard !isOver, now < end, links.contains(link) else { return }
        datagrams += 1
        if datagrams >= Self.maximumDatagrams { finish() }
        // What comes from beyond the link's own network proves nothing, and is not answered either.
        guard LinkProofMessage.looksLikeQuestion(bytes), source.port >= 1024, link.isOnLink(source.address) else {
            return
        }
        let nonce = LinkProofMessage.nonce(of: bytes)
        guard !answered.contains(nonce) else { return }
        looks += 1
        if looks >= Self.maximumLooks { finish() }
        guard LinkProofMessage.isProved(bytes, LinkProofMessage.Ends(asker: source, witness: nil), keys),
            mayAnswer(now: now)
        else { return }
        answered.insert(nonce)
        let neighbours = ICENeighbours(own: link.address, peer: source.address)
        if proved.insert(neighbours).inserted { outputs.append(.proved(neighbours)) }
        let ends = LinkProofMessage.Ends(asker: source, witness: link.address)
        outputs.append(.answer(LinkProofMessage.encode(nonce, ends, keys), to: source, from: link))
        if answered.count >= Self.maximumAnswers { finish() }
    }

    /// Takes the next thing to do.
    package mutating func nextOutput() -> Output? { outputs.isEmpty ? nil : outputs.removeFirst() }

    private mutating func mayAnswer(now: ContinuousClock.Instant) -> Bool {
        if now - sliceStart >= Self.slice {
            sliceStart = now
            inSlice = 0
        }
        inSlice += 1
        return inSlice <= Self.answersPerSlice
    }

    private mutating func finish() {
        guard !isOver else { return }
        isOver = true
        outputs.append(.ended)
    }
}
