public import UPnP

/// Makes requests of named values, and named values of answers, by a service's description. Pure.
package enum ActionCall {
    /// Makes the request: every declared argument once, in the declared order (UDA 2.0 §3.1.1), its value in
    /// the form of its type.
    ///
    /// - Throws: a sentence that names the argument and what is allowed.
    package static func request(
        _ name: String, of serviceType: String, _ values: [(name: String, value: UPnPValue)], scpd: SCPD
    ) throws(ControlPointError) -> ActionRequest {
        guard let action = scpd.action(named: name) else {
            throw ControlPointError(
                .noSuchAction, "the service has no action “\(name)”; it has: \(list(scpd.actions.map(\.name).sorted()))"
            )
        }
        let expected = action.inArguments
        for value in values where !expected.contains(where: { $0.name == value.name }) {
            let takes = expected.isEmpty ? "it takes none" : "it takes: \(list(expected.map(\.name)))"
            throw ControlPointError(.invalidArguments, "\(name) has no argument “\(value.name)”; \(takes)")
        }
        var arguments: [ActionArgument] = []
        for argument in expected {
            let given = values.filter { $0.name == argument.name }
            guard given.count == 1, let value = given.first?.value else {
                let mistake = given.isEmpty ? "is missing" : "is given twice"
                throw ControlPointError(
                    .invalidArguments, "the argument \(signature(argument, scpd)) of \(name) \(mistake)"
                )
            }
            let variable = scpd.stateVariable(named: argument.relatedStateVariable)
            arguments.append(ActionArgument(argument.name, try text(value, of: argument.name, variable)))
        }
        return ActionRequest(serviceType: serviceType, action: name, arguments: arguments)
    }

    private static func text(
        _ value: UPnPValue, of name: String, _ variable: StateVariable?
    ) throws(ControlPointError) -> String {
        guard let variable else { return value.text }
        // What cannot be converted is refused below, as text.
        let text = value.converted(to: variable.dataType)?.text ?? value.text
        do {
            return try variable.value(of: text).text
        } catch {
            guard error.code == .argumentValueOutOfRange else {
                let type = variable.dataType.rawValue
                throw ControlPointError(
                    .invalidArguments, "\(name) is “\(text)”, but a value of type \(type) is expected"
                )
            }
            let allowed =
                variable.allowedRange.map { "\($0.minimum) to \($0.maximum)" }
                ?? "one of these: \(list(variable.allowedValues))"
            throw ControlPointError(.invalidArguments, "\(name) is “\(text)”, but \(allowed) is expected")
        }
    }

    /// The result of an action: what the service declares to come out, each with its type.
    ///
    /// What was not declared is left out, what was not sent too; a text that is none of its type stays text.
    /// Without a description every value is text.
    package static func result(_ response: ActionResponse, scpd: SCPD?) -> ActionResult {
        guard let scpd, let action = scpd.action(named: response.action) else {
            return ActionResult(response, values: response.arguments.map { .init($0.name, .string($0.value)) })
        }
        let values = action.outArguments.compactMap { argument -> ActionResult.Value? in
            guard let text = response[argument.name] else { return nil }
            let type = scpd.stateVariable(named: argument.relatedStateVariable)?.dataType ?? .string
            return .init(argument.name, UPnPValue(text, as: type) ?? .string(text))
        }
        return ActionResult(response, values: values)
    }

    /// `Name: type {a, b}` or `Name: type [0, 100]`, as help and errors show an argument.
    package static func signature(_ argument: ArgumentDescription, _ scpd: SCPD) -> String {
        guard let variable = scpd.stateVariable(named: argument.relatedStateVariable) else { return argument.name }
        var text = "\(argument.name): \(variable.dataType.rawValue)"
        if !variable.allowedValues.isEmpty { text += " {\(list(variable.allowedValues))}" }
        if let range = variable.allowedRange { text += " [\(range.minimum), \(range.maximum)]" }
        return text
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "none" : names.joined(separator: ", ")
    }
}

/// What an action brought.
public struct ActionResult: Hashable, Sendable {
    /// A named value.
    public struct Value: Hashable, Sendable {
        /// The argument's name.
        public var name: String
        /// Its value, of the type that the service declares; text where it sent something else.
        public var value: UPnPValue

        init(_ name: String, _ value: UPnPValue) {
            self.name = name
            self.value = value
        }
    }

    /// The values that the service declares, in its order. Undeclared ones are in ``response`` only.
    public let values: [Value]
    /// The answer as it came.
    public let response: ActionResponse

    init(_ response: ActionResponse, values: [Value]) {
        self.response = response
        self.values = values
    }

    /// The value of that name; nil when the device did not send it.
    public subscript(name: String) -> UPnPValue? { values.first { $0.name == name }?.value }
}
