import Crypto
import GroupKeys

/// A fresh X25519 key of one side of a refresh (3.7.6), used once.
struct RefreshKey: ~Copyable {
    private let key: Curve25519.KeyAgreement.PrivateKey
    /// The share that the other side gets, 32 bytes.
    let share: [UInt8]

    init?(using random: inout some RandomNumberGenerator) {
        let bytes = SecretBytes(count: 32, using: &random)
        guard let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: bytes.exposed) else { return nil }
        self.key = key
        share = Array(key.publicKey.rawRepresentation)
    }

    /// The member's next secrets; nil when the peer's share is a point of small order.
    consuming func secrets(after old: MemberSecrets, peer: [UInt8]) -> MemberSecrets? {
        guard let peer = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: peer),
            let agreement = try? key.sharedSecretFromKeyAgreement(with: peer), old.generation < .max
        else { return nil }
        let shared = agreement.withUnsafeBytes { bytes in SecretBytes(count: 32) { $0.copyMemory(from: bytes) } }
        guard shared != SecretBytes([UInt8](repeating: 0, count: 32)) else { return nil }
        return MasterSecret(refresh: old.refresh, agreement: shared)
            .memberSecrets(member: old.member, generation: old.generation + 1)
    }
}

/// The member's side of a refresh (3.7.6): new keys without the password. Its messages travel sealed under the old
/// keys; the first datagram under the new ones tells the key manager that the member has switched.
///
///     idle ──begin──▶ waiting ──acknowledged──▶ idle
package struct MemberRefresh: ~Copyable {
    /// What to do.
    package enum Action: Equatable, Sendable {
        /// Send this, sealed under the old keys, and call `woken` at the time.
        case transmit(ControlMessage, wakeAt: ContinuousClock.Instant)
        /// From here on use these; the old ones are to be dropped.
        case adopt(MemberSecrets)
        /// Nothing before this time.
        case wake(at: ContinuousClock.Instant)
        /// The key manager does not answer, or not with a share: the old keys stay.
        case failed
        /// Nothing.
        case none
    }

    private var secrets: MemberSecrets
    private var key: RefreshKey?
    private var steps: [Duration] = []
    private var next: ContinuousClock.Instant?
    private let limits: DeviceLimits

    /// A member with its secrets as they are.
    package init(_ secrets: MemberSecrets, limits: DeviceLimits = .init()) {
        self.secrets = secrets
        self.limits = limits
    }

    /// Begins; repeats the message if it has begun already.
    package mutating func begin(
        now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) -> Action {
        guard key == nil else { return .none }
        guard let key = RefreshKey(using: &random) else { return .failed }
        let share = key.share
        self.key = consume key
        steps = limits.steps
        return transmit(share, now: now)
    }

    /// The time has come: the message is repeated, or given up.
    package mutating func woken(now: ContinuousClock.Instant) -> Action {
        guard let next, key != nil else { return .none }
        guard now >= next else { return .wake(at: next) }
        guard !steps.isEmpty, let share = key?.share else {
            key = nil
            self.next = nil
            return .failed
        }
        return transmit(share, now: now)
    }

    /// REFRESH_ACK has come, sealed by the key manager under the old keys.
    package mutating func acknowledged(_ message: ControlMessage) -> Action {
        guard message.type == .refreshAcknowledged, let peer = message[.x25519], let key = key.take() else {
            return .none
        }
        next = nil
        guard let fresh = key.secrets(after: secrets, peer: peer) else { return .failed }
        secrets = fresh
        return .adopt(fresh)
    }

    private mutating func transmit(_ share: [UInt8], now: ContinuousClock.Instant) -> Action {
        let at = now + steps.removeFirst()
        next = at
        return .transmit(ControlMessage(.refresh, [.x25519: share]), wakeAt: at)
    }
}

/// The key manager's side of a member's refresh (3.7.6). The new secrets are durable before the member learns of
/// them, and the old ones stay until it has used the new: it may have lost the answer.
///
///     settled ──received──▶ committing ──committed──▶ answered ──switched──▶ settled
///        ▲                      │ conflict                │ another share: committing again
///        └──────────────────────┘
package struct KeyManagerRefresh: Sendable {
    /// What to do.
    package enum Action: Equatable, Sendable {
        /// Write these beside the old ones, then call `committed` or `conflict`.
        case commit(MemberSecrets)
        /// Send this, sealed under the old keys, and take datagrams under the keys of both.
        case transmit(ControlMessage, MemberSecrets)
        /// The old secrets are to be dropped, here and in the store.
        case dropOld
        /// Nothing.
        case none
    }

    private enum State {
        case settled
        case committing(peer: [UInt8], share: [UInt8], MemberSecrets)
        case answered(peer: [UInt8], share: [UInt8], MemberSecrets)
    }

    /// The secrets that the member is known to use.
    package private(set) var secrets: MemberSecrets
    private var state = State.settled

    /// A member with its secrets as they are.
    package init(_ secrets: MemberSecrets) { self.secrets = secrets }

    /// REFRESH has come, sealed under the old keys.
    package mutating func received(
        _ message: ControlMessage, using random: inout some RandomNumberGenerator
    ) -> Action {
        guard message.type == .refresh, let peer = message[.x25519] else { return .none }
        switch state {
        case .committing: return .none
        case .answered(peer, let share, let fresh): return answer(share, fresh)
        case .settled, .answered:
            guard let key = RefreshKey(using: &random) else { return .none }
            let share = key.share
            guard let fresh = key.secrets(after: secrets, peer: peer) else { return .none }
            state = .committing(peer: peer, share: share, fresh)
            return .commit(fresh)
        }
    }

    /// The new secrets are durable.
    package mutating func committed() -> Action {
        guard case .committing(let peer, let share, let fresh) = state else { return .none }
        state = .answered(peer: peer, share: share, fresh)
        return answer(share, fresh)
    }

    /// They could not be written: nothing has happened.
    package mutating func conflict() {
        if case .committing = state { state = .settled }
    }

    /// A datagram has opened under the new keys.
    package mutating func switched() -> Action {
        guard case .answered(_, _, let fresh) = state else { return .none }
        secrets = fresh
        state = .settled
        return .dropOld
    }

    private func answer(_ share: [UInt8], _ fresh: MemberSecrets) -> Action {
        .transmit(ControlMessage(.refreshAcknowledged, [.x25519: share]), fresh)
    }
}
