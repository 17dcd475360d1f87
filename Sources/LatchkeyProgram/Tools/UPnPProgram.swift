/// One argument of an action, as it was typed.
package struct NamedValue: Codable, Hashable, Sendable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// `latchkey upnp …`, beyond its arguments.
package enum UPnPProgram {
    /// Lists the devices that answer a search.
    package static func search(_ target: String, timeout: Duration, _ invocation: Invocation) async throws {
        throw ProgramError.failure("the control point is not part of this build")
    }

    /// Shows a device's tree.
    package static func describe(_ device: String, timeout: Duration, _ invocation: Invocation) async throws {
        throw ProgramError.failure("the control point is not part of this build")
    }

    /// Invokes an action.
    package static func invoke(
        _ action: String, of service: String, on device: String, _ arguments: [NamedValue], timeout: Duration,
        _ invocation: Invocation
    ) async throws {
        throw ProgramError.failure("the control point is not part of this build")
    }

    /// Prints events.
    package static func subscribe(
        to service: String, on device: String, count: Int?, timeout: Duration, _ invocation: Invocation
    ) async throws {
        throw ProgramError.failure("the control point is not part of this build")
    }
}
