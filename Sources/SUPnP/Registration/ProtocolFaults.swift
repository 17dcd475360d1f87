/// Checks that a test switches off, to show which attack each of them stops. Production never sets any.
package struct ProtocolFaults: OptionSet, Hashable, Sendable {
    /// One bit for each check.
    package let rawValue: Int

    /// Takes the bits.
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Values of any length are taken (F1: a RND#2 passes for a RND#1).
    package static let anyLengths = ProtocolFaults(rawValue: 1)
    /// A REG_DONE without a seal, or with one that does not open, registers a classic device (F4).
    package static let unsealedDone = ProtocolFaults(rawValue: 2)
    /// AEAD counters of a classic channel start at zero (F5).
    package static let countersFromZero = ProtocolFaults(rawValue: 4)
    /// A REG_FAIL in clear ends the registration at once (F15).
    package static let obeyedFail = ProtocolFaults(rawValue: 8)
    /// A reply from anybody whose sequence number fits is taken, whatever else it says (F14).
    package static let looseMatching = ProtocolFaults(rawValue: 16)
    /// The cookie is not checked (F16).
    package static let uncheckedCookie = ProtocolFaults(rawValue: 32)
    /// The transcript does not enter the PAKE's context (downgrade, salt swap).
    package static let unboundTranscript = ProtocolFaults(rawValue: 64)
    /// CONFIRM_V is not checked (F4 in the hardened suite).
    package static let uncheckedConfirmation = ProtocolFaults(rawValue: 128)
    /// An unknown device is told so (F20).
    package static let revealedUnknown = ProtocolFaults(rawValue: 256)
    /// Runs are counted neither for a source nor for a device (F16, on-line guessing).
    package static let unlimitedRuns = ProtocolFaults(rawValue: 512)
    /// A device takes a suite that it has not offered or that lies below its floor.
    package static let noFloor = ProtocolFaults(rawValue: 1024)
}
