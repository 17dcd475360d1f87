package import UPnP

/// An action with its arguments, checked against what the service declares.
package enum TypedAction {
    /// Makes the request: every declared argument once, in the declared order (UDA 2.0 §3.1.1), its value
    /// in the form of its type.
    ///
    /// Throws a sentence that names the argument and what is allowed.
    package static func request(
        _ name: String, of serviceType: String, _ values: [NamedValue], scpd: SCPD
    ) throws -> ActionRequest {
        guard let action = scpd.action(named: name) else {
            let names = scpd.actions.map(\.name).sorted().joined(separator: ", ")
            throw ProgramError.failure("the service has no action “\(name)”; it has: \(names)")
        }
        let declared = action.inArguments.map(\.name)
        for value in values where !declared.contains(value.name) {
            let takes = declared.isEmpty ? "it takes none" : "it takes: \(declared.joined(separator: ", "))"
            throw ProgramError.usage("\(name) has no argument “\(value.name)”; \(takes)")
        }
        let arguments = try action.inArguments.map { argument in
            let given = values.filter { $0.name == argument.name }
            guard given.count == 1, let text = given.first?.value else {
                let mistake = given.isEmpty ? "is missing" : "is given twice"
                throw ProgramError.usage("the argument \(signature(argument, scpd)) of \(name) \(mistake)")
            }
            guard let variable = scpd.stateVariable(named: argument.relatedStateVariable) else {
                return ActionArgument(argument.name, text)
            }
            return ActionArgument(argument.name, try value(text, of: argument.name, variable))
        }
        return ActionRequest(serviceType: serviceType, action: name, arguments: arguments)
    }

    private static func value(_ text: String, of name: String, _ variable: StateVariable) throws -> String {
        do {
            return try variable.value(of: text).text
        } catch {
            guard error.code == .argumentValueOutOfRange else {
                let type = variable.dataType.rawValue
                throw ProgramError.usage("\(name) is “\(text)”, but a value of type \(type) is expected")
            }
            let allowed =
                variable.allowedRange.map { "\($0.minimum) to \($0.maximum)" }
                ?? "one of these: \(variable.allowedValues.joined(separator: ", "))"
            throw ProgramError.usage("\(name) is “\(text)”, but \(allowed) is expected")
        }
    }

    /// `Name: type {a, b}` or `Name: type [0, 100]`, as help and errors show an argument.
    package static func signature(_ argument: ArgumentDescription, _ scpd: SCPD) -> String {
        guard let variable = scpd.stateVariable(named: argument.relatedStateVariable) else { return argument.name }
        var text = "\(argument.name): \(variable.dataType.rawValue)"
        if !variable.allowedValues.isEmpty { text += " {\(variable.allowedValues.joined(separator: ", "))}" }
        if let range = variable.allowedRange { text += " [\(range.minimum), \(range.maximum)]" }
        return text
    }
}
