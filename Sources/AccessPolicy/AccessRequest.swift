package import NetworkTypes
package import TrustCore

/// Who stands in front of the away client.
package enum Via: Hashable, Sendable {
    /// A program on the away client's own host.
    case ownHost
    /// A neighbour of the away client.
    case neighbour(IPAddress)
}

/// Where an object of a ContentDirectory lies.
package enum Ancestry: Hashable, Sendable {
    /// The object's id, its parent's, and so on to the root, `0`.
    case known([String])
    /// The server would not say, or what it said makes no sense.
    case unavailable
}

/// What somebody wants of a device.
package struct AccessRequest: Sendable {
    /// The kinds of wish.
    package enum Operation: String, Hashable, Sendable, CaseIterable {
        /// To know that the device exists.
        case discover
        /// To read its description, or with a service that service's.
        case describe
        /// To invoke an action.
        case control
        /// To hear a service's events.
        case event
        /// To fetch a resource that the device named: content, pictures, icons.
        case media
        /// To use the device's own web page.
        case presentation
    }

    /// Who asks.
    package var subject: SubjectID
    /// Through whom.
    package var via: Via
    /// Of which device.
    package var device: DeviceFacts
    /// Which service, for `control` and `event`, and for a service's own description.
    package var service: String?
    /// Which action, for `control`; with `describe`, whether the action is to be seen in its service's description.
    package var action: String?
    /// The action's arguments in their order.
    package var arguments: [(name: String, value: String)]
    /// What is wanted.
    package var operation: Operation
    /// The roles that the session has.
    package var roles: Set<RoleName> = []
    /// When it is asked. Without it no rule with a time permits anything, and every one that denies does.
    package var moment: PolicyMoment?
    /// What has been found out about objects, by their id: see `Need.ancestry`.
    package var ancestries: [String: Ancestry] = [:]
    /// The names of the rules to whose first use by this subject somebody has consented.
    package var consents: Set<String> = []

    /// Makes a request.
    package init(
        subject: SubjectID, via: Via, device: DeviceFacts, operation: Operation, service: String? = nil,
        action: String? = nil, arguments: [(name: String, value: String)] = []
    ) {
        self.subject = subject
        self.via = via
        self.device = device
        self.service = service
        self.action = action
        self.arguments = arguments
        self.operation = operation
    }
}
