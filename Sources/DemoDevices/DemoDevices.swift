import AccessPolicy
import ArgumentParser
import Dispatch
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import RemoteAccess
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

    @Flag(help: "Add a lock that decides itself about who opens it (DeviceProtection:1), with an ACL of its own.")
    var protectedLock = false

    @Option(
        help:
            "Who is in that lock's ACL from the beginning, such as Admin=9258baad-1d4d-5627-99f8-2ce7e4e3afcc; may be given several times."
    )
    var lockGrant: [String] = []

    @Option(
        help: "A user of that lock with the role Admin and a password, such as Ann=secret; may be given several times.")
    var lockUser: [String] = []

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
        var hosted = kinds.map { kind in kind.device(udn: Self.udn(of: kind, seed: seed)) }
        var names = kinds.map(\.rawValue)
        var configuration = DeviceHostConfiguration(interfaces: .named(interface))
        if protectedLock {
            let lock = try await DemoProtectedLock().device(
                udn: Self.udn(of: .lock, seed: seed &+ 0x5EC0), grants: try grants(), logger: logger)
            hosted.append(lock.device)
            names.append("protected-lock")
            configuration.security = lock.protection.security
            configuration.authorizes = Self.telling(lock.protection.authorizes)
            say("protected-lock id=\(lock.protection.id)")
        }
        let shown = names
        configuration.advertises = !silent
        let host = DeviceHost(
            configuration: configuration, devices: hosted, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: logger
        )
        try await Self.untilSignalled {
            try await host.run { endpoint in
                say("serving at \(endpoint)")
                for (name, location) in zip(shown, host.locations(at: endpoint)) { say("\(name) location=\(location)") }
                for location in host.secureLocations { say("protected-lock secure-location=\(location)") }
                say("ready")
            }
        }
    }

    /// Tells on the console who is refused.
    private static func telling(_ decides: @escaping ActionAuthorization) -> ActionAuthorization {
        { call in
            do {
                try await decides(call)
            } catch {
                let id = call.connection?.peerCertificateDER.map { DeviceProtectionID(certificateDER: $0) }
                say("protected-lock refused=\(id.map(\.description) ?? "nobody") action=\(call.request.action.name)")
                throw error
            }
        }
    }

    private func grants() throws -> DemoProtectedLock.Grants {
        func parts(_ text: String) -> (String, String)? {
            guard let sign = text.firstIndex(of: "=") else { return nil }
            return (String(text[..<sign]), String(text[text.index(after: sign)...]))
        }
        var grants = DemoProtectedLock.Grants()
        for text in lockGrant {
            guard let (role, id) = parts(text), let role = RoleName(role), let id = DeviceProtectionID(id) else {
                throw ValidationError("`\(text)` is not a role and a control point's id, such as Basic=9258baad-….")
            }
            grants.controlPoints.append((id, role))
        }
        for text in lockUser {
            guard let (name, password) = parts(text), let name = UserName(name) else {
                throw ValidationError("`\(text)` is not a user and a password, such as Ann=secret.")
            }
            grants.users.append((name, password))
        }
        return grants
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
