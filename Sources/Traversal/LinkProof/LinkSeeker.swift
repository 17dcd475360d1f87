package import NetworkTypes

/// The end that asks whether the other is on one of its links: a small multicast on each, repeated a few times, until it is
/// answered there.
///
/// A value: datagrams and the time go in, ``nextOutput()`` says what is to be done, ``nextTimer`` when ``handleTimer(now:)``
/// is to be called. It asks on links with private addresses alone: others need no proof.
package struct LinkSeeker: Sendable {
    /// A link, and the own port there that questions come from.
    package struct Place: Hashable, Sendable {
        package let link: InterfaceAddress
        package let port: UInt16

        package init(_ link: InterfaceAddress, port: UInt16) {
            self.link = link
            self.port = port
        }
    }

    /// What is to be done.
    package enum Output: Hashable, Sendable {
        /// Send a question to the group of the link (``LinkProofKeys/group(on:)``), from the place's socket, no further than
        /// the link.
        case ask([UInt8], from: Place)
        /// The peer is on this link.
        case proved(ICENeighbours)
        /// Nothing follows: the sockets are not needed any more.
        case ended
    }

    /// When it is asked, after the beginning.
    package static let schedule: [Duration] = [0, 150, 400, 900, 1_600].map { .milliseconds($0) }
    /// When it gives up.
    package static let lifetime = Duration.milliseconds(2_500)
    /// The most links that are asked on.
    package static let maximumLinks = 8
    /// The most datagrams whose proof is computed; then it ends. A search has no more than forty answers.
    package static let maximumLooks = 64

    private let keys: LinkProofKeys
    private let started: ContinuousClock.Instant
    private var waiting: [Place]
    /// What was asked, from where.
    private var asked: [Place: Set<[UInt8]>] = [:]
    private var random: any RandomNumberGenerator & Sendable
    private var rounds = 0
    private var looks = 0
    private var isOver = false
    private var outputs: [Output] = []

    /// - Parameter places: At most ``maximumLinks``, the best first.
    package init(
        _ keys: LinkProofKeys, places: [Place], random: any RandomNumberGenerator & Sendable,
        now: ContinuousClock.Instant
    ) {
        self.keys = keys
        self.random = random
        started = now
        waiting = Array(places.filter { $0.link.needsProof }.prefix(Self.maximumLinks))
        if waiting.isEmpty { end() }
    }

    /// When ``handleTimer(now:)`` has something to do; nil when it is over.
    package var nextTimer: ContinuousClock.Instant? {
        guard !isOver else { return nil }
        return started + (rounds < Self.schedule.count ? Self.schedule[rounds] : Self.lifetime)
    }

    /// Asks where it was not answered yet, or gives up.
    package mutating func handleTimer(now: ContinuousClock.Instant) {
        guard let due = nextTimer, now >= due else { return }
        guard rounds < Self.schedule.count else { return end() }
        rounds += 1
        for place in waiting {
            let nonce = (0..<LinkProofMessage.nonceLength).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            asked[place, default: []].insert(nonce)
            let ends = LinkProofMessage.Ends(asker: place.endpoint, witness: nil)
            outputs.append(.ask(LinkProofMessage.encode(nonce, ends, keys), from: place))
        }
    }

    /// Takes what came to a place's socket. What is not the proved answer to an own question changes nothing.
    package mutating func receive(_ bytes: [UInt8], at place: Place, from source: SocketEndpoint) {
        guard !isOver, waiting.contains(place), LinkProofMessage.looksLikeAnswer(bytes),
            place.link.isOnLink(source.address), asked[place]?.contains(LinkProofMessage.nonce(of: bytes)) == true
        else { return }
        looks += 1
        let ends = LinkProofMessage.Ends(asker: place.endpoint, witness: source.address)
        if LinkProofMessage.isProved(bytes, ends, keys) {
            waiting.removeAll { $0 == place }
            outputs.append(.proved(ICENeighbours(own: place.link.address, peer: source.address)))
        }
        if waiting.isEmpty || looks >= Self.maximumLooks { end() }
    }

    /// Takes the next thing to do.
    package mutating func nextOutput() -> Output? { outputs.isEmpty ? nil : outputs.removeFirst() }

    private mutating func end() {
        guard !isOver else { return }
        isOver = true
        outputs.append(.ended)
    }
}

extension LinkSeeker.Place {
    var endpoint: SocketEndpoint { link.endpoint(port: port) }
}

extension InterfaceAddress {
    /// Whether the peer's candidates in this network are checked only with a proof.
    package var needsProof: Bool { ICEReach(of: address) == .sameNetworkOnly }
}
