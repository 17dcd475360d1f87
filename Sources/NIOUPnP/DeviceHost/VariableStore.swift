import Synchronization
import UPnP

/// One variable of a hosted service: what the description says of it, and its value.
final class VariableStore: Sendable {
    let declaration: StateVariable
    /// Of a text, in Unicode scalars.
    let maximumLength: Int?
    let moderation: EventModeration?
    /// The urgency with which changes are multicast; nil where they are not.
    let multicast: MulticastEventLevel?

    private struct State {
        var value: UPnPValue
        weak var events: ServiceEvents?
    }

    private let state: Mutex<State>

    /// Without a value it is one that only types arguments.
    init(
        _ declaration: StateVariable, _ value: UPnPValue?, maximumLength: Int? = nil,
        moderation: EventModeration? = nil, multicast: MulticastEventLevel? = nil
    ) {
        self.moderation = moderation
        self.multicast = multicast
        self.declaration = declaration
        self.maximumLength = maximumLength
        self.state = Mutex(State(value: value ?? .string("")))
    }

    var value: UPnPValue { state.withLock { $0.value } }

    /// Whether the variable keeps a value, rather than only typing arguments.
    var hasState: Bool { !declaration.name.hasPrefix("A_ARG_TYPE_") }

    /// Whether the value is within the variable's range, list and length.
    func allows(_ value: UPnPValue) -> Bool {
        if let range = declaration.allowedRange, !range.contains(value) { return false }
        guard declaration.dataType == .string, case .string(let text) = value else { return true }
        return (declaration.allowedValues.isEmpty || declaration.allowedValues.contains(text)) && !isTooLong(text)
    }

    func isTooLong(_ text: String) -> Bool {
        guard let maximumLength, text.utf8.count > maximumLength else { return false }
        return text.unicodeScalars.count > maximumLength
    }

    /// Takes a value; whether it is another one.
    func replace(_ value: UPnPValue) -> Bool {
        state.withLock { state in
            guard state.value != value else { return false }
            state.value = value
            return true
        }
    }

    /// From here on it is these events that tell of changes.
    func bind(_ events: ServiceEvents) { state.withLock { $0.events = events } }

    /// Takes a value and tells of it.
    func set(_ value: UPnPValue) async {
        guard let events = state.withLock({ $0.events }) else {
            _ = replace(value)
            return
        }
        await events.publish([(self, value)])
    }
}
