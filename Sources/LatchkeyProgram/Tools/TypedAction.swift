import NIOUPnP
package import UPnP

/// An action with its arguments as they were typed, checked against what the service declares.
package enum TypedAction {
    /// Makes the request: every declared argument once, in the declared order (UDA 2.0 §3.1.1), its value
    /// in the form of its type.
    ///
    /// Throws a sentence that names the argument and what is allowed.
    package static func request(
        _ name: String, of serviceType: String, _ values: [NamedValue], scpd: SCPD
    ) throws -> ActionRequest {
        do {
            return try ActionCall.request(
                name, of: serviceType, values.map { (name: $0.name, value: .string($0.value)) }, scpd: scpd)
        } catch {
            throw error.code == .invalidArguments
                ? ProgramError.usage(error.message) : ProgramError.failure(error.message)
        }
    }
}
