/// `latchkey gateway …`, beyond its arguments.
package enum GatewayProgram {
    /// Runs the gateway until it is told to stop.
    package static func run(_ invocation: Invocation) async throws {
        let configuration = try GatewayConfiguration(invocation)
        try configuration.state.create()
        throw ProgramError.failure("the gateway's services are not part of this build")
    }

    /// Answers from the store alone, while no gateway runs.
    package static func offline(
        _ invocation: Invocation
    ) -> (StateFolder) async throws -> any ControlRequestHandler {
        { folder in
            throw ProgramError.failure("the gateway is not running with the state folder \(folder.path)")
        }
    }
}
