import Crypto
package import GroupKeys
import NetworkTypes

/// A device's side of registration, classic (3.5) and hardened (3.7).
///
///     idle ──▶ requesting ──▶ deriving ──▶ proving ──▶ confirming ──▶ idle     hardened
///                  │             ▲            │
///                  │             └────────────┘ the next who answered
///                  └────────▶ responding ─────────────────────────▶ idle     classic
///
/// An engine: `handle` an input, then take outputs until there are none. Anybody may answer a request, so the device
/// collects for a while, tries one after the other, and trusts the first that proves that it knows the code. A wrong
/// proof costs the one who gave it one of five guesses in ten minutes.
package struct DeviceEngine: ~Copyable {
    /// What a device is registered with.
    package struct Configuration: Sendable {
        /// Its name.
        package var id: DeviceID
        /// What it wants to act as: a hint, the key manager's record decides.
        package var roles = DeviceRoles.client
        /// The suites that it offers, the best first. Classic is tried after all hardened ones, whatever the order.
        package var suites: [Suite] = [.hardenedAESGCM, .hardenedChaChaPoly]
        /// Its setup code; nil for a device that knows classic only.
        package var code: SecretBytes?
        /// Its classic password; with it and `classic` among the suites, classic is an option (3.5).
        package var password: ClassicPassword?
        /// The group, if the device knows it beforehand: answers of others are ignored.
        package var groupID: [UInt8]?
        /// The bounds.
        package var limits = DeviceLimits()
        /// Whether `PasswordDerivation.testOnly` is taken: never, outside of tests.
        package var takesTestDerivation = false
        /// None, outside of tests.
        package var faults: ProtocolFaults = []

        /// A hardened client.
        package init(id: DeviceID, code: SecretBytes?) {
            self.id = id
            self.code = code
        }
    }

    let configuration: Configuration
    var phase = DevicePhase.idle
    var attempt = DeviceAttempt()
    /// Of the run under way with the candidate under trial.
    var prover: SPAKE2PlusProver?
    /// The number of the stretching that was asked for last.
    var stretching: UInt64 = 0
    /// When answers were not authentic.
    var failures: [ContinuousClock.Instant] = []
    private var outputs: [DeviceOutput] = []
    private var wakeAt: ContinuousClock.Instant?

    /// A device that is not registered.
    package init(_ configuration: Configuration) { self.configuration = configuration }

    /// The same after another engine of the same device: what that has counted still counts, so that no new attempt gives
    /// anybody new guesses.
    init(_ configuration: Configuration, after other: borrowing DeviceEngine) {
        self.init(configuration)
        failures = other.failures
        stretching = other.stretching
    }

    /// Takes an input. Take the outputs until there are none before the next.
    package mutating func handle(
        _ input: DeviceInput, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        switch input {
        case .start(let controller): start(controller, now: now, using: &random)
        case .datagram(let datagram, let source): receive(datagram, from: source, now: now, using: &random)
        case .derived(let result):
            if result.number == stretching { derived(result.secrets, now: now, using: &random) }
        case .woken:
            wakeAt = nil
            act(now: now, using: &random)
        }
        arm()
    }

    /// The next thing to do; nil when there is nothing left.
    package mutating func nextOutput() -> DeviceOutput? { outputs.isEmpty ? nil : outputs.removeFirst() }

    /// Whether an attempt is under way.
    package var isBusy: Bool {
        if case .idle = phase { false } else { true }
    }

    mutating func emit(_ output: DeviceOutput) { outputs.append(output) }

    /// Ends the attempt; what it knew goes with it.
    mutating func end(_ output: DeviceOutput) {
        phase = .idle
        attempt = DeviceAttempt()
        prover = nil
        emit(output)
    }

    private mutating func start(
        _ controller: SocketEndpoint, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        guard case .idle = phase else { return }
        failures.removeAll { $0 + configuration.limits.failureMemory <= now }
        if failures.count >= configuration.limits.failures, let first = failures.first {
            return emit(.failed(.blocked(until: first + configuration.limits.failureMemory)))
        }
        var message = ControlMessage(
            .registrationRequest,
            [
                .deviceID: configuration.id.bytes, .role: [configuration.roles.rawValue],
                .suites: configuration.suites.map(\.rawValue),
                .deviceRandom: SecretBytes(count: 16, using: &random).exposed,
            ])
        // So that no answer is larger than the request (3.7.2).
        let missing = WireSizes.registrationRequest - WireSizes.header - message.encoded.count - 4
        if missing >= 0 { message[.padding] = [UInt8](repeating: 0, count: missing) }
        let sequence = UInt16.random(in: 0 ... .max, using: &random)
        let datagram = message.datagram(flags: .control, suite: .classic, nonce: sequence)
        attempt = DeviceAttempt(
            sequence: sequence, requestHash: Array(SHA256.hash(data: message.encoded)),
            deadline: now + configuration.limits.patience)
        phase = .requesting(
            .init(sending: .init(datagram, to: controller, now: now, steps: configuration.limits.steps)))
        emit(.transmit(datagram, to: controller))
    }

    private mutating func receive(
        _ datagram: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) {
        guard isBusy, case .clear(let header, let type) = DatagramClass(datagram), header.keyID == 0,
            header.nonce == attempt.sequence, header.flags == [.control, .response],
            let message = try? ControlMessage.decode(
                datagram, from: WireSizes.header, checkingValues: !configuration.faults.contains(.anyLengths)),
            configuration.faults.contains(.looseMatching) || message[.deviceID] == configuration.id.bytes
        else { return }
        let arrival = DeviceArrival(
            header: header, message: message, body: Array(datagram[WireSizes.header...]), source: source)
        switch type {
        case .registrationReply: reply(arrival, now: now, using: &random)
        case .registrationVerify: verify(arrival, now: now, using: &random)
        case .registrationDone: done(arrival, now: now, using: &random)
        case .registrationFail: fail(arrival, now: now)
        default: break
        }
    }

    /// What is due.
    private mutating func act(now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator) {
        guard isBusy else { return }
        if attempt.isOver(now: now) { return giveUp() }
        switch phase {
        case .idle, .deriving: break
        case .requesting(var requesting):
            if let until = requesting.collectUntil {
                if now >= until { tryNext(now: now, using: &random) }
            } else {
                repeatIfDue(&requesting.sending, now: now)
                phase = .requesting(requesting)
            }
        case .proving(var proving):
            if now >= proving.until { return tryNext(now: now, using: &random) }
            repeatIfDue(&proving.sending, now: now)
            phase = .proving(proving)
        case .confirming(var confirming):
            repeatIfDue(&confirming.sending, now: now)
            phase = .confirming(confirming)
        case .responding(var responding):
            if now >= responding.until { return tryNext(now: now, using: &random) }
            repeatIfDue(&responding.sending, now: now)
            phase = .responding(responding)
        }
    }

    /// Nobody is left to try, or the time is up.
    mutating func giveUp() {
        let hint = attempt.hint
        end(.failed(attempt.wrongProofs > 0 ? .notAuthentic(hint: hint) : .noAnswer(hint: hint)))
    }

    private mutating func repeatIfDue(_ sending: inout DeviceSending, now: ContinuousClock.Instant) {
        if sending.isDue(now: now) { emit(.transmit(sending.datagram, to: sending.target)) }
    }

    private mutating func arm() {
        guard isBusy, let deadline = attempt.deadline else {
            wakeAt = nil
            return
        }
        let next = min(deadline, phase.next ?? deadline)
        guard wakeAt != next else { return }
        wakeAt = next
        emit(.wake(at: next))
    }
}

/// A decoded datagram for a device.
struct DeviceArrival {
    let header: Header
    let message: ControlMessage
    let body: [UInt8]
    let source: SocketEndpoint
}
