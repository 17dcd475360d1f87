import ArgumentParser
import LatchkeyProgram

/// `latchkey audit …`
struct AuditCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Look at what happened at the gateway, and check that nobody has rewritten it.",
        discussion: "Reads the gateway's state folder, whether the gateway runs or not.",
        subcommands: [AuditShow.self, AuditSearch.self, AuditVerify.self, AuditExport.self]
    )
}

struct AuditShow: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the newest entries and the newest signed checkpoint.",
        discussion: "Example: latchkey audit show"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws { try await AuditProgram.show(invocation) }
}

struct AuditSearch: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Find entries by client, device, time, outcome or action.",
        discussion: """
            Times are a date, a date and time in UTC, or how long ago.

            Example: latchkey audit search --client laptop --outcome denied --since 2d
            Example: latchkey audit search --device uuid:1234 --since 2026-03-01 --json
            """
    )

    @OptionGroup var common: CommonOptions

    @Option(help: .init("A client's name or identifier.", valueName: "client"))
    var client: String?

    @Option(help: .init("A device's UDN, uuid:….", valueName: "udn"))
    var device: String?

    @Option(help: .init("Not before: 2026-03-01, 2026-03-01T12:00:00Z, or 2h ago as 2h.", valueName: "time"))
    var since: String?

    @Option(help: .init("Not after: the same forms.", valueName: "time"))
    var until: String?

    @Option(help: .init("permitted, denied or done.", valueName: "outcome"))
    var outcome: String?

    @Option(help: .init("An action or operation, such as SetVolume.", valueName: "action"))
    var action: String?

    @Option(help: .init("At most so many, the newest ones; 1000 by default.", valueName: "count"))
    var limit = 1000

    private var order: AuditSearchOrder {
        AuditSearchOrder(
            client: client, device: device, since: since, until: until, outcome: outcome, action: action, limit: limit)
    }

    func validate() throws {
        if let problem = order.problem { throw ValidationError(problem) }
    }

    func perform(_ invocation: Invocation) async throws { try await AuditProgram.search(order, invocation) }
}

struct AuditVerify: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that the log is complete and unaltered.",
        discussion: """
            Checks every entry, the order, the signatures, and with --against that it extends a head that an \
            administrator's client holds: whoever has the gateway's key can sign another log, but not make that head fit.

            Example: latchkey audit verify
            Example: latchkey audit verify --against head.txt
            """
    )

    @OptionGroup var common: CommonOptions

    @Option(help: .init("A head from “latchkey away audit-head”, or a file with it.", valueName: "head"))
    var against: String?

    func perform(_ invocation: Invocation) async throws {
        try await AuditProgram.verify(against: against, invocation)
    }
}

struct AuditExport: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the whole log as JSON lines.",
        discussion: "Example: latchkey audit export --out audit.jsonl"
    )

    @OptionGroup var common: CommonOptions

    @Option(help: .init("The file to write; it is replaced.", valueName: "file"))
    var out: String

    func perform(_ invocation: Invocation) async throws {
        try await AuditProgram.export(to: out, invocation)
    }
}
