import ArgumentParser
import LatchkeyProgram

/// `latchkey vlan …`
struct VLANCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vlan",
        abstract: "Show one network the permitted devices of another.",
        discussion: """
            For a host that stands in both networks, such as a box with a VLAN trunk: phones find, use and hear \
            the devices of the network of things, and the firewall can drop everything that those devices begin.
            """,
        subcommands: [VLANRun.self, VLANDevices.self, VLANStatus.self, VLANReload.self]
    )
}

struct VLANRun: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Show the devices of one network on another.",
        discussion: """
            The whole network of --between is served, or only the neighbours that --allow names. What may be done \
            follows from the preset, or from the rules for the subject “vlan”. A host in the network of things \
            needs nothing but this host: see docs/specs/vlan-mode.md for the firewall.

            With --policy the rules of a file alone say what may be done, by whom (via: an address or a network): see \
            docs/specs/policy.md. “latchkey policy check FILE” tells its faults; SIGHUP, or “latchkey vlan reload”, \
            has it read again.

            Example: latchkey vlan run --between eth0 --and eth0.20
            Example: latchkey vlan run --between lan --and iot --preset media --allow 192.168.1.0/28
            Example: latchkey vlan run --between lan --and iot --policy house.yaml
            """
    )

    @OptionGroup var common: CommonOptions

    @Option(help: .init("The interface in the network that is shown devices.", valueName: "name"))
    var between: String?

    @Option(help: .init("The interface in the network whose devices are shown.", valueName: "name"))
    var and: String?

    @Flag(help: "Show each network the devices of the other.")
    var bothWays = false

    @Option(
        help: .init(
            "What may be done with the devices; “control” at the first start, later what it was.",
            valueName: "preset"))
    var preset: String?

    @Option(help: .init("A policy's file that says what may be done; read again on SIGHUP.", valueName: "file"))
    var policy: String?

    @Option(help: .init("What rights call whoever asks; “vlan” by default.", valueName: "name"))
    var subject: String?

    @Option(help: .init("Serve this address or network only. May be repeated.", valueName: "ip"))
    var allow: [String] = []

    @Option(
        help: .init(
            "The TCP port at which devices tell events here, for a firewall; any free one by default.",
            valueName: "port"))
    var eventsPort: Int?

    @Option(help: .init("SSDP's UDP port, for tests.", valueName: "port"))
    var ssdpPort: Int?

    @Option(help: .init("SSDP's multicast group, for tests.", valueName: "address"))
    var ssdpGroup: String?

    func note(_ values: inout CommandLineValues) {
        values.set(.vlanBetween, between)
        values.set(.vlanAnd, and)
        values.set(.vlanBothWays, bothWays)
        values.set(.vlanPreset, preset)
        values.set(.vlanPolicy, policy)
        values.set(.vlanSubject, subject)
        values.set(.vlanAllow, allow)
        values.set(.vlanEventsPort, eventsPort)
        values.set(.ssdpPort, ssdpPort)
        values.set(.ssdpGroup, ssdpGroup)
    }

    func perform(_ invocation: Invocation) async throws { try await VLANProgram.run(invocation) }
}

struct VLANReload: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Read the file of --policy again, and say what changed.",
        discussion: """
            Faults are told by line, and the policy in force stays. SIGHUP does the same.

            Example: latchkey vlan reload
            """
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await ControlCommands.ask(.policy(.reload), of: .vlan, invocation)
    }
}

struct VLANDevices: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "List the devices that are shown, and where.",
        discussion: "Example: latchkey vlan devices --json"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await ControlCommands.ask(.devices, of: .vlan, invocation)
    }
}

struct VLANStatus: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say what runs between the two networks.",
        discussion: "Example: latchkey vlan status"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await ControlCommands.ask(.status, of: .vlan, invocation)
    }
}
