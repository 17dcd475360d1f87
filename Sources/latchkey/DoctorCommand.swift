import ArgumentParser
import LatchkeyProgram

/// `latchkey doctor`
struct DoctorCommand: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say how the gateway is reached, why so, and what would improve it.",
        discussion: """
            Asks what runs with the state folder: the gateway, else the away client.

            Example: latchkey doctor --json
            """
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws { try await DoctorProgram.run(invocation) }
}
