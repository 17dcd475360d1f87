import GroupKeys
import NetworkTypes

/// What names a run at the registrar: every message of it comes with the same three.
struct RegistrarRunKey: Hashable, Sendable {
    let device: DeviceID
    let sequence: UInt16
    let source: SocketEndpoint
}

/// A run of the registrar's that has state.
///
///     working ──▶ verifying ──▶ admitting ──▶ finished        hardened
///                 challenged ─▶ admitting ──▶ finished        classic
struct RegistrarRun: Sendable {
    enum State: Sendable {
        /// The verifier's arithmetic is under way.
        case working(Exchange)
        /// REG_VERIFY is out; a REG_CONFIRM is waited for.
        case verifying(Exchange, SPAKE2PlusVerifier.Answer, verify: [UInt8], datagram: [UInt8])
        /// The classic REG_REPLY is out; a REG_RESPONSE is waited for.
        case challenged(Challenge)
        /// Proven; the membership is being written.
        case admitting(Finish)
        /// The last answer, to be repeated.
        case finished([UInt8])
    }

    /// Of a hardened run, what is known from message 3 on.
    struct Exchange: Sendable {
        let suite: Suite
        let transcript: RegistrationTranscript
        let response: [UInt8]
    }

    /// Of a classic run, what message 3 is checked against.
    struct Challenge: Sendable {
        let salted: SecretBytes
        let random1: [UInt8]
        let datagram: [UInt8]
    }

    /// How the answer to the admission is sealed.
    enum Finish: Sendable {
        case hardened(RegistrationSeal, suite: Suite)
        case classic(key: SecretBytes, random2: [UInt8], counter: UInt64)
    }

    let id: RegistrationID
    /// Nil for a device that is not known.
    let record: CredentialRecord?
    var state: State
    var deadline: ContinuousClock.Instant

    /// Whether it counts against the limit of unproven runs past the cookie.
    var isOpen: Bool {
        switch state {
        case .working, .verifying: true
        case .challenged, .admitting, .finished: false
        }
    }

    /// Whether it counts against the limit of classic challenges.
    var isChallenged: Bool {
        if case .challenged = state { true } else { false }
    }

    /// Whether its arithmetic is under way.
    var isWorking: Bool {
        if case .working = state { true } else { false }
    }
}

/// The registrar's runs, found by what names them, by their number and by their deadline.
struct RegistrarRuns: Sendable {
    private var runs: [RegistrarRunKey: RegistrarRun] = [:]
    private var keys: [RegistrationID: RegistrarRunKey] = [:]
    private var deadlines: [(at: ContinuousClock.Instant, key: RegistrarRunKey)] = []
    private var head = 0
    private(set) var open = 0
    private(set) var working = 0
    private(set) var challenged = 0
    private(set) var finished = 0

    subscript(key: RegistrarRunKey) -> RegistrarRun? { runs[key] }

    func find(_ id: RegistrationID) -> (key: RegistrarRunKey, run: RegistrarRun)? {
        guard let key = keys[id], let run = runs[key], run.id == id else { return nil }
        return (key, run)
    }

    /// Puts a run in, or in its own place. Deadlines never go back.
    mutating func put(_ run: RegistrarRun, at key: RegistrarRunKey) {
        if let before = runs[key] { count(before, -1) }
        if runs[key]?.deadline != run.deadline { deadlines.append((run.deadline, key)) }
        runs[key] = run
        keys[run.id] = key
        count(run, 1)
    }

    mutating func remove(_ key: RegistrarRunKey) {
        guard let run = runs.removeValue(forKey: key) else { return }
        keys[run.id] = nil
        count(run, -1)
    }

    /// The earliest time at which a run may end.
    var nextDeadline: ContinuousClock.Instant? { head < deadlines.count ? deadlines[head].at : nil }

    /// Takes a run out whose time has come.
    mutating func popExpired(now: ContinuousClock.Instant) -> (key: RegistrarRunKey, run: RegistrarRun)? {
        while head < deadlines.count, deadlines[head].at <= now {
            let (at, key) = deadlines[head]
            head += 1
            if head > 1_024, head * 2 > deadlines.count {
                deadlines.removeFirst(head)
                head = 0
            }
            guard let run = runs[key], run.deadline == at else { continue }
            remove(key)
            return (key, run)
        }
        return nil
    }

    private mutating func count(_ run: RegistrarRun, _ change: Int) {
        if run.isOpen { open += change }
        if run.isWorking { working += change }
        if run.isChallenged { challenged += change }
        if case .finished = run.state { finished += change }
    }
}
