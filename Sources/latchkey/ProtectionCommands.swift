import ArgumentParser
import LatchkeyProgram

struct GatewayProtection: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "protection",
        abstract: "DeviceProtection: how the gateway is known to devices, and who may configure the gateway at home.",
        discussion: """
            Paired clients are administered with “latchkey gateway clients” and “revoke”. This is about control points at \
            home that show a certificate of their own.
            """,
        subcommands: [
            ProtectionIdentities.self, ProtectionACL.self, ProtectionGrant.self, ProtectionWithdraw.self,
            ProtectionAttach.self, ProtectionPins.self, ProtectionForgetPin.self,
        ],
        defaultSubcommand: ProtectionIdentities.self
    )
}

struct ProtectionIdentities: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "identities",
        abstract: "Show by which identities the gateway calls devices that have DeviceProtection.",
        discussion: """
            Such a device decides itself about who calls it. Put the identity of a role into the device's own ACL, with \
            the role that it should have there; the gateway comes with it for clients of that role. As Admin it comes \
            only while a client has taken that role up (“latchkey away role Admin”).

            Example: latchkey gateway protection identities
            """
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws { try await ProtectionProgram.show(invocation) }
}

struct ProtectionACL: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "acl",
        abstract: "Show who has a role in the gateway's own services at home (RAServer).",
        discussion: """
            Admin configures filters, virtual devices, profiles and credentials; Basic reads them; everybody else is \
            Public. The identities of paired clients have the roles of their grants, unless another was given by name.

            Example: latchkey gateway protection acl
            """
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await GatewayProgram.ask(.protection(.show), invocation)
    }
}

struct ProtectionGrant: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant",
        abstract: "Give somebody a role in the gateway's own services.",
        discussion: """
            Durable, and in force at once. Works also while the gateway is stopped.

            Example: latchkey gateway protection grant laptop Admin
            Example: latchkey gateway protection grant 7b1f0c5e-8f0e-5a44-9d70-2f5f0f3f7a11 Basic --name tablet
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(
        help: .init("A paired client, the UUID of a control point's certificate, or user:NAME.", valueName: "who"))
    var who: String

    @Argument(help: .init("Basic, Admin or latchkey:guest.", valueName: "role"))
    var role: String

    @Option(help: .init("What to call a control point that is new.", valueName: "name"))
    var name: String?

    func validate() throws {
        guard (name ?? "").utf8.count <= 64 else { throw ValidationError("--name is at most 64 bytes long.") }
    }

    func perform(_ invocation: Invocation) async throws {
        try await GatewayProgram.ask(.protection(.grant(who: who, role: role, name: name)), invocation)
    }
}

struct ProtectionWithdraw: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw",
        abstract: "Take a role in the gateway's own services from somebody, or everything.",
        discussion: """
            In force at once, also on connections that stand. Works also while the gateway is stopped.

            Example: latchkey gateway protection withdraw laptop Admin
            Example: latchkey gateway protection withdraw 7b1f0c5e-8f0e-5a44-9d70-2f5f0f3f7a11
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(
        help: .init("A paired client, the UUID of a control point's certificate, or user:NAME.", valueName: "who"))
    var who: String

    @Argument(help: .init("The role; without one, everything.", valueName: "role"))
    var role: String?

    func perform(_ invocation: Invocation) async throws {
        try await GatewayProgram.ask(.protection(.withdraw(who: who, role: role)), invocation)
    }
}

struct ProtectionAttach: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Enter a certificate as the DeviceProtection identity of a paired client.",
        discussion: """
            It has the roles of the client's grants (Admin with --preset full) and ends with the client: revoking the \
            client revokes it too.

            Example: latchkey gateway protection attach laptop --certificate laptop.pem
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(help: .init("The client's name.", valueName: "client"))
    var client: String

    @Option(help: .init("A file with the certificate, PEM or DER; of several the first.", valueName: "file"))
    var certificate: String

    func perform(_ invocation: Invocation) async throws {
        try await ProtectionProgram.attach(client: client, file: certificate, invocation)
    }
}

struct ProtectionPins: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "pins",
        abstract: "Show by which certificates the home's protected devices are recognised.",
        discussion: """
            The first certificate that was seen of a device counts; another one is refused.

            Example: latchkey gateway protection pins
            """
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await GatewayProgram.ask(.protection(.pins), invocation)
    }
}

struct ProtectionForgetPin: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget-pin",
        abstract: "Forget by which certificate a protected device is recognised.",
        discussion: """
            For a device that was reset and has a new certificate: the next one that it shows counts. Make sure first \
            that it is your device that answers.

            Example: latchkey gateway protection forget-pin uuid:6a0c4d0e-0000-4000-8000-00000000d001
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(help: .init("The device's UDN or name.", valueName: "device"))
    var device: String

    func perform(_ invocation: Invocation) async throws {
        try await GatewayProgram.ask(.protection(.forgetPin(device: device)), invocation)
    }
}
