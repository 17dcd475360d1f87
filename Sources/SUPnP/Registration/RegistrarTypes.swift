package import GroupKeys
package import NetworkTypes

/// What the registrar is told.
package enum RegistrarInput: Sendable {
    /// A clear control datagram of a registration, and where it came from: the device's own address even if a
    /// forwarder has passed it on.
    case datagram([UInt8], from: SocketEndpoint)
    /// Work that was asked for is done.
    case worked(RegistrationID, RegistrarWork.Result)
    /// The membership is durable (`committed`): tell the device. For a server, after the batch that it joins in.
    case admitted(RegistrationID, DoneContents)
    /// The device is not to be a member: tell it so.
    case declined(RegistrationID, RegistrationReason)
    /// The membership could not be written (`conflict`): forget the run. The device begins again.
    case discarded(RegistrationID)
    /// A record is there, or has changed.
    case loaded(CredentialRecord)
    /// A record is gone.
    case removed(DeviceID)
    /// The time that was asked for has come.
    case woken
}

/// What the registrar wants.
package enum RegistrarOutput: Sendable {
    /// Send this datagram to the device.
    case transmit([UInt8], to: SocketEndpoint)
    /// Run this, here or elsewhere, and answer with `worked`.
    case work(RegistrarWork)
    /// A device has proven itself: write its membership, then answer with `admitted`, `declined` or `discarded`.
    case admit(AdmissionRequest)
    /// Call `handle(.woken)` at this time.
    case wake(at: ContinuousClock.Instant)
    /// Something for the log and the counters.
    case event(RegistrarEvent)
}

/// Something that happened at the registrar.
package enum RegistrarEvent: Hashable, Sendable {
    /// A datagram was dropped.
    case dropped(RegistrarDrop)
    /// A device did not prove itself: a wrong proof, or none within the time.
    case unproven(DeviceID, from: SocketEndpoint)
    /// A device was told that it is a member.
    case registered(RegistrationID, DeviceID)
}

/// Why the registrar dropped a datagram.
package enum RegistrarDrop: Hashable, Sendable {
    /// No message of a registration that a device sends.
    case notRegistration
    /// Its body is malformed, or an element that it needs is missing.
    case malformed(ControlError?)
    /// A hardened REG_REQUEST of less than 256 bytes.
    case unpadded
    /// The cookie is not of this key manager, not for this sender and request, or too old.
    case cookie
    /// The source sends too fast.
    case sourceLimit
    /// The device is held down for this source, or begins too often.
    case deviceLimit
    /// As many runs as are allowed are under way.
    case busy
    /// It fits no run.
    case noRun
}

/// A run of the registrar's, among those of this process.
package struct RegistrationID: Hashable, Sendable {
    /// A number that is not used again.
    package let number: UInt64
}

/// A device that has proven itself and asks to be a member.
package struct AdmissionRequest: Sendable {
    /// The keys that it has in common with the key manager.
    package enum Keys: Sendable {
        /// S-KEY (3.5), and the counter of the REG_DONE that will be sealed under it: the next message takes one more.
        case classic(SecretBytes, doneCounter: UInt64)
        /// S-MASTER: derive the member's secrets with the number that it is given and generation 0, keep those alone.
        case hardened(MasterSecret)
    }

    /// The run.
    package let id: RegistrationID
    /// The device.
    package let device: DeviceID
    /// What its record says that it acts as; what it asked for in ROLE is a hint (P13).
    package let roles: DeviceRoles
    /// The suite that it has chosen with the key manager.
    package let suite: Suite
    /// Patterns of the service types that it may request.
    package let servicePatterns: [String]
    /// Its keys.
    package let keys: Keys
    /// Where it is.
    package let source: SocketEndpoint
}

/// The costly step of a registration at the key manager: about half a millisecond of arithmetic.
package struct RegistrarWork: Sendable {
    /// What came out.
    package enum Result: Sendable {
        /// The verifier's answer.
        case answer(SPAKE2PlusVerifier.Answer)
        /// The device's share is bad.
        case failed(SPAKE2Plus.Failure)
    }

    /// The run.
    package let id: RegistrationID
    let identities: SPAKE2Plus.Identities
    let record: VerifierRecord
    let y: SecretBytes
    let shareP: [UInt8]

    /// Does it.
    package func run() -> Result {
        do {
            return .answer(try SPAKE2PlusVerifier(identities, record: record, y: y).answer(shareP: shareP))
        } catch {
            return .failed(error)
        }
    }
}
