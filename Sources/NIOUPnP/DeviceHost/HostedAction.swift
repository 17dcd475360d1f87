public import UPnP

/// An action of a hosted service, with Swift types: what it is called, what goes in, what comes out, what it does.
///
/// ```swift
/// HostedAction("SetTarget", in: status.argument("newTargetValue")) { on in await status.set(on) }
/// HostedAction("GetStatus", out: status.argument("ResultStatus")) { status.value }
/// ```
///
/// The closure takes the arguments that go in, and returns those that come out, as a tuple when there are
/// several. It runs only when the request agrees with the description; it may take an ``ActionInvocation`` first,
/// which says who asks. A `UPnPFault` that it throws is the answer; any other error is answered with 501.
public struct HostedAction: Sendable {
    let description: ActionDescription
    let stores: [VariableStore]
    let run: HostedService.Action

    /// Makes an action whose closure takes its arguments and returns one value.
    public init<each In: UPnPConvertible, Result: UPnPConvertible>(
        _ name: String, in inputs: repeat HostedArgument<each In>, out output: HostedArgument<Result>,
        does body: @escaping @Sendable (repeat each In) async throws -> Result
    ) {
        self.init(name, in: repeat each inputs, out: output) {
            (_: ActionInvocation, arguments: repeat each In) in
            try await body(repeat each arguments)
        }
    }

    /// Makes an action whose closure also takes who asks, and returns one value.
    public init<each In: UPnPConvertible, Result: UPnPConvertible>(
        _ name: String, in inputs: repeat HostedArgument<each In>, out output: HostedArgument<Result>,
        does body: @escaping @Sendable (ActionInvocation, repeat each In) async throws -> Result
    ) {
        var parts = Parts(name)
        repeat parts.add(each inputs, .in)
        parts.add(output, .out)
        self.init(parts) { call in
            var given = call.request.arguments.makeIterator()
            let arguments = (repeat try Self.read(each inputs, given.next()?.value))
            return [try Self.write(output, try await body(call, repeat each arguments))]
        }
    }

    /// Makes an action whose closure takes its arguments and returns a tuple, or nothing.
    public init<each In: UPnPConvertible, each Out: UPnPConvertible>(
        _ name: String, in inputs: repeat HostedArgument<each In>, out outputs: repeat HostedArgument<each Out>,
        does body: @escaping @Sendable (repeat each In) async throws -> (repeat each Out)
    ) {
        self.init(name, in: repeat each inputs, out: repeat each outputs) {
            (_: ActionInvocation, arguments: repeat each In) in
            try await body(repeat each arguments)
        }
    }

    /// Makes an action whose closure also takes who asks, and returns a tuple, or nothing.
    public init<each In: UPnPConvertible, each Out: UPnPConvertible>(
        _ name: String, in inputs: repeat HostedArgument<each In>, out outputs: repeat HostedArgument<each Out>,
        does body: @escaping @Sendable (ActionInvocation, repeat each In) async throws -> (repeat each Out)
    ) {
        var parts = Parts(name)
        repeat parts.add(each inputs, .in)
        repeat parts.add(each outputs, .out)
        self.init(parts) { call in
            var given = call.request.arguments.makeIterator()
            let arguments = (repeat try Self.read(each inputs, given.next()?.value))
            let results = try await body(call, repeat each arguments)
            var answer: [ActionArgument] = []
            repeat answer.append(try Self.write(each outputs, each results))
            return answer
        }
    }

    /// What the arguments say to the description.
    private struct Parts {
        var description: ActionDescription
        var stores: [VariableStore] = []

        init(_ name: String) { description = ActionDescription(name: name) }

        mutating func add<Value>(_ argument: HostedArgument<Value>, _ direction: ArgumentDescription.Direction) {
            stores.append(argument.store)
            description.arguments.append(
                ArgumentDescription(
                    name: argument.name, direction: direction,
                    relatedStateVariable: argument.store.declaration.name, isReturnValue: argument.isReturnValue
                )
            )
        }
    }

    private init(_ parts: Parts, run: @escaping HostedService.Action) {
        description = parts.description
        stores = parts.stores
        self.run = run
    }

    private static func read<Value>(
        _ argument: HostedArgument<Value>, _ given: UPnPValue?
    ) throws(UPnPFault) -> Value {
        guard let given else { throw UPnPFault(.invalidArgs) }
        if case .string(let text) = given, argument.store.isTooLong(text) { throw UPnPFault(.stringArgumentTooLong) }
        guard let value = Value(given) else { throw UPnPFault(.argumentValueInvalid) }
        return value
    }

    /// What the description promises not to say is a failure of the action.
    private static func write<Value>(
        _ argument: HostedArgument<Value>, _ result: Value
    ) throws(UPnPFault) -> ActionArgument {
        guard let value = result.upnpValue(as: argument.store.declaration.dataType), argument.store.allows(value)
        else { throw UPnPFault(.actionFailed) }
        return ActionArgument(argument.name, value.text)
    }
}
