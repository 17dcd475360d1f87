import ArgumentParser
import Dispatch
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import UPnP

/// Devices to show and to test with: a light, a camera, a lock and a thermostat on Latchkey's own library.
@main
struct DemoDevices: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latchkey-demo-devices",
        abstract: "Puts a light, a camera, a lock and a thermostat on a network, for demonstrations and tests.",
        discussion: """
            Each device is announced on the interfaces, over IPv4 and IPv6, and prints a line for what it does, such as `light target=1`.
            Ends with byebyes on SIGINT and SIGTERM.
            """
    )

    /// The devices that there are.
    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case light, camera, lock, thermostat
    }

    @Option(help: "An interface to put them on, such as eth0; may be given several times.")
    var interface: [String]

    @Option(help: "Which ones, separated by commas: light, camera, lock, thermostat.")
    var devices = "light,camera,lock,thermostat"

    @Option(help: "What their UDNs are made of; the same seed gives the same devices again.")
    var seed: UInt64 = 1

    @Flag(help: "Do not announce them; print their locations and wait.")
    var silent = false

    func run() async throws {
        let kinds = try devices.split(separator: ",").map { name in
            guard let kind = Kind(rawValue: String(name)) else {
                throw ValidationError("There is no device `\(name)`. Choose from light, camera, lock, thermostat.")
            }
            return kind
        }
        let logger = Logger(label: "latchkey-demo-devices")
        let hosted = kinds.map { kind in kind.device(udn: Self.udn(of: kind, seed: seed)) }
        var configuration = DeviceHostConfiguration(interfaces: .named(interface))
        configuration.advertises = !silent
        let host = DeviceHost(
            configuration: configuration, devices: hosted, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: logger
        )
        try await Self.untilSignalled {
            try await host.run { endpoint in
                say("serving at \(endpoint)")
                for (kind, location) in zip(kinds, host.locations(at: endpoint)) {
                    say("\(kind.rawValue) location=\(location)")
                }
                say("ready")
            }
        }
    }

    /// The same UDN at each start, so that a control point recognises the device.
    private static func udn(of kind: Kind, seed: UInt64) -> String {
        let index = UInt64(Kind.allCases.firstIndex(of: kind) ?? 0)
        var generator = SeededGenerator(seed: seed &* 1000 &+ index)
        return "uuid:\(generator.uuid())"
    }

    /// Runs `body` and cancels it at SIGINT or SIGTERM.
    private static func untilSignalled(_ body: @escaping @Sendable () async throws -> Void) async throws {
        // Unstructured so that the signals' handlers can cancel it.
        let work = Task { try await body() }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { work.cancel() }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        do { try await work.value } catch is CancellationError {}
    }
}

extension DemoDevices.Kind {
    func device(udn: String) -> HostedDevice {
        switch self {
        case .light: DemoLight().device(udn: udn)
        case .camera: DemoCamera().device(udn: udn)
        case .lock: DemoLock().device(udn: udn)
        case .thermostat: DemoThermostat().device(udn: udn)
        }
    }
}
