/// The type of a control message: the first word of its body (3.3).
package enum MessageType: UInt16, Hashable, Sendable, CaseIterable {
    /// A device asks to be registered (3.5, 3.7.2).
    case registrationRequest = 0x0001
    /// The key manager's challenge (3.5) or offer (3.7.2).
    case registrationReply = 0x0002
    /// The device's proof (3.5) or share (3.7.2).
    case registrationResponse = 0x0003
    /// The device is a member (3.5, 3.7.2).
    case registrationDone = 0x0004
    /// The device is none; advisory unless sealed (3.5, F15).
    case registrationFail = 0x0005
    /// A member leaves (3.9.7).
    case leave = 0x0006
    /// The answer to a leave (3.9.7).
    case leaveAcknowledged = 0x0007
    /// The member was evicted (3.9.6).
    case evictionNotice = 0x0008
    /// The key manager's share and proof (3.7.2).
    case registrationVerify = 0x0009
    /// The device's proof (3.7.2).
    case registrationConfirm = 0x000A
    /// The group's keys change (3.9.5; classic 3.5). Its body is no list of TLVs.
    case rekey = 0x0010
    /// A member lacks an epoch (3.9.6).
    case rekeyNegative = 0x0011
    /// A member's keys, for it alone (3.9.6).
    case rekeyUser = 0x0012
    /// The key manager's signed heartbeat (3.9.6).
    case beacon = 0x0013
    /// Asks for a sign of life (3.9.7, 3.12.6).
    case ping = 0x0020
    /// The sign of life (3.9.7, 3.12.6).
    case pong = 0x0021
    /// The member is to change its controller (3.12.6).
    case migrate = 0x0022
    /// One side's share for fresh pairwise keys (3.7.6).
    case refresh = 0x0023
    /// The other side's share (3.7.6).
    case refreshAcknowledged = 0x0024
    /// A server says which services it offers.
    case registerServices = 0x0030
    /// They are in the directory.
    case servicesRegistered = 0x0031
    /// A member asks for what has changed in the directory.
    case directoryQuery = 0x0032
    /// What has changed in the directory.
    case directoryAnswer = 0x0033
    /// A sealed request could not be served.
    case error = 0x0040

    /// The sets of flags that a message of this type may bear in clear; empty for all that have to be sealed (3.2).
    ///
    /// What a device sends in its registration has R clear, what is sent to it has R set, so a message that is
    /// thrown back at its sender is refused here already.
    package var clearFlags: [HeaderFlags] {
        switch self {
        // The second is the paper's relayed broadcast to all servers, which only classic knows (3.5).
        case .registrationRequest: [.control, [.control, .broadcast, .forwarder]]
        case .registrationResponse, .registrationConfirm: [.control]
        case .registrationReply, .registrationVerify, .registrationDone, .registrationFail: [[.control, .response]]
        case .rekey, .beacon: [[.control, .broadcast, .server]]
        default: []
        }
    }
}
