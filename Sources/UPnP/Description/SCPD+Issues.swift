extension SCPD {
    /// What in the description is against UDA 2.0 §2.5, in the order of the document; empty when nothing is.
    public var issues: [DescriptionIssue] {
        var check = ServiceCheck()
        if stateVariables.isEmpty { check.add(.missing, "serviceStateTable", "a service has at least one variable.") }
        check.actions(of: self)
        var names: Set<String> = []
        for variable in stateVariables {
            if !names.insert(variable.name).inserted {
                check.add(.duplicate, variable.name, "there is another variable of that name.")
            }
            check.variable(variable)
        }
        return check.issues
    }
}

private struct ServiceCheck {
    var issues: [DescriptionIssue] = []

    mutating func add(_ rule: DescriptionIssue.Rule, _ place: String, _ explanation: String) {
        issues.append(DescriptionIssue(rule, at: place, explanation))
    }

    mutating func actions(of scpd: SCPD) {
        let variables = Set(scpd.stateVariables.map(\.name))
        var names: Set<String> = []
        for action in scpd.actions {
            if !names.insert(action.name).inserted {
                add(.duplicate, action.name, "there is another action of that name.")
            }
            name(action.name)
            arguments(of: action, variables: variables)
        }
    }

    private mutating func name(_ name: String, at place: String? = nil) {
        if !DescriptionForm.isName(name) {
            add(.malformed, place ?? name, "a name is letters, digits and underscores, without hyphen and hash.")
        }
        if name.count > 31 { add(.tooLong, place ?? name, "a name should have fewer than 32 characters.") }
    }

    private mutating func arguments(of action: ActionDescription, variables: Set<String>) {
        var names: Set<String> = []
        var hasOut = false
        for argument in action.arguments {
            let place = "\(action.name)/\(argument.name)"
            if !names.insert(argument.name).inserted {
                add(.duplicate, place, "the action has another argument of that name.")
            }
            if !DescriptionForm.isName(argument.name) {
                add(.malformed, place, "a name is letters, digits and underscores, without hyphen and hash.")
            }
            if argument.direction == .in, hasOut {
                add(.inconsistent, place, "arguments that go in come before those that come out.")
            }
            if argument.isReturnValue, argument.direction == .in || hasOut {
                add(.inconsistent, place, "the return value is the first argument that comes out.")
            }
            if argument.direction == .out { hasOut = true }
            if argument.relatedStateVariable.isEmpty {
                add(.missing, "\(place)/relatedStateVariable", "required; it gives the argument its type.")
            } else if !variables.contains(argument.relatedStateVariable) {
                add(.inconsistent, place, "there is no variable \(argument.relatedStateVariable).")
            }
        }
    }

    mutating func variable(_ variable: StateVariable) {
        let place = variable.name
        // The names of types of arguments are long by themselves, so they are not counted.
        if !DescriptionForm.isName(variable.name) {
            add(.malformed, place, "a name is letters, digits and underscores, without hyphen and hash.")
        }
        if variable.name.hasPrefix("A_ARG_TYPE_"), variable.sendEvents || variable.multicast {
            add(.inconsistent, place, "a variable that only types arguments is not evented.")
        }
        if variable.multicast, !variable.sendEvents {
            add(.inconsistent, place, "a variable that is multicast is evented to subscribers too.")
        }
        if let type = variable.misspelledType {
            add(
                type.isEmpty ? .missing : .malformed, "\(place)/dataType",
                type.isEmpty ? "required." : "the standard has no type of that spelling.")
        }
        allowedValues(variable, at: place)
        allowedRange(variable, at: place)
        if let value = variable.defaultValue, !value.isEmpty, (try? variable.value(of: value)) == nil {
            add(.inconsistent, "\(place)/defaultValue", "the variable cannot have this value.")
        }
    }

    private mutating func allowedValues(_ variable: StateVariable, at place: String) {
        guard !variable.allowedValues.isEmpty else { return }
        if variable.dataType != .string {
            add(.inconsistent, "\(place)/allowedValueList", "only a string has a list of values.")
        }
        if Set(variable.allowedValues).count < variable.allowedValues.count {
            add(.duplicate, "\(place)/allowedValueList", "a value occurs twice.")
        }
        for value in variable.allowedValues {
            if value.isEmpty { add(.missing, "\(place)/allowedValue", "a value is empty.") }
            if value.count > 31 { add(.tooLong, "\(place)/allowedValue", "should have fewer than 32 characters.") }
        }
    }

    private mutating func allowedRange(_ variable: StateVariable, at place: String) {
        guard let range = variable.allowedRange else { return }
        let place = "\(place)/allowedValueRange"
        guard variable.dataType.isNumber else {
            return add(.inconsistent, place, "only a number has a range.")
        }
        let bounds = [range.minimum, range.maximum].map { UPnPValue($0, as: variable.dataType)?.double }
        guard let minimum = bounds[0], let maximum = bounds[1] else {
            let isMissing = range.minimum.isEmpty || range.maximum.isEmpty
            return add(
                isMissing ? .missing : .malformed, place, "minimum and maximum are values of the variable's type.")
        }
        if minimum >= maximum { add(.inconsistent, place, "the minimum is less than the maximum.") }
        guard let text = range.step else { return }
        guard let step = UPnPValue(text, as: variable.dataType)?.double, step > 0 else {
            return add(.malformed, "\(place)/step", "a step is a positive value of the variable's type.")
        }
        if step > maximum - minimum { add(.inconsistent, "\(place)/step", "the step is greater than the range.") }
    }
}
