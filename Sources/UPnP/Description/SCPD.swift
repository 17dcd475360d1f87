/// A service description document: the actions and state variables of a service (UDA 2.0 §2.5).
///
/// Read leniently, written strictly, like ``RootDescription``.
public struct SCPD: Hashable, Sendable {
    /// The namespace of service descriptions.
    public static let namespace = "urn:schemas-upnp-org:service-1-0"

    /// The version claimed; 1.0 when there is none.
    public var specVersion: SpecVersion
    /// The configuration number, which must be that of the device description.
    public var configID: Int?
    /// What the service can be asked to do.
    public var actions: [ActionDescription]
    /// The service's variables, those that only type arguments included.
    public var stateVariables: [StateVariable]

    /// Makes a description for a service of our own.
    public init(
        specVersion: SpecVersion = SpecVersion(major: 1, minor: 1), configID: Int? = nil,
        actions: [ActionDescription] = [], stateVariables: [StateVariable] = []
    ) {
        self.specVersion = specVersion
        self.configID = configID
        self.actions = actions
        self.stateVariables = stateVariables
    }

    /// The action of that name.
    public func action(named name: String) -> ActionDescription? { actions.first { $0.name == name } }

    /// The variable of that name.
    public func stateVariable(named name: String) -> StateVariable? { stateVariables.first { $0.name == name } }

    /// The variables that are evented to subscribers.
    public var eventedVariables: [StateVariable] { stateVariables.filter(\.sendEvents) }
}

/// An action of a service.
public struct ActionDescription: Hashable, Sendable {
    /// The action's name.
    public var name: String
    /// Its arguments, those that go in before those that come out.
    public var arguments: [ArgumentDescription]

    /// Makes an action.
    public init(name: String, arguments: [ArgumentDescription] = []) {
        self.name = name
        self.arguments = arguments
    }

    /// What a request carries, in order.
    public var inArguments: [ArgumentDescription] { arguments.filter { $0.direction == .in } }

    /// What a response carries, in order.
    public var outArguments: [ArgumentDescription] { arguments.filter { $0.direction == .out } }
}

/// An argument of an action.
public struct ArgumentDescription: Hashable, Sendable {
    /// Which way an argument goes.
    public enum Direction: String, Hashable, Sendable {
        /// In the request.
        case `in`
        /// In the response.
        case out
    }

    /// The argument's name.
    public var name: String
    /// Which way it goes.
    public var direction: Direction
    /// The name of the variable that gives its type.
    public var relatedStateVariable: String
    /// Whether it is the action's return value.
    public var isReturnValue: Bool

    /// Makes an argument.
    public init(
        name: String, direction: Direction, relatedStateVariable: String, isReturnValue: Bool = false
    ) {
        self.name = name
        self.direction = direction
        self.relatedStateVariable = relatedStateVariable
        self.isReturnValue = isReturnValue
    }
}

/// A variable of a service, or the type of an argument.
public struct StateVariable: Hashable, Sendable {
    /// The variable's name; `A_ARG_TYPE_…` for one that only types arguments.
    public var name: String
    /// The type; `string` when the description names one that the standard does not know.
    public var dataType: UPnPDataType
    /// Whether subscribers hear of changes.
    public var sendEvents: Bool
    /// Whether changes are multicast too.
    public var multicast: Bool
    /// The value before any change, as written.
    public var defaultValue: String?
    /// The values that a string may have; empty when it may have any.
    public var allowedValues: [String]
    /// The range that a number must be in.
    public var allowedRange: AllowedValueRange?
    /// For a `string` that holds something with a type of its own: that type, such as `xsd:byte` (UDA 2.0 §2.5,
    /// the `type` attribute of `dataType`).
    public var extendedType: String?
    /// The type as the description writes it, where it is not one of the standard's names; never written, and of
    /// no matter when variables are compared.
    public var misspelledType: String? {
        get { asRead.type }
        set { asRead.type = newValue }
    }
    private var asRead = AsRead()

    /// What is known of a variable only because it was read.
    private struct AsRead: Hashable, Sendable {
        var type: String?
        static func == (left: AsRead, right: AsRead) -> Bool { true }
        func hash(into hasher: inout Hasher) {}
    }

    /// Makes a variable.
    public init(
        name: String, dataType: UPnPDataType, sendEvents: Bool = false, multicast: Bool = false,
        defaultValue: String? = nil, allowedValues: [String] = [], allowedRange: AllowedValueRange? = nil,
        extendedType: String? = nil, misspelledType: String? = nil
    ) {
        self.name = name
        self.dataType = dataType
        self.sendEvents = sendEvents
        self.multicast = multicast
        self.defaultValue = defaultValue
        self.allowedValues = allowedValues
        self.allowedRange = allowedRange
        self.extendedType = extendedType
        self.misspelledType = misspelledType
    }
}

/// The range of a number, as written: a bound that is empty or no number does not bind.
public struct AllowedValueRange: Hashable, Sendable {
    /// The least value.
    public var minimum: String
    /// The greatest value.
    public var maximum: String
    /// The distance of neighbouring values, for user interfaces; not enforced.
    public var step: String?

    /// Makes a range.
    public init(minimum: String, maximum: String, step: String? = nil) {
        self.minimum = minimum
        self.maximum = maximum
        self.step = step
    }
}
