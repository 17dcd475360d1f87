import ArgumentParser
import LatchkeyProgram

/// `latchkey gateway consent …`
struct GatewayConsent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consent",
        abstract: "Say yes or no to clients that wait for it.",
        discussion: """
            A rule with “consent: first-use” and a guest pass with --consent refuse each client's first use until somebody at \
            home agrees. Asks the running gateway.
            """,
        subcommands: [ConsentList.self, ConsentAllow.self, ConsentRefuse.self]
    )
}

struct ConsentList: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List who waits for a consent.",
        discussion: "Example: latchkey gateway consent list"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await ControlCommands.ask(.consent(.list), of: .gateway, invocation)
    }
}

/// Which client and which rule.
struct ConsentArguments: ParsableArguments {
    @Argument(help: .init("The client's name.", valueName: "client"))
    var client: String

    @Argument(help: .init("The rule's name, as “latchkey gateway consent list” shows it.", valueName: "rule"))
    var rule: String
}

struct ConsentAllow: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "allow",
        abstract: "Let a client do what a rule permits with consent, from now on.",
        discussion: "Example: latchkey gateway consent allow laptop doorbell"
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var what: ConsentArguments

    func perform(_ invocation: Invocation) async throws {
        try await ConsentProgram.answer(.allow(client: what.client, rule: what.rule), invocation)
    }
}

struct ConsentRefuse: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "refuse",
        abstract: "Refuse a client for an hour, or take a consent back.",
        discussion: "Example: latchkey gateway consent refuse laptop doorbell"
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var what: ConsentArguments

    func perform(_ invocation: Invocation) async throws {
        try await ConsentProgram.answer(.refuse(client: what.client, rule: what.rule), invocation)
    }
}
