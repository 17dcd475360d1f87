package import FoundationEssentials

/// Decides about pairing requests. Knows the outstanding codes as the store had them last, and commits
/// nothing itself: what has to be durable comes out as an action.
///
///     receive ──▶ redeem ──▶ committed | failed
///        │
///        └──────▶ refuse (countGuess: the store is told to count a wrong guess)
///
/// Invariants: one redemption of a code at a time; a code is burnt after `wrongGuesses` wrong HMACs, in this
/// process even before the store knows; requests that name no open code are bounded in rate, over all peers.
/// Those that name one are not held back by them, so that a flood does not keep the code's holder out: an id
/// is random and the guesses of each code are counted.
package struct PairingDesk: Sendable {
    /// The limits.
    package struct Configuration: Hashable, Sendable {
        /// Wrong guesses that burn a code.
        package var wrongGuesses = StoreLimits().wrongGuesses
        /// Requests without an open code that are answered at once.
        package var burst = 10
        /// The time in which one more is allowed.
        package var interval = Duration.seconds(1)

        /// The documented limits.
        package init() {}
    }

    /// What is to be done with a request.
    package enum Action: Hashable, Sendable {
        /// The sender knows the secret: issue the certificate, redeem the code in the store, then call
        /// `committed` or `failed`.
        case redeem(PendingPairing)
        /// Answer with the sentence. When `countGuess` is set, first have the store count a wrong guess.
        case refuse(PairingRefusal, countGuess: PairingCodeID?)
    }

    private let configuration: Configuration
    private var pairings: [PairingCodeID: PendingPairing] = [:]
    private var redeeming: Set<PairingCodeID> = []
    private var allowance: Double
    private var refilledAt: Date?

    /// Makes a desk without codes.
    package init(configuration: Configuration = .init()) {
        self.configuration = configuration
        self.allowance = Double(configuration.burst)
    }

    /// Takes over the codes as the store has them. Guesses that were counted here and are not in the store
    /// yet stay counted.
    package mutating func load(_ pairings: [PendingPairing]) {
        let before = self.pairings
        self.pairings = [:]
        for var pairing in pairings {
            if let known = before[pairing.id], known.state != .outstanding || pairing.state == .outstanding {
                pairing.wrongGuesses = max(pairing.wrongGuesses, known.wrongGuesses)
                if known.state != .outstanding {
                    pairing.state = known.state
                    pairing.key = nil
                }
            }
            self.pairings[pairing.id] = pairing
        }
    }

    /// Whether any code can be used: only then may clients without a certificate come in.
    package func isOpen(at now: Date) -> Bool {
        pairings.values.contains { $0.isOpen(at: now) }
    }

    /// Decides about a request that came over a connection on which this gateway presented the key of `pin`.
    package mutating func receive(_ request: PairingRequest, pin: KeyPin, now: Date) -> Action {
        if let problem = request.problem { return charge(.badRequest(problem), at: now) }
        guard var pairing = pairings[request.codeID] else { return charge(.unknownCode, at: now) }
        if let refusal = pairing.refusal(at: now) { return charge(refusal, at: now) }
        guard !redeeming.contains(pairing.id) else { return .refuse(.busy, countGuess: nil) }
        guard let key = pairing.key, request.isAuthentic(key: key, pin: pin) else {
            pairing.countWrongGuess(limit: configuration.wrongGuesses)
            pairings[pairing.id] = pairing
            let remaining = configuration.wrongGuesses - pairing.wrongGuesses
            return .refuse(
                pairing.state == .burnt ? .burnt : .wrongSecret(remaining: remaining), countGuess: pairing.id
            )
        }
        // The proof covers the request's bytes, so a bad one is the holder's own mistake and no guess.
        do {
            _ = try CertificateRequest.verifiedKey(der: request.csrDER)
        } catch {
            return .refuse(.badRequest(error.message), countGuess: nil)
        }
        redeeming.insert(pairing.id)
        return .redeem(pairing)
    }

    /// The redemption is durable.
    package mutating func committed(_ id: PairingCodeID) {
        redeeming.remove(id)
        pairings[id]?.close(.used)
    }

    /// The redemption was not written, so that the code stays as it was.
    package mutating func failed(_ id: PairingCodeID) {
        redeeming.remove(id)
    }

    /// Refuses at the expense of the allowance, and with the time to wait when that is used up.
    private mutating func charge(_ refusal: PairingRefusal, at now: Date) -> Action {
        if let wait = spend(at: now) { return .refuse(.tooFast(retryAfter: wait), countGuess: nil) }
        return .refuse(refusal, countGuess: nil)
    }

    /// Takes one request from the allowance; the time to wait when there is none.
    private mutating func spend(at now: Date) -> Duration? {
        let interval = configuration.interval.inSeconds
        if let last = refilledAt {
            let earned = max(0, now.timeIntervalSince(last)) / interval
            allowance = min(Double(configuration.burst), allowance + earned)
        }
        refilledAt = now
        guard allowance >= 1 else { return .seconds((1 - allowance) * interval) }
        allowance -= 1
        return nil
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

extension PendingPairing {
    /// Why the code cannot be used at that time; nil when it can.
    package func refusal(at now: Date) -> PairingRefusal? {
        switch state {
        case .used: .used
        case .burnt: .burnt
        case .cancelled: .cancelled
        case .outstanding: now < expiresAt ? nil : .expired(expiresAt)
        }
    }

    /// Ends the code and forgets its key. Does nothing to one that ended before.
    package mutating func close(_ state: State) {
        guard self.state == .outstanding else { return }
        self.state = state
        key = nil
    }

    /// Counts a wrong guess and burns the code at the limit.
    package mutating func countWrongGuess(limit: Int) {
        guard state == .outstanding else { return }
        wrongGuesses += 1
        if wrongGuesses >= limit { close(.burnt) }
    }
}
