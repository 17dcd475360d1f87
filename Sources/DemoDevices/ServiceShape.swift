import NIOUPnP
import UPnP

/// A short way to write a service's description.
struct ServiceShape {
    private var actions: [ActionDescription] = []
    private var variables: [StateVariable] = []

    /// Adds a state variable.
    func variable(
        _ name: String, _ type: UPnPDataType, evented: Bool = false, initial: String? = nil,
        allowed: [String] = [], range: AllowedValueRange? = nil
    ) -> ServiceShape {
        var shape = self
        shape.variables.append(
            StateVariable(
                name: name, dataType: type, sendEvents: evented, defaultValue: initial, allowedValues: allowed,
                allowedRange: range
            )
        )
        return shape
    }

    /// Adds an action; arguments are pairs of a name and its variable.
    func action(_ name: String, in inputs: [(String, String)] = [], out outputs: [(String, String)] = [])
        -> ServiceShape
    {
        var shape = self
        shape.actions.append(
            ActionDescription(
                name: name,
                arguments: inputs.map { ArgumentDescription(name: $0.0, direction: .in, relatedStateVariable: $0.1) }
                    + outputs.map { ArgumentDescription(name: $0.0, direction: .out, relatedStateVariable: $0.1) }
            )
        )
        return shape
    }

    /// The description.
    var scpd: SCPD { SCPD(actions: actions, stateVariables: variables) }
}

extension ActionInvocation {
    /// Answers with the value of an evented variable.
    func answer(_ argument: String, _ variable: String) -> [ActionArgument] {
        [ActionArgument(argument, service[variable] ?? "")]
    }

    /// Publishes one variable.
    func publish(_ variable: String, _ value: String) async {
        await service.publish([EventProperty(variable, value)])
    }
}
