import AccessPolicy
import NIOPosix
import Synchronization
import UPnP

@testable import NIOUPnP
@testable import RemoteAccess

/// Hands the messages of an introduction on to somebody else.
final class PassingSetup: SetupProtocol {
    let name = "WPS"
    let isReady = true
    /// How many messages went through.
    let passed = Mutex(0)
    private let pass: @Sendable ([UInt8]) async throws -> [UInt8]

    init(_ pass: @escaping @Sendable ([UInt8]) async throws -> [UInt8]) {
        self.pass = pass
    }

    func answer(_ message: [UInt8], from peer: SetupPeer) async throws(DeviceProtectionError) -> SetupAnswer {
        do {
            let answer = try await pass(message)
            passed.withLock { $0 += 1 }
            return SetupAnswer(message: answer)
        } catch { throw DeviceProtectionError(.processingError, "\(error)") }
    }

    func closed(_ connection: UInt64) async {}
}

/// A device that says it is the gateway, with a certificate of its own.
enum FalseGateway {
    /// Hosts it on loopback while `body` runs.
    static func with(
        setup: any SetupProtocol, _ body: @Sendable @escaping (HTTPURL) async throws -> Void
    ) async throws {
        var configuration = DeviceProtectionService.Configuration(udn: LANGateway.udn, name: "Home")
        configuration.setup = setup
        let protection = try await DeviceProtectionService.load(
            configuration, from: InMemoryDeviceProtectionStore(), logger: LANGateway.logger)
        let device = HostedDevice(
            type: StandardServices.deviceType, name: "Home", manufacturer: "Latchkey", model: "False",
            udn: LANGateway.udn
        ) {
            HostedService(RemoteAccessService.serviceType) {
                HostedAction("GetPairingCode", out: HostedArgumentType<String>("PairingCode").argument("PairingCode")) {
                    ""
                }
            }
        }
        var hosting = DeviceHostConfiguration(interface: "lo", families: .ipv4)
        hosting.advertises = false
        hosting.security = protection.security
        hosting.authorizes = protection.authorizes
        let host = DeviceHost(
            configuration: hosting, devices: [protection.protecting(device)],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: LANGateway.logger)
        let (serving, isServing) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await host.run { _ in isServing.yield() } }
            defer { tasks.cancelAll() }
            for await _ in serving { break }
            guard let location = host.secureLocations.first else { return }
            try await body(location)
        }
    }
}
