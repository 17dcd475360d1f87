import SUPnP

/// What the search for a controller has come to, over its rounds.
struct RegistrationSearch: Sendable {
    /// For how long at least a wrong code is not believed, because the right controller may not have been heard yet.
    static let doubt: Duration = .seconds(5)
    /// For how long everybody has to say so, until a device that was a member believes it.
    static let longDoubt: Duration = .seconds(600)

    let begin: ContinuousClock.Instant
    var wait: Duration = .seconds(1)
    var wasAnswered = false
    var proofsWereWrong = false
    var verdict = WrongCodeVerdict()
    var declined: RegistrationReason?
    var blockedUntil: ContinuousClock.Instant?

    init(begin: ContinuousClock.Instant) { self.begin = begin }

    /// Why there is no hope, after a round; nil when there is.
    ///
    /// No single answer that proves nothing ends a device: everybody who was tried must have said so in two rounds.
    func end(
        knows: Bool, isFirst: Bool, wasEvicted: Bool, patience: Duration?, now: ContinuousClock.Instant
    ) -> GroupError? {
        if let declined, declined == .suite || declined == .role {
            return GroupError(.declined, DeviceFailure.declined(declined).sentence)
        }
        let passed = now - begin
        if verdict.isIn, wasEvicted { return .evicted }
        if verdict.isIn, passed >= (isFirst ? Self.doubt : Self.longDoubt) { return .wrongCode }
        guard isFirst, let patience, passed >= patience else { return nil }
        if proofsWereWrong { return .wrongCode }
        return knows ? .noAnswer : .nobodyFound
    }
}
