import NIOUPnP
import NetworkTypes
import SUPnP

/// Which controller is tried next. Pure.
///
/// Each round tries every controller that is known once, the one that was good last first. One that has answered
/// without knowing the code is left alone for a while after the second time, so that an impostor gets few guesses. It is
/// the host that is left alone: the port is whatever an advert says. Only the one that was good before is spared, so that
/// an impostor on its host, or in its name, does not take it away.
struct ControllerChoice {
    /// How long an impostor is left alone: as long as a device remembers wrong proofs (3.7.3).
    static let banishment: Duration = .seconds(600)
    /// How often it may answer wrongly before.
    static let wrongAnswers = 2

    private struct Record {
        var wrongAnswers = 0
        var banishedUntil: ContinuousClock.Instant?
    }

    private let fixed: SocketEndpoint?
    private var preferred: SocketEndpoint?
    private var records: [IPAddress: Record] = [:]
    private var triedInRound: Set<SocketEndpoint> = []

    /// - Parameters:
    ///   - fixed: The only one, if it is known.
    ///   - preferred: One that was good before.
    init(fixed: SocketEndpoint?, preferred: SocketEndpoint?) {
        self.fixed = fixed
        self.preferred = preferred
    }

    /// Where to register, in the order in which it was found. A controller that is heard at another address is not tried at
    /// its link-local ones: a host may have many of those, and a key manager that is asked for one device at all of its
    /// addresses lets the later ones wait.
    static func places(of controllers: [FoundController], families: AddressFamilies) -> [SocketEndpoint] {
        let wanted = controllers.filter { families.includes($0.keyManager.address) }
        let elsewhere = Set(wanted.filter { !$0.keyManager.address.isLinkLocal }.map(\.udn))
        var seen: Set<SocketEndpoint> = []
        return wanted.filter { !$0.keyManager.address.isLinkLocal || !elsewhere.contains($0.udn) }
            .map(\.keyManager).filter { seen.insert($0).inserted }
    }

    /// The next one to try; nil when the round is over.
    mutating func next(of found: [SocketEndpoint], now: ContinuousClock.Instant) -> SocketEndpoint? {
        let known = fixed.map { [$0] } ?? (preferred.map { [$0] } ?? []) + found
        let next = known.first { candidate in
            !triedInRound.contains(candidate)
                && (candidate == preferred || records[candidate.address]?.banishedUntil.map { $0 <= now } ?? true)
        }
        if let next { triedInRound.insert(next) }
        return next
    }

    /// Whether a controller is left to try after this one.
    func hasMore(of found: [SocketEndpoint]) -> Bool {
        fixed == nil && found.contains { !triedInRound.contains($0) }
    }

    /// Begins another round.
    mutating func startRound() {
        triedInRound = []
    }

    /// A controller has registered the device.
    mutating func succeeded(_ controller: SocketEndpoint) {
        preferred = controller
        records[controller.address] = nil
        triedInRound = []
    }

    /// A controller has answered and does not know the code.
    mutating func answeredWrongly(_ controller: SocketEndpoint, now: ContinuousClock.Instant) {
        // As many as a board has are remembered; those that were forgotten may guess again.
        if records.count > ControllerBoard.limit { records = records.filter { $0.value.banishedUntil != nil } }
        if records.count > 2 * ControllerBoard.limit { records = [:] }
        records[controller.address, default: Record()].wrongAnswers += 1
        guard fixed == nil, records[controller.address]?.wrongAnswers ?? 0 >= Self.wrongAnswers else { return }
        records[controller.address] = Record(banishedUntil: now + Self.banishment)
    }
}

/// Whether the code is wrong, as far as answers tell that nobody can prove. Pure.
///
/// Whoever is on the network can answer wrongly, in a controller's name too, and so can nobody be believed alone: only when
/// everybody that was tried has answered wrongly, in two rounds one after the other, is there no hope. A controller that is
/// silent, because an impostor's answers were taken for its own, keeps the hope up.
struct WrongCodeVerdict {
    private var tried = 0
    private var wrong = 0
    private var wrongRounds = 0

    /// Whether it was that often.
    var isIn: Bool { wrongRounds >= 2 }

    /// A controller was tried.
    mutating func tried(wasWrong: Bool) {
        tried += 1
        if wasWrong { wrong += 1 }
    }

    /// Everybody who is known was tried. A round in which nobody was says nothing.
    mutating func roundIsOver() {
        guard tried > 0 else { return }
        wrongRounds = wrong == tried ? wrongRounds + 1 : 0
        (tried, wrong) = (0, 0)
    }
}
