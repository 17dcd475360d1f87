import ArgumentParser
import LatchkeyProgram

struct GatewayProtection: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "protection",
        abstract: "Show by which identities the gateway calls devices that have DeviceProtection.",
        discussion: """
            Such a device decides itself about who calls it. Put the identity of a role into the device's own ACL, with \
            the role that it should have there; the gateway comes with it for clients of that role.

            Example: latchkey gateway protection
            """
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await ProtectionProgram.show(invocation)
    }
}
