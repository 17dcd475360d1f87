/// A request that agrees with its service's description: the action exists, the arguments are those it
/// takes, and their values are of the right types and in their ranges.
public struct CheckedAction: Hashable, Sendable {
    /// An argument with its typed value.
    public struct Argument: Hashable, Sendable {
        /// The argument's name.
        public var name: String
        /// The value.
        public var value: UPnPValue
    }

    /// The action as the description has it.
    public let action: ActionDescription
    /// The arguments, in the description's order.
    public let arguments: [Argument]

    /// The value of that argument.
    public subscript(name: String) -> UPnPValue? { arguments.first { $0.name == name }?.value }
}

extension ActionRequest {
    /// Compares the request with a service's description (UDA 2.0 §3.2.3).
    ///
    /// The fault is what to answer: 401 for an action that the service does not have, 402 for arguments
    /// that are missing, too many, out of order or of the wrong type, 600 for a number that its type
    /// cannot hold, 601 for a value outside the allowed range or list.
    public func checked(against scpd: SCPD) throws(UPnPFault) -> CheckedAction {
        guard let description = scpd.action(named: action) else { throw UPnPFault(.invalidAction) }
        let expected = description.inArguments
        guard expected.map(\.name) == arguments.map(\.name) else { throw UPnPFault(.invalidArgs) }
        var checked: [CheckedAction.Argument] = []
        for (argument, expected) in zip(arguments, expected) {
            let variable = scpd.stateVariable(named: expected.relatedStateVariable)
            let value = try variable?.value(of: argument.value) ?? .string(argument.value)
            checked.append(CheckedAction.Argument(name: argument.name, value: value))
        }
        return CheckedAction(action: description, arguments: checked)
    }
}

extension StateVariable {
    /// The text as a value of this variable, within its range and list; the fault says what is wrong.
    public func value(of text: String) throws(UPnPFault) -> UPnPValue {
        guard let value = UPnPValue(text, as: dataType) else {
            let isNumber =
                dataType.isInteger && UPnPValue(text, as: .r8) != nil && !text.contains { ".eE".contains($0) }
            throw UPnPFault(isNumber ? .argumentValueInvalid : .invalidArgs)
        }
        if let allowedRange, !allowedRange.contains(value) { throw UPnPFault(.argumentValueOutOfRange) }
        if dataType == .string, !allowedValues.isEmpty, !allowedValues.contains(text) {
            throw UPnPFault(.argumentValueOutOfRange)
        }
        return value
    }
}

extension AllowedValueRange {
    /// Whether a number lies between the bounds, both included. What is no number is not bound.
    public func contains(_ value: UPnPValue) -> Bool {
        switch value {
        case .ui1, .ui2, .ui4, .ui8, .i1, .i2, .i4, .i8, .int:
            guard let number = Int128(value.text) else { return true }
            return Self.isOrdered(minimum, number) && Self.isOrdered(number, maximum)
        case .r4, .r8, .number, .float, .fixed14Point4:
            guard let number = UPnPNumber.double(value.text) else { return true }
            return (UPnPNumber.double(minimum).map { $0 <= number } ?? true)
                && (UPnPNumber.double(maximum).map { number <= $0 } ?? true)
        default:
            return true
        }
    }

    private static func isOrdered(_ bound: String, _ number: Int128) -> Bool {
        if let bound = Int128(bound) { return bound <= number }
        return UPnPNumber.double(bound).map { $0 <= Double(number) } ?? true
    }

    private static func isOrdered(_ number: Int128, _ bound: String) -> Bool {
        if let bound = Int128(bound) { return number <= bound }
        return UPnPNumber.double(bound).map { Double(number) <= $0 } ?? true
    }
}

extension UPnPDataType {
    /// Whether values of the type are whole numbers.
    public var isInteger: Bool {
        switch self {
        case .ui1, .ui2, .ui4, .ui8, .i1, .i2, .i4, .i8, .int: true
        default: false
        }
    }
}
