// Whether the peer answers what is sent.

extension ICEEngine {
    /// How long data that was sent may stay without any of the peer's.
    package static let answerTime = Duration.milliseconds(300)
    /// The shortest time between two questions that follow from that.
    private static let suspicionPause = Duration.seconds(1)

    /// Data was sent, and protocols that prove what they carry answer soon: a route on which nothing comes for
    /// ``answerTime`` is asked at once whether it still stands.
    package mutating func expectAnswer(now: ContinuousClock.Instant) {
        guard expectation == nil else { return }
        expectation = (now + Self.answerTime, false)
    }

    /// Whether data that was sent waits for the peer's.
    package var expectsAnswer: Bool { expectation != nil }

    /// The peer has sent data.
    package mutating func answered() { expectation?.isMet = true }

    mutating func judgeExpectation(now: ContinuousClock.Instant) {
        guard let expected = expectation, now >= expected.due else { return }
        expectation = nil
        guard !expected.isMet, lastSuspicion.map({ now - $0 >= Self.suspicionPause }) ?? true else { return }
        lastSuspicion = now
        agent.suspect(now: now)
    }
}
