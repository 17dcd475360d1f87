package import GroupKeys

/// A member's end of the group's broadcast channel (specification 3.6.3).
///
/// ```
/// no epoch ──install──▶ epoch e ──install──▶ epoch e' (e for 2 s more) ──expire──▶ epoch e'
/// ```
/// Every forwarder process has a key of its own in each epoch, and each key its window. A datagram of the next epoch
/// waits for its secret, at most 64 of them and 1 s each; the header of one that is ahead is a hint only, so all that it
/// causes is one question to the key manager, 100 ms later and at most every 2 s.
///
/// Forwarders are known by certificates that were verified, and by their boots, which come sealed or signed
/// (REG_DONE, BEACON). A process that is replaced keeps its window to the end of the epoch.
///
/// A class of one owner, not `Sendable`.
package final class GroupReceiver {
    /// The times and bounds of the specification.
    package struct Limits: Hashable, Sendable {
        /// How long the epoch before is accepted after a switch.
        package var grace: Duration = .seconds(2)
        /// How many datagrams of the next epoch wait for it.
        package var held = 64
        /// How many bytes they have together.
        package var heldBytes = 64 * 1_500
        /// How long one waits.
        package var patience: Duration = .seconds(1)
        /// How long after the first sign of a later epoch the key manager is asked.
        package var askAfter: Duration = .milliseconds(100)
        /// How long after one question the next is due.
        package var askAgain: Duration = .seconds(2)
        /// How many forwarders are known at a time.
        package var forwarders = 64

        /// The specification's values.
        package init() {}
    }

    /// What became of a datagram.
    package enum Outcome {
        /// It is authentic and signed.
        case opened(OpenedMessage)
        /// It waits for the next epoch's secret.
        case held
    }

    private let suite: Suite
    private let group: GroupID
    private let limits: Limits
    private let resumedThrough: UInt32?
    private var current: GroupEpoch?
    private var previous: (epoch: GroupEpoch, until: ContinuousClock.Instant)?
    private var forwarders: [ControllerID: KnownForwarder] = [:]
    private var held: [(message: UnverifiedMessage, until: ContinuousClock.Instant)] = []
    private var askAt: ContinuousClock.Instant?
    private var lastAsked: ContinuousClock.Instant?
    private var revoked: Set<UInt32> = []
    private var time: UInt64 = 0

    /// A receiver without an epoch. `resumedThrough` is the last epoch in which a member that has restarted may have
    /// accepted something: in epochs up to it, a forwarder's messages are refused until `raiseFloor` tells where they
    /// begin to be new.
    package init(
        suite: Suite, group: GroupID, limits: Limits = .init(), resumedThrough: UInt32? = nil
    ) {
        precondition(suite.isHardened, "the classic channel has its own receiver")
        self.suite = suite
        self.group = group
        self.limits = limits
        self.resumedThrough = resumedThrough
    }

    /// The epoch that was installed last.
    package var epoch: UInt32? { current?.number }

    /// Whether forwarders have to say where their messages of the current epoch begin to be new.
    package var awaitsFloors: Bool {
        guard let current, let resumedThrough else { return false }
        return current.number <= resumedThrough
    }

    // MARK: Epochs

    /// Switches to `epoch`, which lies above the current one, and gives what has waited for it. Messages of the epoch
    /// before are accepted for 2 s more.
    package func install(
        epoch: UInt32, secret: SecretBytes, now: ContinuousClock.Instant
    ) throws(ChannelFault) -> [OpenedMessage] {
        if let current, epoch <= current.number { throw .notAscending }
        let next = GroupEpoch(
            number: epoch, suite: suite, group: group, secret: secret,
            needsFloor: resumedThrough.map { epoch <= $0 } ?? false)
        current?.close(for: forwarders.values.map(\.process))
        previous = current.map { ($0, now + limits.grace) }
        current = next
        askAt = nil
        let waiting = held.filter { $0.until > now }
        held = []
        return waiting.compactMap { try? open($0.message, now: now) }
    }

    /// Forgets what is out of date. Says whether the key manager is to be asked for the current epoch (REKEY_NACK).
    package func advance(now: ContinuousClock.Instant) -> Bool {
        if let previous, now >= previous.until { self.previous = nil }
        held.removeAll { $0.until <= now }
        guard let askAt, now >= askAt else { return false }
        self.askAt = nil
        lastAsked = now
        return true
    }

    /// When `advance` is due next; nil if nothing is pending.
    package var nextWake: ContinuousClock.Instant? {
        [askAt, previous?.until, held.first?.until].compactMap { $0 }.min()
    }

    // MARK: Forwarders

    /// Accepts the broadcasts of a forwarder's process, and no longer those of the process before it. Says false if the
    /// certificate is not one of a forwarder that holds at present, or if too many forwarders are known.
    package func setForwarder(_ certificate: ControllerCertificate, boot: BootID) -> Bool {
        guard certificate.isValid(for: .forwarder, time: time, revoked: revoked) else { return false }
        if forwarders[certificate.controller] == nil, forwarders.count >= limits.forwarders {
            forwarders = forwarders.filter {
                $0.value.certificate.isValid(for: .forwarder, time: time, revoked: revoked)
            }
            guard forwarders.count < limits.forwarders else { return false }
        }
        var known = forwarders[certificate.controller] ?? KnownForwarder(certificate, boot: boot, group: group)
        known.boot = boot
        known.replaceCertificate(certificate, group: group)
        forwarders[certificate.controller] = known
        return true
    }

    /// The group's time, in seconds from its creation on, and the revoked serials, as the last BEACON tells both.
    package func update(time: UInt64, revoked: Set<UInt32>) {
        self.time = max(self.time, time)
        self.revoked = revoked
    }

    /// Refuses the messages of a forwarder in `epoch` below `counter`: what a member that has restarted learns, sealed,
    /// from the forwarder itself.
    package func raiseFloor(_ controller: ControllerID, epoch: UInt32, to counter: UInt64) {
        guard let current, current.number == epoch, let known = forwarders[controller] else { return }
        current.raiseFloor(of: known.process, to: counter)
    }

    // MARK: Messages

    /// Takes a datagram.
    package func receive(
        _ message: consuming UnverifiedMessage, now: ContinuousClock.Instant
    ) throws(ChannelRefusal) -> Outcome {
        guard message.header.suite == suite else { throw .suite }
        guard message.envelope.keyKind == .groupSender, message.envelope.groupHint == group.hint else {
            throw .otherChannel
        }
        guard let current else { throw .epochOver }
        let epoch = message.envelope.epoch
        guard epoch > current.number else { return .opened(try open(message, now: now)) }
        arm(now: now)
        held.removeAll { $0.until <= now }
        let bytes = held.reduce(message.bytes.count) { $0 + $1.message.bytes.count }
        guard epoch == current.number &+ 1, held.count < limits.held, bytes <= limits.heldBytes else {
            throw .epochAhead
        }
        held.append((message, now + limits.patience))
        return .held
    }

    private func open(
        _ message: consuming UnverifiedMessage, now: ContinuousClock.Instant
    ) throws(ChannelRefusal) -> OpenedMessage {
        let number = message.envelope.epoch
        var epoch = current?.number == number ? current : nil
        if let previous, previous.epoch.number == number, now < previous.until { epoch = previous.epoch }
        guard let epoch else { throw .epochOver }
        guard case .controller(let controller) = message.envelope.sender, var known = forwarders[controller],
            known.certificate.isValid(for: .forwarder, time: time, revoked: revoked)
        else { throw .unknownSender }
        let opening = try epoch.key(of: known.process)
        defer { forwarders[controller] = known }
        return try opening.openBroadcast(message).verified(by: &known.verifier)
    }

    private func arm(now: ContinuousClock.Instant) {
        guard askAt == nil else { return }
        let earliest = lastAsked.map { $0 + limits.askAgain } ?? now
        askAt = max(now + limits.askAfter, earliest)
    }
}

/// A forwarder as a member knows it.
private struct KnownForwarder {
    var certificate: ControllerCertificate
    var boot: BootID
    var verifier: BroadcastVerifier

    var process: ForwarderProcess { ForwarderProcess(controller: certificate.controller, boot: boot) }

    init(_ certificate: ControllerCertificate, boot: BootID, group: GroupID) {
        self.certificate = certificate
        self.boot = boot
        verifier = BroadcastVerifier(certificate, group: group)
    }

    mutating func replaceCertificate(_ certificate: ControllerCertificate, group: GroupID) {
        guard certificate.bytes != self.certificate.bytes else { return }
        self.certificate = certificate
        verifier = BroadcastVerifier(certificate, group: group)
    }
}
