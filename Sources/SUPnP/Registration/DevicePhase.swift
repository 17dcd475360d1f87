import GroupKeys
import NetworkTypes

/// What bounds a device's registration (3.7.3, 3.14).
package struct DeviceLimits: Hashable, Sendable {
    /// How long replies are collected after the first.
    package var collection = Duration.milliseconds(300)
    /// From how many sources.
    package var sources = 4
    /// When a message is repeated: after so long, then after so long again. The last goes on.
    package var steps: [Duration] = [.seconds(1), .seconds(2), .seconds(4)]
    /// How long one who has answered may be silent before the next is tried.
    package var candidatePatience = Duration.seconds(3)
    /// When an attempt ends.
    package var patience = Duration.seconds(15)
    /// Answers that were not authentic, after which no attempt begins...
    package var failures = 5
    /// ...until the first of them is so long ago.
    package var failureMemory = Duration.seconds(600)

    /// The documented limits.
    package init() {}
}

/// A datagram that is repeated until it is answered.
struct DeviceSending: Sendable {
    let datagram: [UInt8]
    let target: SocketEndpoint
    private var steps: ArraySlice<Duration>
    private(set) var next: ContinuousClock.Instant

    init(_ datagram: [UInt8], to target: SocketEndpoint, now: ContinuousClock.Instant, steps: [Duration]) {
        self.datagram = datagram
        self.target = target
        self.steps = steps[...]
        next = now + (steps.first ?? .seconds(1))
    }

    mutating func isDue(now: ContinuousClock.Instant) -> Bool {
        guard now >= next else { return false }
        if steps.count > 1 { steps.removeFirst() }
        next = now + (steps.first ?? .seconds(1))
        return true
    }
}

/// One who has answered the request.
struct DeviceCandidate: Sendable {
    /// What the reply says beside the suite.
    enum Offer: Sendable {
        case hardened(PasswordDerivation, groupID: [UInt8], cookie: [UInt8])
        case classic(random1: [UInt8])
    }

    let source: SocketEndpoint
    let suite: Suite
    let salt: [UInt8]
    let body: [UInt8]
    let offer: Offer
}

/// What an attempt knows.
struct DeviceAttempt: Sendable {
    var sequence: UInt16 = 0
    /// H1.
    var requestHash: [UInt8] = []
    /// When it ends; nil before there is one.
    var deadline: ContinuousClock.Instant?
    /// Those who have answered and were not tried yet.
    var candidates: [DeviceCandidate] = []
    /// How many proofs were wrong.
    var wrongProofs = 0
    /// What a REG_FAIL in clear said.
    var hint: RegistrationReason?

    func isOver(now: ContinuousClock.Instant) -> Bool { deadline.map { now >= $0 } ?? true }
}

/// Where a device's registration is.
enum DevicePhase: Sendable {
    case idle
    /// REG_REQUEST is out.
    case requesting(Requesting)
    /// The code is being stretched for a candidate.
    case deriving(DeviceCandidate)
    /// The hardened REG_RESPONSE is out.
    case proving(Proving)
    /// REG_CONFIRM is out, to a key manager that has proven itself.
    case confirming(Confirming)
    /// The classic REG_RESPONSE is out.
    case responding(Responding)

    struct Requesting: Sendable {
        var sending: DeviceSending
        var collectUntil: ContinuousClock.Instant?
    }

    struct Proving: Sendable {
        let candidate: DeviceCandidate
        let groupID: [UInt8]
        let transcript: RegistrationTranscript
        let response: [UInt8]
        let until: ContinuousClock.Instant
        var sending: DeviceSending
    }

    struct Confirming: Sendable {
        let candidate: DeviceCandidate
        let groupID: [UInt8]
        let master: MasterSecret
        let seal: RegistrationSeal
        var sending: DeviceSending
    }

    struct Responding: Sendable {
        let candidate: DeviceCandidate
        let salted: SecretBytes
        let until: ContinuousClock.Instant
        var sending: DeviceSending
    }

    /// When something is due.
    var next: ContinuousClock.Instant? {
        switch self {
        case .idle, .deriving: nil
        case .requesting(let requesting): requesting.collectUntil ?? requesting.sending.next
        case .proving(let proving): min(proving.until, proving.sending.next)
        case .confirming(let confirming): confirming.sending.next
        case .responding(let responding): min(responding.until, responding.sending.next)
        }
    }
}
