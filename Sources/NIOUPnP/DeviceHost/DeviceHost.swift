public import Logging
public import NIOCore
import NIOPosix
public import NetworkTypes
import Synchronization
public import UPnP

/// Hosts devices on the home's networks: announces them, describes them, runs their actions, sends their events.
///
/// ```swift
/// try await DeviceHost(light).run()
/// ```
///
/// It listens on the addresses of the selected interfaces and on no other, and serves the neighbours there and
/// nobody else, over IPv4 and IPv6. It follows interfaces and addresses as they come, go and change; a device's
/// state, and the subscriptions that came in on a link that stays, stay.
public final class DeviceHost: Sendable {
    /// How the devices are hosted.
    public let configuration: DeviceHostConfiguration
    /// What is hosted.
    public let devices: [HostedDevice]

    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let running = Mutex<(routes: HostRoutes, links: HostedLinks)?>(nil)

    /// Makes a host that does nothing until ``run()``.
    public init(
        configuration: DeviceHostConfiguration, devices: [HostedDevice], eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) {
        self.configuration = configuration
        self.devices = devices
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
    }

    /// Makes a host of root devices, on the process's own event loops, that logs nothing.
    public convenience init(_ devices: HostedDevice..., configuration: DeviceHostConfiguration = .init()) {
        self.init(
            configuration: configuration, devices: devices, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "DeviceHost") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// The description's URL of each root device at each address where it is served: all devices at the first
    /// address, in the order in which they were given, then all at the next.
    public var locations: [HTTPURL] {
        guard let (_, links) = running.withLock({ $0 }) else { return [] }
        return links.current.flatMap { locations(at: $0.endpoint) }
    }

    /// The description's URL of each root device at one of the endpoints where they are served, in the order in
    /// which they were given.
    public func locations(at endpoint: SocketEndpoint) -> [HTTPURL] {
        guard let (routes, _) = running.withLock({ $0 }) else { return [] }
        return routes.roots.compactMap { HTTPURL(endpoint: endpoint, pathAndQuery: $0.path) }
    }

    /// The `https` URL of each protected root device at each address where it is served.
    public var secureLocations: [HTTPURL] {
        guard let (routes, links) = running.withLock({ $0 }) else { return [] }
        return links.current.flatMap { served in
            routes.roots.filter(\.device.isProtected).compactMap { root in
                served.secureEndpoint.flatMap { HTTPURL("https://\($0)\(root.path)") }
            }
        }
    }

    /// Works until cancelled, then says byebye on every link, ends every subscription and returns.
    ///
    /// In a group of services it runs until the group cancels it.
    /// - Throws: As ``run(onServing:)``.
    public func run() async throws { try await run { _ in } }

    /// Works until cancelled, then says byebye on every link, ends every subscription and returns.
    ///
    /// - Parameter onServing: Told each endpoint when the devices are served at it.
    /// - Throws: `SSDPDriverError` when no named interface exists or carries multicast, or the host runs already;
    ///   the system's error when nothing can be listened on at the start; ``HostFileError`` when the state cannot
    ///   be kept.
    public func run(onServing: @escaping @Sendable (SocketEndpoint) -> Void) async throws {
        let client = HTTPClient(eventLoopGroup: eventLoopGroup, logger: logger)
        defer { client.shutDown() }
        let state = try HostState(path: configuration.stateFile)
        let routes = HostRoutes(devices) { state.token(for: $0) }
        let advertiser = configuration.advertises ? makeAdvertiser() : nil
        let links = HostedLinks(
            configuration: configuration, routes: routes, state: state, advertiser: advertiser,
            eventLoopGroup: eventLoopGroup, logger: logger
        )
        let isFirst = running.withLock { running in
            guard running == nil else { return false }
            running = (routes, links)
            return true
        }
        guard isFirst else { throw SSDPDriverError.alreadyRunning }
        defer { running.withLock { $0 = nil } }
        let requests = requests(routes, links, client: client)
        let result: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                if let advertiser {
                    let stream = advertiser.links
                    group.addTask { try await advertiser.run() }
                    group.addTask { try await links.follow(stream, requests, onServing: onServing) }
                } else {
                    let monitor = InterfaceMonitor(eventLoopGroup: eventLoopGroup, logger: logger)
                    let stream = try silentLinks(monitor)
                    group.addTask { try await monitor.run() }
                    group.addTask { try await links.follow(stream, requests, onServing: onServing) }
                }
                while try await group.next() != nil {}
            }
            result = .success(())
        } catch is CancellationError {
            result = .success(())
        } catch { result = .failure(error) }
        for (service, _) in routes.services { service.events.detach() }
        for outlets in requests.outlets.values {
            await outlets.subscribers.endAll()
            await outlets.everybody?.end()
        }
        try result.get()
    }

    private func makeAdvertiser() -> SSDPAdvertiser {
        var ssdp = configuration.ssdp
        ssdp.families = configuration.families
        return SSDPAdvertiser(
            interfaces: configuration.interfaces, configuration: ssdp, scope: configuration.scope,
            eventLoopGroup: eventLoopGroup, logger: logger
        )
    }

    /// Without announcements an interface needs no multicast, so that loopback is one, too.
    private func silentLinks(_ monitor: InterfaceMonitor) throws -> AsyncStream<[InterfaceAddress]> {
        let (selection, families) = (configuration.interfaces, configuration.families)
        if case .named(let names) = selection, !monitor.interfaces.contains(where: selection.includes) {
            throw SSDPDriverError.noSuchInterface(
                names.joined(separator: ", "), known: monitor.interfaces.map(\.name)
            )
        }
        let changes = monitor.changes
        return AsyncStream { continuation in
            // Unstructured: it ends with the monitor's stream, or with its own reader.
            let task = Task {
                for await interfaces in changes {
                    continuation.yield(
                        interfaces.filter(selection.includes).flatMap(\.addresses).filter {
                            families.includes($0.address)
                        })
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func requests(_ routes: HostRoutes, _ links: HostedLinks, client: HTTPClient) -> HostedRequests {
        var outlets: [ObjectIdentifier: ServiceEvents.Outlets] = [:]
        for (service, udn) in routes.services {
            outlets[ObjectIdentifier(service)] = service.events.attach { [configuration, logger] in
                let subscribers = EventPublishing(
                    variables: service.eventedState, moderation: service.moderation, limits: configuration.eventing,
                    client: client, serverName: configuration.serverName,
                    callbackRule: { links.callbackRule($0) }, logger: logger
                )
                guard configuration.advertises, service.multicasts else {
                    return ServiceEvents.Outlets(subscribers: subscribers)
                }
                let publisher = MulticastEventPublisher(
                    udn: udn, serviceType: service.serviceType, serviceID: service.serviceID, bootID: 0,
                    configuration: configuration.multicastEventing
                )
                return ServiceEvents.Outlets(
                    subscribers: subscribers, everybody: MulticastEventPublishing(publisher)
                )
            }
        }
        return HostedRequests(
            configuration: configuration, routes: routes, outlets: outlets,
            calls: ActionCalls(configuration: configuration, eventLoop: eventLoopGroup.next(), logger: logger),
            logger: logger
        )
    }
}
