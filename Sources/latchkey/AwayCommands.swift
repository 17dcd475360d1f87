import ArgumentParser
import LatchkeyProgram

/// `latchkey away …`
struct AwayCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "away",
        abstract: "Have the home's devices where you are.",
        discussion: "Pair once with “latchkey away pair”, then “latchkey away run” wherever you are.",
        subcommands: [
            AwayPair.self, AwayRun.self, AwayDevices.self, AwayStatus.self, AwayRole.self, AwayAuditHead.self,
            AwayBenchSessions.self,
        ]
    )
}

struct AwayPair: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "pair",
        abstract: "Pair with a gateway, by the code that it made.",
        discussion: """
            The code comes as an argument, from a file, or from standard input (“-”), which keeps it out of \
            the shell's history.

            At home, --lan finds the gateway on the network and asks for the PIN that “latchkey gateway pair --lan” \
            shows; a code that you carry yourself is safer.

            Example: latchkey away pair 'latchkey:…'
            Example: latchkey away pair --file code.txt
            Example: latchkey away pair --lan
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var network: InterfaceOptions

    @Argument(help: .init("The code; “-” reads it from standard input.", valueName: "code"))
    var code: String?

    @Option(help: .init("A file that holds the code.", valueName: "file"))
    var file: String?

    @Flag(help: "Find the gateway on this network, and be let in by a PIN.")
    var lan = false

    @Option(help: .init("With --lan: the PIN; standard input by default.", valueName: "pin"))
    var pin: String?

    @Option(help: .init("With --lan: which gateway, when several are here: its name or UDN.", valueName: "gateway"))
    var gateway: String?

    @Option(help: .init("What this device calls itself; the host's name by default.", valueName: "name"))
    var deviceName: String?

    func validate() throws {
        guard [code != nil, file != nil, lan].count(where: \.self) == 1 else {
            throw ValidationError(
                "Give the code as an argument (“-” for standard input) or with --file, or pair on this network with --lan."
            )
        }
        guard lan || (pin == nil && gateway == nil) else {
            throw ValidationError("--pin and --gateway belong to --lan.")
        }
    }

    func note(_ values: inout CommandLineValues) { network.note(&values) }

    func perform(_ invocation: Invocation) async throws {
        guard !lan else {
            return try await AwayProgram.pairOnLAN(
                pin: pin, gateway: gateway, deviceName: deviceName, invocation)
        }
        let source: PairingCodeSource =
            if let file { .file(file) } else if let code, code != "-" { .argument(code) } else { .standardInput }
        try await AwayProgram.pair(source, deviceName: deviceName, invocation)
    }
}

struct AwayRun: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Announce the home's devices here.",
        discussion: """
            Serves programs on this host only. With --share, neighbours on this network are served too, all \
            of them or those that --allow names: switch it on only where you trust the network.

            Example: latchkey away run
            Example: latchkey away run --interface wlan0 --share --allow 192.168.1.7
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var network: InterfaceOptions

    @Option(help: .init("Which gateway, when several are paired: its name or identifier.", valueName: "gateway"))
    var gateway: String?

    @Option(
        help: .init(
            "Where the devices are served here; the interface's address and a free port by default.",
            valueName: "host:port"))
    var listen: String?

    @Flag(help: "Serve neighbours on this network too.")
    var share = false

    @Option(help: .init("Share with this address or network only. May be repeated.", valueName: "ip"))
    var allow: [String] = []

    @Option(
        help: .init(
            "On what the gateway is reached: tls (TCP, as by default), quic (UDP), or auto, whichever answers.",
            valueName: "carrier"))
    var carrier: String?

    @Option(
        help: .init("After how many silent seconds the gateway counts as lost; 10 by default.", valueName: "seconds"))
    var silence: Int?

    @Option(
        help: .init(
            "Which kinds of paths are used, the best first: direct,punched,turn,relay by default.", valueName: "kinds"))
    var paths: String?

    @OptionGroup var search: PathOptions

    func note(_ values: inout CommandLineValues) {
        network.note(&values)
        search.note(&values, stun: .awaySTUN, direct: .awayDirect)
        values.set(
            .awayPaths, paths.map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) } ?? [])
        values.set(.awayGateway, gateway)
        values.set(.awayListen, listen)
        values.set(.awayShare, share)
        values.set(.awayAllow, allow)
        values.set(.awayCarrier, carrier)
        values.set(.awaySilence, silence)
    }

    func perform(_ invocation: Invocation) async throws { try await AwayProgram.run(invocation) }
}

struct AwayDevices: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "List the home's devices that are announced here.",
        discussion: "Asks the running away client.\n\nExample: latchkey away devices --json"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await ControlCommands.ask(.devices, of: .away, invocation)
    }
}

struct AwayStatus: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say what the running away client is doing.",
        discussion: "Example: latchkey away status"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await ControlCommands.ask(.status, of: .away, invocation)
    }
}

struct AwayAuditHead: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit-head",
        abstract: "Print the head of the gateway's audit log that this client holds.",
        discussion: """
            A client that was paired with --preset full holds the newest signed head, so that the gateway's log \
            cannot be rewritten unnoticed. Give it to “latchkey audit verify --against” at the gateway.

            Example: latchkey away audit-head > head.txt
            """
    )

    @OptionGroup var common: CommonOptions

    @Option(help: .init("Which gateway, when several are paired: its name or identifier.", valueName: "gateway"))
    var gateway: String?

    func note(_ values: inout CommandLineValues) { values.set(.awayGateway, gateway) }

    func perform(_ invocation: Invocation) async throws { try await AwayProgram.auditHead(invocation) }
}

/// Holds idle sessions for the benchmark; not for people, so it is not in the help.
struct AwayBenchSessions: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-sessions",
        abstract: "Open many idle sessions and hold them, to measure what they cost.",
        shouldDisplay: false
    )

    @OptionGroup var common: CommonOptions

    @Option(help: .init("How many sessions.", valueName: "count"))
    var count = 32

    func perform(_ invocation: Invocation) async throws {
        try await AwayProgram.holdSessions(count, invocation)
    }
}
