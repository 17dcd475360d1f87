import Crypto
import GroupKeys

/// A member's question for an epoch that it lacks (REKEY_NACK, group keys specification 3.9.6): after a random wait,
/// so that not all ask at once, and again until it has the epoch.
struct ResyncAsker: Sendable {
    static let jitter: Duration = .milliseconds(250)

    private struct Question: Sendable {
        let own: Curve25519.KeyAgreement.PrivateKey
        var schedule: RetrySchedule
    }

    private var question: Question?

    init() {}

    /// Whether it is asking.
    var isAsking: Bool { question != nil }

    /// The member lacks an epoch. What is asked already goes on. `waits` off asks at once: when nobody else does.
    mutating func lacking(
        waits: Bool = true, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        guard question == nil, let own = KeyAgreement.privateHalf(using: &random) else { return }
        let wait = waits ? Self.jitter / 1_000 * Int.random(in: 0...1_000, using: &random) : .zero
        question = Question(own: own, schedule: .control(at: now + wait, using: &random))
    }

    /// The member has the epoch.
    mutating func satisfied() { question = nil }

    /// The private half that opens the answers.
    var own: Curve25519.KeyAgreement.PrivateKey? { question?.own }

    /// When the question is asked next.
    var nextAt: ContinuousClock.Instant? { question?.schedule.at }

    /// The share to ask with, if it is time.
    mutating func due(now: ContinuousClock.Instant) -> [UInt8]? {
        guard question?.schedule.due(now: now) == .send else { return nil }
        return question.map { Array($0.own.publicKey.rawRepresentation) }
    }
}
