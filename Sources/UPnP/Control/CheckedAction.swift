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
