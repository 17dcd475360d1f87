public import Logging
public import NIOCore
public import NetworkTypes
import Synchronization
public import UPnP

/// Hosts devices on one interface: announces them, describes them, runs their actions, sends their events.
///
/// Only neighbours on the interface's link are served. Paths are random at each start.
public final class DeviceHost: Sendable {
    /// How the devices are hosted.
    public let configuration: DeviceHostConfiguration

    private let routes: HostRoutes
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let serving = Mutex<SocketEndpoint?>(nil)

    /// Makes a host that does nothing until ``run(onServing:)``.
    public init(
        configuration: DeviceHostConfiguration, devices: [HostedDevice], eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) {
        self.configuration = configuration
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        var generator = SystemRandomNumberGenerator()
        self.routes = HostRoutes(devices, using: &generator)
    }

    /// The description's URL of each root device while it is served, in the order in which they were given.
    public var locations: [HTTPURL] {
        guard let endpoint = serving.withLock({ $0 }) else { return [] }
        return routes.roots.compactMap { HTTPURL(endpoint: endpoint, pathAndQuery: $0.path) }
    }

    /// Works until cancelled, then says byebye, ends every subscription and returns.
    ///
    /// When the interface's address changes, the devices move to the new one under a new BOOTID.
    /// - Parameter onServing: Told the endpoint each time that the devices are served at one.
    /// - Throws: `SSDPDriverError` when the interface does not exist, carries no multicast or, without
    ///   advertising, has no IPv4 address; the system's error when its sockets cannot be opened.
    public func run(onServing: @escaping @Sendable (SocketEndpoint) -> Void = { _ in }) async throws {
        let client = HTTPClient(eventLoopGroup: eventLoopGroup, logger: logger)
        defer { client.shutDown() }
        guard configuration.advertises else {
            guard let address = try NetworkInterface.named(configuration.interface).ipv4 else {
                throw HTTPTransportError(.connectFailed, "\(configuration.interface) has no IPv4 address")
            }
            return try await serve(at: address, client: client, onServing: onServing)
        }
        var ssdp = configuration.ssdp
        ssdp.families = .ipv4
        let advertiser = SSDPAdvertiser(
            interface: configuration.interface, configuration: ssdp, scope: configuration.scope,
            eventLoopGroup: eventLoopGroup, logger: logger
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await advertiser.run() }
            group.addTask {
                try await self.follow(advertiser, client: client, onServing: onServing)
            }
            defer { group.cancelAll() }
            while try await group.next() != nil {}
        }
    }

    private enum Turn: Sendable {
        case address(InterfaceAddress?)
        case failed(any Error)
    }

    /// Serves at the interface's address, wherever that moves.
    private func follow(
        _ advertiser: SSDPAdvertiser, client: HTTPClient, onServing: @escaping @Sendable (SocketEndpoint) -> Void
    ) async throws {
        var bootID = configuration.bootID ?? HTTPDate.bootID
        let (turns, continuation) = AsyncStream.makeStream(of: Turn.self)
        // Unstructured because one ends while the other goes on; both end with this function.
        let addresses = Task {
            for await links in advertiser.links { continuation.yield(.address(links.first)) }
            continuation.finish()
        }
        var current: Task<Void, Never>?
        var failure: (any Error)?
        for await turn in turns {
            guard case .address(let address) = turn else {
                if case .failed(let error) = turn { failure = error }
                break
            }
            current?.cancel()
            await current?.value
            current = nil
            guard let address else { continue }
            let announced = bootID
            bootID = bootID &+ 1 & 0x7FFF_FFFF
            // Unstructured because the next address replaces it; ended below at the latest.
            current = Task {
                do {
                    try await serve(at: address, client: client) { endpoint in
                        for advertisement in self.advertisements(at: endpoint, bootID: announced) {
                            advertiser.add(advertisement)
                        }
                        onServing(endpoint)
                    }
                } catch { continuation.yield(.failed(error)) }
            }
        }
        addresses.cancel()
        current?.cancel()
        await current?.value
        if let failure { throw failure }
    }

    private func advertisements(at endpoint: SocketEndpoint, bootID: UInt32) -> [Advertisement] {
        routes.roots.compactMap { root in
            HTTPURL(endpoint: endpoint, pathAndQuery: root.path).map { location in
                Advertisement(
                    root: AdvertisedDevice(root.description), location: "\(location)", maxAge: configuration.maxAge,
                    server: configuration.serverName, bootID: bootID, configID: root.configID
                )
            }
        }
    }

    private func serve(
        at address: InterfaceAddress, client: HTTPClient, onServing: @escaping @Sendable (SocketEndpoint) -> Void
    ) async throws {
        let rule = CallbackRule(interface: address, requiresSender: configuration.callbackMustBeSender)
        var publishing: [ObjectIdentifier: EventPublishing] = [:]
        for service in routes.services {
            publishing[ObjectIdentifier(service)] = service.attach { [configuration, logger] variables in
                EventPublishing(
                    variables: variables, limits: configuration.eventing, client: client,
                    serverName: configuration.serverName, callbackRule: { _ in rule }, logger: logger
                )
            }
        }
        let requests = HostedRequests(
            configuration: configuration, routes: routes, publishing: publishing,
            calls: ActionCalls(configuration: configuration, eventLoop: eventLoopGroup.next(), logger: logger),
            logger: logger
        )
        let server = HTTPServer(limits: configuration.http, eventLoopGroup: eventLoopGroup, logger: logger)
        let result: Result<Void, any Error>
        do {
            try await server.run(on: SocketEndpoint(address.address, port: configuration.port)) { endpoint in
                self.serving.withLock { $0 = endpoint }
                onServing(endpoint)
            } accepts: { peer in
                address.isOnLink(peer.address)
            } handler: { exchange in
                try await requests.handle(exchange)
            }
            result = .success(())
        } catch is CancellationError {
            result = .success(())
        } catch {
            result = .failure(error)
        }
        serving.withLock { $0 = nil }
        for service in routes.services { _ = service.attach(nil) }
        for publisher in publishing.values { await publisher.endAll() }
        try result.get()
    }
}
