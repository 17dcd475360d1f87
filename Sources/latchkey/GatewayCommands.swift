import ArgumentParser
import LatchkeyProgram

/// `latchkey gateway …`
struct GatewayCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Run the home's gateway, and decide who may use what.",
        discussion: "Start it with “latchkey gateway run”, then let somebody in with “latchkey gateway pair”.",
        subcommands: [
            GatewayRun.self, GatewayPair.self, GatewayClients.self, GatewaySessions.self, GatewayDevices.self,
            GatewayConsent.self, GatewayRevoke.self, GatewayRotateKey.self, GatewayStatus.self, GatewayProtection.self,
        ]
    )
}

struct GatewayRun: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Serve the home's devices to paired clients.",
        discussion: """
            Prints a line per event, and “ready” when it serves. SIGTERM or Ctrl-C says goodbye to the \
            clients and ends; a second one does not wait.

            Example: latchkey gateway run --interface eth0 --listen 0.0.0.0:4433 --address home.example.org:4433
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var network: InterfaceOptions

    @Option(help: .init("Where clients are waited for; 0.0.0.0:4433 by default.", valueName: "host:port"))
    var listen: String?

    @Option(help: .init("What the gateway calls itself; the host's name by default.", valueName: "name"))
    var name: String?

    @Option(
        help: .init(
            "How clients reach the gateway from outside; put into pairing codes. May be repeated.",
            valueName: "host:port"))
    var address: [String] = []

    @Option(
        help: .init(
            "How the home's router is asked to pass the port on: auto, off, pcp, natpmp or igd. By default auto: whichever "
                + "answers first, unless --address names a way in.", valueName: "way"))
    var mapping: String?

    // A pin may begin with a hyphen.
    @Option(
        parsing: .unconditionalSingleValue,
        help: .init(
            "A relay that clients reach the gateway through as well, where nothing can be let in from outside "
                + "(see “latchkey relay run”); put into pairing codes. With its pin before it, no other relay is "
                + "taken for it. May be repeated.", valueName: "[pin@]host[:port]"))
    var relay: [String] = []

    @Option(help: .init("How many sessions are served at a time; 32 by default.", valueName: "count"))
    var maxSessions: Int?

    @Option(
        help: .init(
            "On what clients are served: tls (TCP), or auto (as by default) and quic for UDP on the same port too.",
            valueName: "carrier"))
    var carrier: String?

    @Option(help: .init("The lowest TLS version: 1.3, or 1.2 for old clients.", valueName: "version"))
    var minimumTls: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Serve the secure group, as soon as there is one (see “latchkey group”); so by default.")
    var groupKeyManager: Bool?

    @Flag(help: "Do not relay the secure group's requests: register devices and change keys alone.")
    var noGroupForwarder = false

    @Flag(
        help: """
            Announce the gateway as a plain device, without the Remote Access services (RAServer).
            """)
    var noStandardServices = false

    @Option(
        help: .init(
            "A network interface of the secure group. May be repeated; the one of --interface, or every private network, "
                + "by default.", valueName: "name"))
    var groupInterface: [String] = []

    @OptionGroup var paths: PathOptions

    func note(_ values: inout CommandLineValues) {
        network.note(&values)
        paths.note(&values, stun: .gatewaySTUN, direct: .gatewayDirect)
        values.setChoice(.groupKeyManager, groupKeyManager)
        if noGroupForwarder { values.setChoice(.groupForwarder, false) }
        if noStandardServices { values.setChoice(.gatewayStandardServices, false) }
        values.set(.groupInterfaces, groupInterface)
        values.set(.gatewayListen, listen)
        values.set(.gatewayName, name)
        values.set(.gatewayAddresses, address)
        values.set(.gatewayMapping, mapping)
        values.set(.gatewayRelays, relay)
        values.set(.gatewayMaxSessions, maxSessions)
        values.set(.gatewayCarrier, carrier)
        values.set(.gatewayMinimumTLS, minimumTls)
    }

    func perform(_ invocation: Invocation) async throws { try await GatewayProgram.run(invocation) }
}

struct GatewayPair: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "pair",
        abstract: "Make a pairing code for one client.",
        discussion: """
            Prints a latchkey: URI, on a terminal also as a QR code. It is good once and for a short time. \
            Whoever has it can pair, so hand it over as you would a key.

            Example: latchkey gateway pair --name laptop --preset media --expires 10m

            A device that is at home now can have the code handed over by the network, to who types a PIN \
            (the PIN is good for one try). A code that you carry yourself is safer: it has 128 bits and the PIN 27.

            Example: latchkey gateway pair --name laptop --preset media --lan

            A guest's is limited by days, hours, devices and an end:
            latchkey gateway pair --name ann --preset control --guest --device Speaker --days fri-sun \
            --hours 18:00-23:00 --for 3d --consent
            """
    )

    @OptionGroup var common: CommonOptions

    @Option(help: .init("What the client will be called.", valueName: "client"))
    var name: String

    @Option(
        help: .init(
            "What it may use: watch, listen, control, camera-viewer, guest, full or rules-only.", valueName: "preset"))
    var preset: Preset?

    @Option(
        help: .init(
            "A device type it may see and use, instead of a preset. May be repeated.", valueName: "urn"))
    var deviceType: [String] = []

    @Option(help: .init("How long the code is good for, such as 90s, 10m or 2h.", valueName: "time"))
    var expires = "10m"

    @Option(
        help: .init("How the client reaches the gateway; the configured ones by default.", valueName: "host:port"))
    var address: [String] = []

    @Flag(
        help: "Hand the code over on the home's own network, to who types the PIN that is printed; ten minutes at most."
    )
    var lan = false

    @Flag(help: "Do not let the client share the devices with its neighbours.")
    var noSharing = false

    @OptionGroup var guest: GuestPassOptions

    @Flag(help: "Draw the QR code also when standard output is no terminal.")
    var qr = false

    enum Preset: String, ExpressibleByArgument, CaseIterable {
        case watch, listen, control, guest, media, full
        case cameraViewer = "camera-viewer"
        case rulesOnly = "rules-only"
    }

    func validate() throws {
        guard (preset == nil) != deviceType.isEmpty else {
            throw ValidationError("Say what the client may use: either --preset or --device-type.")
        }
        guard let seconds = DurationText.seconds(expires), (10...86400).contains(seconds) else {
            throw ValidationError("--expires is “\(expires)”; a time from 10s to 1d is expected, such as 10m.")
        }
        guard (1...64).contains(name.utf8.count) else {
            throw ValidationError("--name is 1 to 64 bytes long.")
        }
        if let type = deviceType.first(where: { !$0.hasPrefix("urn:") || $0.utf8.count > 256 }) {
            throw ValidationError(
                "--device-type is “\(type)”; a type such as urn:schemas-upnp-org:device:MediaServer:1 is expected.")
        }
    }

    func note(_ values: inout CommandLineValues) { values.set(.gatewayAddresses, address) }

    func perform(_ invocation: Invocation) async throws {
        let order = PairingOrder(
            name: name,
            preset: preset?.rawValue,
            deviceTypes: deviceType,
            expiresIn: DurationText.seconds(expires) ?? 600,
            sharing: !noSharing,
            pass: try guest.words?.pass(),
            lan: lan
        )
        try await GatewayProgram.pair(order, drawsQRCode: qr, invocation)
    }
}

struct GatewayClients: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "clients",
        abstract: "List the clients that were paired, and what they may use.",
        discussion: "Works also while the gateway is stopped.\n\nExample: latchkey gateway clients --json"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await GatewayProgram.ask(.clients, invocation)
    }
}

struct GatewaySessions: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "List who is connected at the moment.",
        discussion: "Asks the running gateway.\n\nExample: latchkey gateway sessions"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await ControlCommands.ask(.sessions, of: .gateway, invocation)
    }
}

struct GatewayDevices: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "List the devices that the gateway found at home.",
        discussion: "Asks the running gateway.\n\nExample: latchkey gateway devices"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await ControlCommands.ask(.devices, of: .gateway, invocation)
    }
}

struct GatewayRevoke: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End a client's rights, at once and for good.",
        discussion: """
            Its running streams end too. Works also while the gateway is stopped.

            Example: latchkey gateway revoke laptop
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(
        help: .init("The client's name or identifier, as “latchkey gateway clients” shows it.", valueName: "client"))
    var name: String

    func perform(_ invocation: Invocation) async throws {
        try await GatewayProgram.ask(.revoke(name: name), invocation)
    }
}

struct GatewayRotateKey: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key",
        abstract: "Change over to the gateway's next server key.",
        discussion: """
            The successor's pin is told to clients inside the tunnel from the first day, so those that were \
            connected since the last change go on. One that was not has to be paired again. A fresh successor is made.

            Example: latchkey gateway rotate-key
            """
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await GatewayProgram.ask(.rotateKey, invocation)
    }
}

struct GatewayStatus: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say what the running gateway is doing.",
        discussion: "Example: latchkey gateway status --json"
    )

    @OptionGroup var common: CommonOptions

    func perform(_ invocation: Invocation) async throws {
        try await ControlCommands.ask(.status, of: .gateway, invocation)
    }
}
