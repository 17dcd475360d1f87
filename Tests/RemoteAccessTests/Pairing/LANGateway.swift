import AccessPolicy
import Foundation
import Logging
import NIOPosix
import NetworkTypes
import Testing
import TrustCore
import Tunnel
import UPnP

@testable import NIOUPnP
@testable import RemoteAccess

/// A gateway on loopback that hands pairing codes over by introduction: real TLS at both of its doors.
struct LANGateway: Sendable {
    static let udn = "uuid:6a0c4d0e-0000-4000-8000-00000000d0aa"

    let store = InMemoryGatewayStore()
    let trust: GatewayTrust
    let introduction: PairingIntroduction
    let protection: DeviceProtectionService
    let administration: GatewayAdministration
    let door: IntroductionClient.Gateway

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Serves while `body` runs.
    static func with<Result: Sendable>(
        acl: AccessControlList = .init(), _ body: @Sendable @escaping (LANGateway) async throws -> Result
    ) async throws -> Result {
        let group = MultiThreadedEventLoopGroup.singleton
        let store = InMemoryGatewayStore()
        let identities = InMemoryDeviceProtectionStore()
        let trust = try await GatewayTrust.load(from: store, name: "Home", logger: logger)
        var configuration = StandardServices.Hosting.protection(udn: udn, name: "Home")
        let introduction = PairingIntroduction(
            device: try await DeviceProtectionService.party(of: configuration, in: identities))
        configuration.setup = introduction
        configuration.initial = acl
        let protection = try await DeviceProtectionService.load(configuration, from: identities, logger: logger)
        let server = try RemoteAccessServer(
            configuration: .init(listen: SocketEndpoint(.v4(.loopback), port: 0)), trust: trust, home: nil,
            sealingKey: Array(repeating: 7, count: 32), gatewayUDN: udn,
            desk: try await .load(gatewayUDN: udn, from: store, logger: logger), introduction: introduction,
            eventLoopGroup: group, logger: logger)
        let (bound, bind) = AsyncStream<SocketEndpoint>.makeStream()
        let (serving, isServing) = AsyncStream<Void>.makeStream()
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run { if case .listening(let endpoint) = $0 { bind.yield(endpoint) } } }
            defer { tasks.cancelAll() }
            var endpoints = bound.makeAsyncIterator()
            let endpoint = try #require(await endpoints.next())
            let administration = GatewayAdministration(
                trust: trust, introduction: introduction,
                addresses: { [GatewayAddress(endpoint)].compactMap(\.self) })
            var hosting = StandardServices.Hosting(interface: "lo", ssdp: SSDPConfiguration(), bootID: 1)
            hosting.protect(by: protection)
            hosting.configuration.advertises = false
            let services = StandardServices(
                name: "Home", udn: udn, port: endpoint.port, server: server, trust: trust,
                administration: administration, hosting: hosting, eventLoopGroup: group, logger: logger)
            let host = DeviceHost(
                configuration: hosting.configuration, devices: [services.device], eventLoopGroup: group,
                logger: logger)
            tasks.addTask { try await host.run { _ in isServing.yield() } }
            for await _ in serving { break }
            let gateway = LANGateway(
                trust: trust, introduction: introduction, protection: protection, administration: administration,
                door: .init(udn: udn, name: "Home", location: try #require(host.secureLocations.first)))
            return try await body(gateway)
        }
    }

    /// Makes a code and opens the time for an introduction, as `latchkey gateway pair --lan` does.
    func open(name: String = "phone", seconds: UInt32 = 300) async throws -> (pin: WPSPIN, code: PairingCode) {
        let made = try await administration.startPairing(
            name: name, preset: "media", sharing: true, seconds: seconds)
        let code = try PairingCode(made.code)
        return (introduction.open(code), code)
    }

    static func client(_ identity: StoredDeviceIdentity) throws -> IntroductionClient {
        try IntroductionClient(
            identity: identity, name: "phone", eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    }
}
