import ArgumentParser
import LatchkeyProgram

/// The options that every command has.
struct CommonOptions: ParsableArguments {
    @Option(help: .init("Where keys and the database are kept.", valueName: "dir"))
    var state: String?

    @Option(help: .init("A JSON file with settings.", valueName: "file"))
    var config: String?

    @Flag(help: "Print JSON, one value a line.")
    var json = false

    @Option(help: .init("Log from this level on: trace, debug, info, notice, warning, error.", valueName: "level"))
    var logLevel: String?

    @Option(help: .init("Log as text or as JSON lines.", valueName: "text|json"))
    var logFormat: String?

    func note(_ values: inout CommandLineValues) {
        values.set(.state, state)
        values.set(.logLevel, logLevel)
        values.set(.logFormat, logFormat)
    }
}

/// Where the `upnp` commands look.
struct UPnPNetworkOptions: ParsableArguments {
    @Option(
        help: .init(
            "A network interface, such as eth0; repeat it for several. Every private network by default.",
            valueName: "name"))
    var interface: [String] = []

    @Flag(help: "Only devices that are reached by IPv4.")
    var ipv4 = false

    @Flag(help: "Only devices that are reached by IPv6.")
    var ipv6 = false

    @Option(help: .init("SSDP's UDP port, for tests.", valueName: "port"))
    var ssdpPort: Int?

    @Option(help: .init("SSDP's multicast group, for tests.", valueName: "address"))
    var ssdpGroup: String?

    func validate() throws {
        if ipv4, ipv6 { throw ValidationError("--ipv4 and --ipv6 exclude each other; without either, both are used.") }
    }

    func note(_ values: inout CommandLineValues) {
        values.set(.upnpInterfaces, interface)
        values.set(.upnpFamily, ipv4 ? "ipv4" : ipv6 ? "ipv6" : nil)
        values.set(.ssdpPort, ssdpPort)
        values.set(.ssdpGroup, ssdpGroup)
    }
}

/// Where UPnP is spoken.
struct InterfaceOptions: ParsableArguments {
    @Option(help: .init("The network interface; the first usable one by default.", valueName: "name"))
    var interface: String?

    @Option(help: .init("SSDP's UDP port, for tests.", valueName: "port"))
    var ssdpPort: Int?

    @Option(help: .init("SSDP's multicast group, for tests.", valueName: "address"))
    var ssdpGroup: String?

    func note(_ values: inout CommandLineValues) {
        values.set(.interface, interface)
        values.set(.ssdpPort, ssdpPort)
        values.set(.ssdpGroup, ssdpGroup)
    }
}
