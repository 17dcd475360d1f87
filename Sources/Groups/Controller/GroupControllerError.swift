package import SUPnP

/// Why a group's controller ends, or does not do what it was told.
package enum GroupControllerError: Error, Hashable, Sendable {
    /// It is not running, or ends.
    case stopped
    /// No device has this name.
    case unknownDevice(DeviceID)
    /// The device is no member, so that there is nothing to end.
    case noMember(DeviceID)
    /// A device of this name is enrolled already.
    case enrolledAlready(DeviceID)
    /// What was wanted is not durable after this time. It is still being tried.
    case notInTime(Duration)
    /// Another key manager has begun to lead the group, or the state was changed behind this one's back.
    case changedElsewhere
    /// The store has failed several times in a row; with its last error.
    case storeFailed(String)
    /// The stored key tree cannot be built again; with the reason.
    case damaged(String)
    /// No socket could be opened; with the reason.
    case noSocket(String)
}

extension GroupControllerError: CustomStringConvertible {
    /// What happened, and what to do, as a sentence without a full stop.
    package var description: String {
        switch self {
        case .stopped: "the group's controller is not running"
        case .unknownDevice(let device):
            "no device of the group is called “\(device)”; list them with: latchkey group devices"
        case .noMember(let device): "the device “\(device)” is no member at the moment"
        case .enrolledAlready(let device):
            "a device called “\(device)” is enrolled already; strike it off first with: latchkey group evict \(device)"
        case .notInTime(let limit):
            "it was not stored within \(limit); it is still being tried, see: latchkey group status"
        case .changedElsewhere: "another program has changed the group's stored state"
        case .storeFailed(let reason): "the group's state cannot be stored: \(reason)"
        case .damaged(let reason): "the group's stored key tree cannot be built again: \(reason)"
        case .noSocket(let reason): "the group cannot be served: \(reason)"
        }
    }
}
