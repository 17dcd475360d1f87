package import GroupKeys
package import NetworkTypes

/// What a device's registration is told.
package enum DeviceInput: Sendable {
    /// Begin, with the controller that discovery has named.
    case start(controller: SocketEndpoint)
    /// A clear control datagram, and where it came from.
    case datagram([UInt8], from: SocketEndpoint)
    /// Stretching that was asked for is done.
    case derived(PasswordDerivationWork.Result)
    /// The time that was asked for has come.
    case woken
}

/// What a device's registration wants.
package enum DeviceOutput: Sendable {
    /// Send this datagram.
    case transmit([UInt8], to: SocketEndpoint)
    /// Run this, here or elsewhere, and answer with `derived`.
    case derive(PasswordDerivationWork)
    /// Call `handle(.woken)` at this time.
    case wake(at: ContinuousClock.Instant)
    /// The device is a member. Nothing comes after it.
    case registered(Registered)
    /// It is none; begin again when wanted, but not before the time in `blocked`.
    case failed(DeviceFailure)
}

/// Why a device is no member.
package enum DeviceFailure: Hashable, Sendable {
    /// Nobody answered, or nobody in time. What an unproven REG_FAIL said, if one came.
    case noAnswer(hint: RegistrationReason?)
    /// Those who answered do not know the code: it is wrong, or they are not the key manager.
    case notAuthentic(hint: RegistrationReason?)
    /// The key manager, proven to be it, declines.
    case declined(RegistrationReason)
    /// Too many answers that were not authentic: no attempt before this time.
    case blocked(until: ContinuousClock.Instant)
}

/// What a device has once it is registered.
package struct Registered: Sendable {
    /// The keys that it has in common with the key manager.
    package enum Keys: Sendable {
        /// S-KEY (3.5), the counter that REG_DONE has used, and the first that the device is to use.
        case classic(SecretBytes, doneCounter: UInt64, firstCounter: UInt64)
        /// The member's secrets, generation 0.
        case hardened(MemberSecrets)
    }

    /// The suite.
    package let suite: Suite
    /// The group; nil in classic, which does not name it.
    package let groupID: [UInt8]?
    /// Where the key manager answers.
    package let controller: SocketEndpoint
    /// What REG_DONE said: MEMBER_ID and KEYID are in it.
    package let contents: DoneContents
    /// The keys.
    package let keys: Keys
}
