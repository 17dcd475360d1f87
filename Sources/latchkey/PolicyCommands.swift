import ArgumentParser
import LatchkeyProgram

/// `latchkey policy …`
struct PolicyCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Say who may do what, and ask why.",
        discussion: """
            A policy is a text of rules that permit and deny actions, by client, device, argument and time. Each command \
            works with the running gateway, else with its store. Whoever needs no policy has what was granted to him.

            Example: latchkey policy edit
            """,
        subcommands: [
            PolicyShow.self, PolicyCheck.self, PolicyEdit.self, PolicySet.self, PolicyDiff.self, PolicyExplain.self,
            PolicyHistory.self, PolicyRollback.self,
        ]
    )
}

/// Who changes the policy.
struct AuthorOption: ParsableArguments {
    @Option(help: .init("Who does this, for the history; the user by default.", valueName: "name"))
    var author: String?

    func validate() throws {
        guard let author, !(1...128).contains(author.utf8.count) else { return }
        throw ValidationError("--author is 1 to 128 bytes long.")
    }

    func name(_ invocation: Invocation) -> String {
        author ?? invocation.environment["SUDO_USER"] ?? invocation.environment["USER"] ?? "somebody"
    }
}

struct PolicyShow: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print the policy in force, or an older version.",
        discussion: "Example: latchkey policy show --version-number 3")

    @OptionGroup var common: CommonOptions

    @Option(help: .init("A version of the history.", valueName: "number"))
    var versionNumber: Int?

    func perform(_ invocation: Invocation) async throws {
        try await PolicyProgram.ask(.show(version: versionNumber), invocation)
    }
}

struct PolicyCheck: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say everything that is wrong with a file, by line.",
        discussion: "Stores nothing. Exits 1 if something is wrong.\n\nExample: latchkey policy check home.yaml")

    @OptionGroup var common: CommonOptions

    @Argument(help: .init("A policy's file; - for standard input.", valueName: "file"))
    var file: String

    func perform(_ invocation: Invocation) async throws { try PolicyProgram.check(file, invocation) }
}

struct PolicyEdit: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Change the policy in an editor.",
        discussion: """
            Opens it in $VISUAL or $EDITOR. What is no policy is not stored and kept in its file.

            Example: latchkey policy edit
            Example: EDITOR=nano latchkey policy edit
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var by: AuthorOption

    func perform(_ invocation: Invocation) async throws {
        try await PolicyProgram.edit(author: by.name(invocation), invocation)
    }
}

struct PolicySet: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Put a file's policy in force.",
        discussion: "It holds for the next request of everybody.\n\nExample: latchkey policy set home.yaml")

    @OptionGroup var common: CommonOptions
    @OptionGroup var by: AuthorOption

    @Argument(help: .init("A policy's file; - for standard input.", valueName: "file"))
    var file: String

    func perform(_ invocation: Invocation) async throws {
        try await PolicyProgram.set(file, author: by.name(invocation), invocation)
    }
}

struct PolicyDiff: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Say in words what a file changes.",
        discussion: """
            Compares with the policy in force, or a file with a second one.

            Example: latchkey policy diff home.yaml
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: .init("A policy's file.", valueName: "file"))
    var file: String

    @Argument(help: .init("A second one, to which the first is compared.", valueName: "newer"))
    var newer: String?

    func perform(_ invocation: Invocation) async throws {
        try await PolicyProgram.diff(file, against: newer, invocation)
    }
}

struct PolicyExplain: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say why a call would be permitted or denied.",
        discussion: """
            Names the rule that decides, with its line, and why the others do not.

            Example: latchkey policy explain --client alice --device "Living room TV" --service RenderingControl \
            --action SetVolume --argument DesiredVolume=41 --at 2026-11-28T23:00
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: .init("The client's name or identifier.", valueName: "client"))
    var client: String

    @Option(help: .init("The device's name or UDN.", valueName: "device"))
    var device: String

    @Option(help: .init("The service's type, or its name alone.", valueName: "service"))
    var service: String?

    @Option(help: .init("The action.", valueName: "action"))
    var action: String?

    @Option(help: .init("An argument of the action. May be repeated.", valueName: "name=value"))
    var argument: [String] = []

    @Option(
        help: .init(
            "What is wanted: discover, describe, control, event, media or presentation; control with an action and "
                + "discover without, by default.", valueName: "operation"))
    var operation: String?

    @Option(help: .init("The neighbour who asks; the client's own host by default.", valueName: "address"))
    var via: String?

    @Option(help: .init("A role of the session. May be repeated.", valueName: "role"))
    var role: [String] = []

    @Option(help: .init("When, by the wall clock; now by default.", valueName: "time"))
    var at: String?

    func validate() throws {
        if let broken = argument.first(where: { !$0.contains("=") }) {
            throw ValidationError(
                "--argument is “\(broken)”; a name and a value such as DesiredVolume=40 are expected.")
        }
        if action != nil, service == nil {
            throw ValidationError("An action belongs to a service: give --service too.")
        }
    }

    func perform(_ invocation: Invocation) async throws {
        let question = PolicyQuestion(
            client: client, device: device,
            operation: operation ?? (action != nil ? "control" : service != nil ? "describe" : "discover"),
            service: service, action: action,
            arguments: argument.map { text in
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return .init(name: String(parts[0]), value: String(parts[1]))
            },
            via: via, roles: role, at: at)
        try await PolicyProgram.ask(.explain(question), invocation)
    }
}

struct PolicyHistory: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List the versions of the policy that are kept.",
        discussion: "The newest 64 are.\n\nExample: latchkey policy history")

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws { try await PolicyProgram.ask(.history, invocation) }
}

struct PolicyRollback: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Put an older version in force again, as a new one.",
        discussion: "Example: latchkey policy rollback 3")

    @OptionGroup var common: CommonOptions
    @OptionGroup var by: AuthorOption

    @Argument(help: .init("The version, as “latchkey policy history” lists it.", valueName: "version"))
    var version: Int

    func perform(_ invocation: Invocation) async throws {
        try await PolicyProgram.ask(.rollback(version: version, author: by.name(invocation)), invocation)
    }
}
