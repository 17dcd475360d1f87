import ArgumentParser
import LatchkeyProgram

struct AwayRole: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "role",
        abstract: "Take up the role Admin toward devices with DeviceProtection, for a while.",
        discussion: """
            A protected device (a lock, say) decides itself about who calls it. The gateway calls it as the identity of \
            the session's role, and comes as an administrator only while a client has taken that role up: here, and \
            no longer than it says. The device's owner must have given the gateway's Admin identity that role \
            (“latchkey gateway protection”), and this client must be an administrator's (paired with --preset full).

            Example: latchkey away role Admin --for 10m
            Example: latchkey away role --end
            Without an argument the role of the moment is shown.
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(help: .init("The role: Admin.", valueName: "role"))
    var role: String?

    @Option(name: .customLong("for"), help: .init("For how long, at most 1h.", valueName: "time"))
    var time = "10m"

    @Flag(help: "Lay the role down.")
    var end = false

    func validate() throws {
        guard role == nil || !end else { throw ValidationError("Give either a role or --end.") }
        guard let seconds = DurationText.seconds(time), (1...3_600).contains(seconds) else {
            throw ValidationError("--for is “\(time)”; a time from 1s to 1h is expected, such as 10m.")
        }
    }

    func perform(_ invocation: Invocation) async throws {
        let order: RoleOrder =
            if let role {
                .takeUp(role: role.lowercased() == "admin" ? "Admin" : role, seconds: DurationText.seconds(time) ?? 600)
            } else { end ? .layDown : .show }
        try await ControlCommands.ask(.role(order), of: .away, invocation)
    }
}
