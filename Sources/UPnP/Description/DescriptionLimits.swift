/// How much of a description is read (upnp.md §4.2 rules 9 and 10).
public struct DescriptionLimits: Hashable, Sendable {
    /// Limits of the document.
    public var xml: XMLLimits
    /// Devices in a device description, the root device included.
    public var devices: Int
    /// Services of all devices together.
    public var services: Int
    /// Icons of all devices together.
    public var icons: Int
    /// Actions of a service.
    public var actions: Int
    /// Arguments of one action.
    public var arguments: Int
    /// State variables of a service.
    public var stateVariables: Int

    /// Makes limits.
    public init(
        xml: XMLLimits = XMLLimits(), devices: Int = 64, services: Int = 256, icons: Int = 64, actions: Int = 512,
        arguments: Int = 256, stateVariables: Int = 1024
    ) {
        self.xml = xml
        self.devices = devices
        self.services = services
        self.icons = icons
        self.actions = actions
        self.arguments = arguments
        self.stateVariables = stateVariables
    }
}

/// Why a device or service description was refused.
public enum DescriptionError: Error, Hashable, Sendable {
    /// Not XML that we read.
    case xml(XMLError)
    /// XML, but the root element is another; its name.
    case unexpectedRoot(String)
    /// An element without which the description is of no use; its name.
    case missing(String)
    /// More than a limit of ``DescriptionLimits``; what there were too many of, and the limit.
    case tooMany(String, limit: Int)
}

extension DescriptionError: CustomStringConvertible {
    /// What happened, in a sentence.
    public var description: String {
        switch self {
        case .xml(let error): error.description
        case .unexpectedRoot(let name): "The document's root element is <\(name)>; this is not a UPnP description."
        case .missing(let name): "The description has no <\(name)>."
        case .tooMany(let what, let limit): "The description has more than \(limit) \(what)."
        }
    }
}
