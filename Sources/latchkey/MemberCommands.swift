import ArgumentParser
import LatchkeyProgram

/// `latchkey member …`
struct MemberCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member",
        abstract: "Take part in a secure group of devices.",
        discussion: """
            A device that was enrolled with “latchkey group enrol” needs its id and its setup code, and nothing else: it \
            finds the group's controller on the network by itself.
            """,
        subcommands: [MemberRun.self]
    )
}

struct MemberRun: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Be a member: ask services, or offer them.",
        discussion: """
            With --offer it answers requests, by --answer, by --answer-command (/bin/sh runs it with the request on its \
            standard input and the answer on its standard output), or not at all, as a display does. With --ask or \
            --stdin it asks: once, or as often as --every and --count say, and leaves when all is asked.

            It runs until Ctrl-C otherwise, and leaves the group then. A wrong setup code and being struck off end it \
            with exit code 1.

            Example: latchkey member run --id board-1 --password-file board-1.code --offer urn:example:service:Board:1 \
            --answer 'The library closes at noon.'
            Example: latchkey member run --id kiosk-7 --password-file kiosk-7.code --ask urn:example:service:Board:1 \
            --payload news
            Example: echo 'urn:example:service:Light:1 on' | latchkey member run --id phone --password-file phone.code \
            --stdin
            Example: latchkey member run --roster displays.txt --offer urn:example:service:Board:1 --json
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var network: MemberNetworkOptions

    @Option(help: .init("The device's name, as it was enrolled.", valueName: "id"))
    var id: String?

    @Option(
        help: .init("A file with its setup code in the first line; “-” reads standard input.", valueName: "file"))
    var passwordFile: String?

    @Option(help: .init("A file of lines “ID CODE”: all of these devices in one process.", valueName: "file"))
    var roster: String?

    @Option(help: .init("Offer this service. May be repeated.", valueName: "urn"))
    var offer: [String] = []

    @Option(help: .init("Answer every request with this text.", valueName: "text"))
    var answer: String?

    @Option(help: .init("Answer every request with what this command prints.", valueName: "command"))
    var answerCommand: String?

    @Option(help: .init("Ask this service.", valueName: "urn"))
    var ask: String?

    @Option(help: .init("What to ask.", valueName: "text"))
    var payload: String?

    @Option(help: .init("Ask again after so long, such as 500ms, 2s or 10m.", valueName: "time"))
    var every: String?

    @Option(help: .init("Ask so many times.", valueName: "count"))
    var count: Int?

    @Option(help: .init("Wait so long for answers, 50ms to 30s; 2s by default.", valueName: "time"))
    var window: String?

    @Flag(name: .customLong("stdin"), help: "Ask what standard input says, in lines “URN TEXT”.")
    var readsInput = false

    @Option(
        help: .init("The controller, where it is known; it is searched for otherwise.", valueName: "address:port"))
    var controller: String?

    @Option(
        help: .init(
            "Keep the device's keys in this file over a restart. It does not leave the group at the end then.",
            valueName: "file"))
    var keep: String?

    @Flag(help: "The code is a password of the paper's protocol, for devices that know no other.")
    var classic = false

    @Flag(help: .hidden)
    var insecureTestDerivation = false

    func validate() throws {
        guard (roster != nil) != (id != nil || passwordFile != nil), (id == nil) == (passwordFile == nil) else {
            throw ValidationError("Give --id and --password-file, or --roster.")
        }
        if answer != nil, answerCommand != nil {
            throw ValidationError("--answer and --answer-command exclude each other.")
        }
        if answer != nil || answerCommand != nil, offer.isEmpty {
            throw ValidationError("Say with --offer which service is answered.")
        }
        if ask == nil, payload != nil || every != nil || count != nil {
            throw ValidationError("--payload, --every and --count need --ask.")
        }
        if let count, count < 1 { throw ValidationError("--count is 1 or more.") }
        if readsInput, passwordFile == "-" || roster == "-" {
            throw ValidationError("Standard input holds either the code or what is asked.")
        }
        if roster != nil, keep != nil || readsInput {
            throw ValidationError("--keep and --stdin are for one device, and not for a roster.")
        }
    }

    func note(_ values: inout CommandLineValues) { network.note(&values) }

    func perform(_ invocation: Invocation) async throws {
        var orders = MemberOrders()
        orders.id = id
        orders.passwordFile = passwordFile
        orders.roster = roster
        orders.offers = offer
        orders.answer = answer
        orders.answerCommand = answerCommand
        orders.ask = ask
        orders.payload = payload
        orders.every = every
        orders.count = count
        orders.window = window
        orders.readsInput = readsInput
        orders.controller = controller
        orders.keep = keep
        orders.isClassic = classic
        orders.takesTestDerivation = insecureTestDerivation
        try await MemberProgram.run(orders, invocation)
    }
}

/// Where a member looks for its group.
struct MemberNetworkOptions: ParsableArguments {
    @Option(
        help: .init(
            "A network interface, such as eth0; repeat it for several. Every private network by default.",
            valueName: "name"))
    var interface: [String] = []

    @Option(help: .init("Use this version of IP alone: ipv4 or ipv6.", valueName: "family"))
    var family: String?

    @Option(help: .init("SSDP's UDP port, for tests.", valueName: "port"))
    var ssdpPort: Int?

    @Option(help: .init("SSDP's multicast group, for tests.", valueName: "address"))
    var ssdpGroup: String?

    func note(_ values: inout CommandLineValues) {
        values.set(.upnpInterfaces, interface)
        values.set(.upnpFamily, family)
        values.set(.ssdpPort, ssdpPort)
        values.set(.ssdpGroup, ssdpGroup)
    }
}
