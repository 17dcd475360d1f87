import ArgumentParser
import LatchkeyProgram

/// `latchkey upnp …`
struct UPnPCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upnp",
        abstract: "Look at and use UPnP devices on this network, without any gateway.",
        discussion: """
            Every private network of this host is looked at, over IPv4 and IPv6; name interfaces with --interface.
            A DEVICE is named by its UDN (uuid:…), by its friendly name, or by its description's URL.
            A SERVICE is named by its type, by its identifier, or by the name within either, such as SwitchPower.

            Example: latchkey upnp search
            Example: latchkey upnp search --interface eth0 --interface wlan0 --ipv6
            Example: latchkey upnp describe 'Lamp'
            Example: latchkey upnp invoke 'Lamp' SwitchPower SetTarget newTargetValue=1
            """,
        subcommands: [UPnPSearch.self, UPnPWatch.self, UPnPDescribe.self, UPnPInvoke.self, UPnPSubscribe.self]
    )
}

/// How long devices are searched for.
struct SearchOptions: ParsableArguments {
    @Option(help: .init("How many seconds to search for.", valueName: "seconds"))
    var timeout: Int = 3

    func validate() throws {
        guard (1...120).contains(timeout) else { throw ValidationError("--timeout is 1 to 120 seconds.") }
    }
}

struct UPnPSearch: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "List the devices that answer a search.",
        discussion: """
            A device that several links or both IP versions lead to is listed once, with the way that is used.

            Example: latchkey upnp search
            Example: latchkey upnp search urn:schemas-upnp-org:device:MediaServer:1 --timeout 5
            Example: latchkey upnp search ssdp:all --ipv6
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var network: UPnPNetworkOptions
    @OptionGroup var search: SearchOptions

    @Argument(
        help: .init(
            "What to search for: ssdp:all, upnp:rootdevice, a UDN, a device or service type.", valueName: "target"))
    var target = "upnp:rootdevice"

    func note(_ values: inout CommandLineValues) { network.note(&values) }

    func perform(_ invocation: Invocation) async throws {
        try await UPnPProgram.search(target, timeout: .seconds(search.timeout), invocation)
    }
}

struct UPnPWatch: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Print devices as they come, change and go.",
        discussion: """
            Runs until Ctrl-C. A device that restarted or moved has changed.

            Example: latchkey upnp watch --json
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var network: UPnPNetworkOptions

    func note(_ values: inout CommandLineValues) { network.note(&values) }

    func perform(_ invocation: Invocation) async throws { try await UPnPProgram.watch(invocation) }
}

struct UPnPDescribe: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show a device's tree: embedded devices, services, actions.",
        discussion: """
            The signatures of the actions are what invoke takes. A URL with a link-local IPv6 address needs one
            --interface, because such an address is on every link.

            Example: latchkey upnp describe 'Living room'
            Example: latchkey upnp describe 'http://[fe80::1]:49152/description.xml' --interface eth0
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var network: UPnPNetworkOptions
    @OptionGroup var search: SearchOptions

    @Argument(help: .init("The device: URL of its description, UDN or name.", valueName: "device"))
    var device: String

    func note(_ values: inout CommandLineValues) { network.note(&values) }

    func perform(_ invocation: Invocation) async throws {
        try await UPnPProgram.describe(device, timeout: .seconds(search.timeout), invocation)
    }
}

struct UPnPInvoke: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "invoke",
        abstract: "Invoke an action and print what it answers.",
        discussion: """
            Values are checked against what the service declares before anything is sent; describe shows it.

            Example: latchkey upnp invoke 'Lamp' SwitchPower SetTarget newTargetValue=1
            Example: latchkey upnp invoke 'Media' ContentDirectory Browse ObjectID=0 \
            BrowseFlag=BrowseDirectChildren Filter='*' StartingIndex=0 RequestedCount=10 SortCriteria=
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var network: UPnPNetworkOptions
    @OptionGroup var search: SearchOptions

    @Argument(help: .init("The device: URL of its description, UDN or name.", valueName: "device"))
    var device: String

    @Argument(help: .init("The service: its type, its identifier, or the name within either.", valueName: "service"))
    var service: String

    @Argument(help: .init("The action's name.", valueName: "action"))
    var action: String

    @Argument(help: .init("The arguments.", valueName: "name=value"))
    var arguments: [String] = []

    func validate() throws {
        if let wrong = arguments.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
            throw ValidationError("The argument “\(wrong)” is not of the form name=value.")
        }
    }

    func note(_ values: inout CommandLineValues) { network.note(&values) }

    func perform(_ invocation: Invocation) async throws {
        let pairs = arguments.map { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return NamedValue(name: String(parts[0]), value: String(parts[1]))
        }
        try await UPnPProgram.invoke(
            action, of: service, on: device, pairs, timeout: .seconds(search.timeout), invocation)
    }
}

struct UPnPSubscribe: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscribe",
        abstract: "Print a service's events as they come.",
        discussion: """
            Runs until Ctrl-C, or until --count events were printed. The first event has the whole state; so has
            the first one after the device restarted, moved, or was missed.

            Example: latchkey upnp subscribe 'Living room' RenderingControl --count 1
            """
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var network: UPnPNetworkOptions
    @OptionGroup var search: SearchOptions

    @Argument(help: .init("The device: URL of its description, UDN or name.", valueName: "device"))
    var device: String

    @Argument(help: .init("The service: its type, its identifier, or the name within either.", valueName: "service"))
    var service: String

    @Option(help: .init("End after this many events.", valueName: "number"))
    var count: Int?

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count is at least 1.") }
    }

    func note(_ values: inout CommandLineValues) { network.note(&values) }

    func perform(_ invocation: Invocation) async throws {
        try await UPnPProgram.subscribe(
            to: service, on: device, count: count, timeout: .seconds(search.timeout), invocation)
    }
}
