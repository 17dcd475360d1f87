/// What happens to a member.
public enum GroupEvent: Hashable, Sendable {
    /// It is a member, with this number in the group.
    case registered(member: UInt32)
    /// It follows the group into another epoch: the keys are others from here on. Only servers see epochs.
    case epoch(UInt32)
    /// The group's key manager knows what this server offers.
    case offersKnown
    /// Its keys with the controllers are fresh.
    case refreshed
    /// An attempt to register has failed; another follows. In a few words why.
    case registrationFailed(String)
    /// A controller was found, at this address and port.
    case controllerFound(String)
    /// The controller has not been heard for long: the device registers again.
    case lost
    /// It was evicted. It tries to register again, in case that it may.
    case evicted
    /// It has left, as it wanted.
    case left
}

/// A service that comes or goes.
public enum GroupServiceChange: Hashable, Sendable {
    /// The service can be asked for.
    case appeared(String)
    /// Nobody offers the service any more.
    case vanished(String)

    /// The service's name.
    public var service: String {
        switch self {
        case .appeared(let name), .vanished(let name): name
        }
    }
}
