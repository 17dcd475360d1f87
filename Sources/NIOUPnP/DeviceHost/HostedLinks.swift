import Logging
import NIOCore
import NetworkTypes
import Synchronization
import UPnP

/// Serves a host's devices on each link as links come and go: a listener on each own address, and announcements
/// that name it.
///
/// What a service is and who has subscribed to it outlives every link but the subscriber's own.
final class HostedLinks: Sendable {
    /// A link that the devices are served on.
    struct Served: Sendable {
        let link: InterfaceAddress
        let endpoint: SocketEndpoint
        /// For HTTPS.
        let secureEndpoint: SocketEndpoint?
    }

    private struct Listener {
        let endpoint: SocketEndpoint
        /// For HTTPS.
        let secureEndpoint: SocketEndpoint?
        let tasks: [Task<Void, Never>]
        /// For multicast events, where there are any.
        let events: MulticastEventSocket?
    }

    private enum Turn: Sendable {
        case links([InterfaceAddress])
        case ended(InterfaceAddress, SocketEndpoint, any Error)
        case retry
    }

    private let configuration: DeviceHostConfiguration
    private let routes: HostRoutes
    private let state: HostState
    private let advertiser: SSDPAdvertiser?
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let served = Mutex<[Served]>([])

    init(
        configuration: DeviceHostConfiguration, routes: HostRoutes, state: HostState, advertiser: SSDPAdvertiser?,
        eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.routes = routes
        self.state = state
        self.advertiser = advertiser
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
    }

    /// Where the devices are served at the moment.
    var current: [Served] { served.withLock { $0 } }

    /// Where events may go for a subscription that came in at one of our endpoints; nil when that is gone.
    func callbackRule(_ local: SocketEndpoint) -> CallbackRule? {
        served.withLock { $0.first { $0.endpoint == local || $0.secureEndpoint == local } }.map {
            CallbackRule(interface: $0.link, requiresSender: configuration.callbackMustBeSender)
        }
    }

    /// What has been made of the links so far.
    private struct Progress {
        var wanted: [InterfaceAddress] = []
        var listeners: [InterfaceAddress: Listener] = [:]
        var bootID: UInt32
        var hasServed = false
        var retries: Task<Void, Never>?
    }

    /// Serves on the links of the stream until it ends.
    /// - Throws: The system's error when nothing can be listened on at the start, and when the state cannot be kept.
    func follow(
        _ links: AsyncStream<[InterfaceAddress]>, _ requests: HostedRequests,
        onServing: @escaping @Sendable (SocketEndpoint) -> Void
    ) async throws {
        let (turns, continuation) = AsyncStream.makeStream(of: Turn.self)
        // Unstructured because one ends while the other goes on; both end with this function.
        let source = Task {
            for await links in links { continuation.yield(.links(links)) }
            continuation.finish()
        }
        var progress = Progress(bootID: try state.nextBootID(configuration.bootID))
        let result: Result<Void, any Error>
        do {
            for await turn in turns {
                let gained = try await take(turn, &progress, requests, continuation)
                try announce(gained, &progress)
                for case let multicasting? in requests.outlets.values.map(\.everybody) {
                    await multicasting.use(progress.listeners.values.compactMap(\.events))
                    await multicasting.setBootID(progress.bootID)
                }
                for endpoint in gained { onServing(endpoint) }
            }
            result = .success(())
        } catch { result = .failure(error) }
        source.cancel()
        progress.retries?.cancel()
        served.withLock { $0 = [] }
        for listener in progress.listeners.values {
            listener.events?.close()
            for task in listener.tasks { task.cancel() }
        }
        for listener in progress.listeners.values {
            for task in listener.tasks { await task.value }
        }
        try result.get()
    }

    /// Makes the listeners follow the links; returns where they listen besides.
    private func take(
        _ turn: Turn, _ progress: inout Progress, _ requests: HostedRequests, _ turns: AsyncStream<Turn>.Continuation
    ) async throws -> [SocketEndpoint] {
        var lost: Set<InterfaceAddress> = []
        switch turn {
        case .links(let links): progress.wanted = links
        case .retry: progress.retries = nil
        case .ended(let link, let endpoint, let error):
            let listener = progress.listeners[link]
            guard listener?.endpoint == endpoint || listener?.secureEndpoint == endpoint else { break }
            logger.warning("a listener ended", metadata: ["error": "\(error)"])
            lost.insert(link)
        }
        lost.formUnion(progress.listeners.keys.filter { [wanted = progress.wanted] in !wanted.contains($0) })
        for link in lost {
            if let listener = progress.listeners.removeValue(forKey: link) { await leave(link, listener) }
        }
        var failure: (any Error)?
        var gained: [SocketEndpoint] = []
        for link in progress.wanted where progress.listeners[link] == nil {
            do {
                let listener = try await listen(on: link, requests, turns)
                progress.listeners[link] = listener
                gained.append(listener.endpoint)
            } catch {
                logger.debug("a link cannot be listened on", metadata: ["error": "\(error)"])
                failure = error
            }
        }
        served.withLock { [progress] served in
            served = progress.wanted.compactMap { link in
                progress.listeners[link].map {
                    Served(link: link, endpoint: $0.endpoint, secureEndpoint: $0.secureEndpoint)
                }
            }
        }
        if !lost.isEmpty { for outlets in requests.outlets.values { await outlets.subscribers.linksChanged() } }
        if let failure, !Task.isCancelled {
            guard progress.hasServed || !progress.listeners.isEmpty else { throw failure }
            progress.retries = progress.retries ?? retry(turns)
        }
        return gained
    }

    /// Announces what is served on further links.
    private func announce(_ gained: [SocketEndpoint], _ progress: inout Progress) throws {
        guard !gained.isEmpty else { return }
        if progress.hasServed {
            // UDA 2.0 §1.2.4: a link more is a new BOOTID, told beforehand where the old one is known.
            progress.bootID = try state.nextBootID()
            for listener in progress.listeners.values where !gained.contains(listener.endpoint) {
                advertise(at: listener.endpoint, listener.secureEndpoint, progress.bootID)
            }
        }
        progress.hasServed = true
        for listener in progress.listeners.values where gained.contains(listener.endpoint) {
            advertise(at: listener.endpoint, listener.secureEndpoint, progress.bootID)
        }
    }

    private func leave(_ link: InterfaceAddress, _ listener: Listener) async {
        for root in routes.roots { advertiser?.remove(udn: root.description.udn, on: link, announceByebye: false) }
        listener.events?.close()
        for task in listener.tasks { task.cancel() }
        for task in listener.tasks { await task.value }
    }

    private func retry(_ turns: AsyncStream<Turn>.Continuation) -> Task<Void, Never> {
        // Unstructured: one at a time, cancelled when its owner ends.
        Task {
            guard (try? await Task.sleep(for: .seconds(2))) != nil else { return }
            turns.yield(.retry)
        }
    }

    /// Listens on one address, for its neighbours only; for HTTPS too, where a device is protected.
    private func listen(
        on link: InterfaceAddress, _ requests: HostedRequests, _ turns: AsyncStream<Turn>.Continuation
    ) async throws -> Listener {
        let clear = try await serve(link, port: configuration.port, security: nil, requests, turns)
        guard let security = configuration.security, routes.roots.contains(where: \.device.isProtected) else {
            return Listener(
                endpoint: clear.endpoint, secureEndpoint: nil, tasks: [clear.task],
                events: await eventSocket(on: link, requests)
            )
        }
        do {
            let secure = try await serve(link, port: configuration.securePort, security: security, requests, turns)
            return Listener(
                endpoint: clear.endpoint, secureEndpoint: secure.endpoint, tasks: [clear.task, secure.task],
                events: await eventSocket(on: link, requests)
            )
        } catch {
            clear.task.cancel()
            await clear.task.value
            throw error
        }
    }

    private func serve(
        _ link: InterfaceAddress, port: UInt16, security: HTTPServerSecurity?, _ requests: HostedRequests,
        _ turns: AsyncStream<Turn>.Continuation
    ) async throws -> (endpoint: SocketEndpoint, task: Task<Void, Never>) {
        // One loop for all connections of a link: a new one then wakes no other thread.
        let server = HTTPServer(limits: configuration.http, eventLoopGroup: eventLoopGroup.next(), logger: logger)
        let (starts, start) = AsyncStream.makeStream(of: Result<SocketEndpoint, any Error>.self)
        // Unstructured because links come and go by themselves; `leave` or the end of `follow` ends it.
        let task = Task {
            let bound = Mutex<SocketEndpoint?>(nil)
            do {
                try await server.run(on: link.endpoint(port: port), security: security) { endpoint in
                    bound.withLock { $0 = endpoint }
                    start.yield(.success(endpoint))
                } accepts: { peer in
                    link.isOnLink(peer.address)
                } handler: { exchange in
                    try await requests.handle(exchange)
                }
            } catch {
                start.yield(.failure(error))
                guard !Task.isCancelled, let endpoint = bound.withLock({ $0 }) else { return }
                turns.yield(.ended(link, endpoint, error))
            }
        }
        for await first in starts {
            return (try first.get(), task)
        }
        task.cancel()
        await task.value
        throw CancellationError()
    }

    /// A link that events cannot be multicast on is served all the same.
    private func eventSocket(on link: InterfaceAddress, _ requests: HostedRequests) async -> MulticastEventSocket? {
        guard requests.outlets.values.contains(where: { $0.everybody != nil }) else { return nil }
        let hops: Int? =
            configuration.scope == .ownHost ? 0 : link.address.isIPv4 ? configuration.ssdp.multicastTTL : nil
        do {
            return try await MulticastEventSocket(
                interface: link, eventLoopGroup: eventLoopGroup, logger: logger, hops: hops
            )
        } catch {
            logger.debug("events cannot be multicast on a link", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func advertise(at endpoint: SocketEndpoint, _ secureEndpoint: SocketEndpoint?, _ bootID: UInt32) {
        for root in routes.roots {
            guard let location = HTTPURL(endpoint: endpoint, pathAndQuery: root.path) else { continue }
            let secure = root.device.isProtected ? secureEndpoint.map { "https://\($0)\(root.path)" } : nil
            advertiser?.add(
                Advertisement(
                    root: AdvertisedDevice(root.description), location: "\(location)", maxAge: configuration.maxAge,
                    server: configuration.serverName, bootID: bootID, configID: root.configID,
                    secureLocation: secure ?? configuration.secureLocation?(location),
                    networkLocalState: "\(bootID)"
                ))
        }
    }
}
