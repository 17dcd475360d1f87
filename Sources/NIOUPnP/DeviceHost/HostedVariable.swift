public import UPnP

/// A state variable of a hosted service, with a Swift type: it is in the service's description, it types the
/// arguments that name it, and it keeps its value.
///
/// ```swift
/// let status = HostedVariable("Status", false, evented: true)
/// await status.set(true)  // every subscriber hears of it
/// ```
///
/// It may be used from any task, and belongs to the service whose builder names it or one of its arguments;
/// to the last one, if there are several.
public struct HostedVariable<Value: UPnPConvertible>: Sendable {
    let store: VariableStore
    private let initial: Value

    /// Makes a variable of any type.
    /// - Parameters:
    ///   - value: The value until it is set; also the description's default.
    ///   - dataType: Another data type than the Swift type's own, such as `bin.hex` for bytes.
    ///   - allowedValues: The values that a text may have; an enumeration brings its own. Any other argument is
    ///     answered with 601.
    ///   - maximumLength: Of a text, in Unicode scalars; a longer argument is answered with 605.
    ///   - evented: Whether subscribers hear of changes.
    ///   - moderation: How seldom they hear of them.
    ///   - multicast: The urgency with which everybody on the links is told of changes, subscribed or not
    ///     (UDA 2.0 §4.3); nil where nobody is.
    public init(
        _ name: String, _ value: Value, dataType: UPnPDataType = Value.upnpDataType,
        allowedValues: [String] = Value.upnpAllowedValues, maximumLength: Int? = nil, evented: Bool = false,
        moderation: EventModeration? = nil, multicast: MulticastEventLevel? = nil
    ) {
        self.init(
            StateVariable(
                name: name, dataType: dataType, sendEvents: evented, multicast: multicast != nil,
                allowedValues: allowedValues
            ), value, maximumLength: maximumLength, moderation: moderation, multicast: multicast
        )
    }

    /// Makes a number within a range, both bounds included. An argument outside of it is answered with 601.
    public init(
        _ name: String, _ value: Value, in range: ClosedRange<Value>, step: Value? = nil,
        dataType: UPnPDataType = Value.upnpDataType, evented: Bool = false, moderation: EventModeration? = nil,
        multicast: MulticastEventLevel? = nil
    ) where Value: Numeric {
        self.init(
            StateVariable(
                name: name, dataType: dataType, sendEvents: evented, multicast: multicast != nil,
                allowedRange: AllowedValueRange(range, step: step)
            ), value, maximumLength: nil, moderation: moderation, multicast: multicast
        )
    }

    private init(
        _ declaration: StateVariable, _ value: Value, maximumLength: Int?, moderation: EventModeration?,
        multicast: MulticastEventLevel?
    ) {
        var declaration = declaration
        let first = value.upnpValue(as: declaration.dataType)
        declaration.defaultValue = first?.text
        self.initial = value
        self.store = VariableStore(
            declaration, first ?? value.upnpValue, maximumLength: maximumLength, moderation: moderation,
            multicast: multicast
        )
        precondition(
            first.map(store.allows) ?? false,
            "the variable \(declaration.name) may not have the value \(value) with which it begins"
        )
    }

    /// The name, as the description has it.
    public var name: String { store.declaration.name }

    /// The present value.
    public var value: Value { Value(store.value) ?? initial }

    /// Takes a new value and tells the subscribers if it is another one.
    ///
    /// False, and nothing is done, for a value that is outside of the variable's range or list.
    @discardableResult
    public func set(_ value: Value) async -> Bool {
        guard let value = value.upnpValue(as: store.declaration.dataType), store.allows(value) else { return false }
        await store.set(value)
        return true
    }

    /// An argument of this variable's type, for ``HostedAction``.
    public func argument(_ name: String) -> HostedArgument<Value> { HostedArgument(name, store: store) }
}

extension AllowedValueRange {
    fileprivate init<Value: UPnPConvertible & Comparable>(_ range: ClosedRange<Value>, step: Value?) {
        self.init(
            minimum: range.lowerBound.upnpValue.text, maximum: range.upperBound.upnpValue.text,
            step: step?.upnpValue.text
        )
    }
}

/// The type of arguments that no state variable stands for: in the description it is a variable whose name
/// begins with `A_ARG_TYPE_` (UDA 2.0 §2.5).
public struct HostedArgumentType<Value: UPnPConvertible>: Sendable {
    private let store: VariableStore

    /// Makes a type; the prefix is added to `name`.
    /// - Parameters:
    ///   - dataType: Another data type than the Swift type's own, such as `uri` for text.
    ///   - allowedValues: The values that a text may have; an enumeration brings its own.
    ///   - maximumLength: Of a text, in Unicode scalars; a longer argument is answered with 605.
    public init(
        _ name: String, as _: Value.Type = Value.self, dataType: UPnPDataType = Value.upnpDataType,
        allowedValues: [String] = Value.upnpAllowedValues, maximumLength: Int? = nil
    ) {
        store = VariableStore(
            StateVariable(name: Self.prefixed(name), dataType: dataType, allowedValues: allowedValues), nil,
            maximumLength: maximumLength
        )
    }

    /// Makes a type of numbers within a range, both bounds included.
    public init(
        _ name: String, in range: ClosedRange<Value>, step: Value? = nil,
        dataType: UPnPDataType = Value.upnpDataType
    ) where Value: Numeric {
        store = VariableStore(
            StateVariable(
                name: Self.prefixed(name), dataType: dataType, allowedRange: AllowedValueRange(range, step: step)
            ), nil, maximumLength: nil
        )
    }

    /// An argument of this type.
    public func argument(_ name: String) -> HostedArgument<Value> { HostedArgument(name, store: store) }

    private static func prefixed(_ name: String) -> String {
        let prefix = "A_ARG_TYPE_"
        return name.hasPrefix(prefix) ? name : prefix + name
    }
}

/// An argument of a ``HostedAction``, with the Swift type that its closure takes or returns.
public struct HostedArgument<Value: UPnPConvertible>: Sendable {
    let name: String
    let store: VariableStore
    private(set) var isReturnValue = false

    init(_ name: String, store: VariableStore) {
        self.name = name
        self.store = store
    }

    /// An argument with a type of its own, `A_ARG_TYPE_` and its name.
    /// - Parameters:
    ///   - dataType: Another data type than the Swift type's own, such as `uri` for text.
    ///   - maximumLength: Of a text, in Unicode scalars; a longer argument is answered with 605.
    public init(
        _ name: String, as _: Value.Type = Value.self, dataType: UPnPDataType = Value.upnpDataType,
        maximumLength: Int? = nil
    ) {
        self = HostedArgumentType<Value>(name, dataType: dataType, maximumLength: maximumLength).argument(name)
    }

    /// The same argument as the action's return value, `retval`: at most one, the first that comes out.
    public var asReturnValue: HostedArgument {
        var argument = self
        argument.isReturnValue = true
        return argument
    }
}
