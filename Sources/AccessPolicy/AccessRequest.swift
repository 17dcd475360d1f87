package import NetworkTypes
package import TrustCore

/// Who stands in front of the away client.
package enum Via: Hashable, Sendable {
    /// A program on the away client's own host.
    case ownHost
    /// A neighbour of the away client.
    case neighbour(IPAddress)
}

/// What policy needs to know of a device.
package struct DeviceFacts: Hashable, Sendable {
    /// The unique device name of the root device.
    package var udn: String
    /// The type of the root device, as its description has it.
    package var deviceType: String
    /// The types of its embedded devices, at every depth.
    package var embeddedTypes: [String]
    /// The types of all its services, those of embedded devices too.
    package var serviceTypes: [String]

    /// Makes facts.
    package init(udn: String, deviceType: String, embeddedTypes: [String] = [], serviceTypes: [String] = []) {
        self.udn = udn
        self.deviceType = deviceType
        self.embeddedTypes = embeddedTypes
        self.serviceTypes = serviceTypes
    }
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
    /// Which action, for `control`.
    package var action: String?
    /// The action's arguments in their order.
    package var arguments: [(name: String, value: String)]
    /// What is wanted.
    package var operation: Operation

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

/// An answer with its reason.
package struct Decision: Hashable, Sendable {
    /// Whether it may be done.
    package let permitted: Bool
    /// A sentence without a final stop, for the log and for the user.
    package let reason: String

    /// May be done.
    package static func permit(_ reason: String) -> Decision { Decision(permitted: true, reason: reason) }
    /// May not be done.
    package static func deny(_ reason: String) -> Decision { Decision(permitted: false, reason: reason) }
}
