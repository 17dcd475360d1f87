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
    }

    private struct Listener {
        let endpoint: SocketEndpoint
        let task: Task<Void, Never>
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
        served.withLock { $0.first { $0.endpoint == local } }.map {
            CallbackRule(interface: $0.link, requiresSender: configuration.callbackMustBeSender)
        }
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
        var listeners: [InterfaceAddress: Listener] = [:]
        var wanted: [InterfaceAddress] = []
        var retries: Task<Void, Never>?
        var bootID = try state.nextBootID(configuration.bootID)
        var hasServed = false
        let result: Result<Void, any Error>
        do {
            for await turn in turns {
                switch turn {
                case .links(let links): wanted = links
                case .retry: retries = nil
                case .ended(let link, let endpoint, let error):
                    guard listeners[link]?.endpoint == endpoint else { continue }
                    logger.warning("a listener ended", metadata: ["error": "\(error)"])
                }
                var isChanged = false
                for (link, listener) in listeners where !wanted.contains(link) || turn.ended(link) {
                    await leave(link, listener)
                    listeners[link] = nil
                    isChanged = true
                }
                var failure: (any Error)?
                var gained: [(InterfaceAddress, SocketEndpoint)] = []
                for link in wanted where listeners[link] == nil {
                    do {
                        let listener = try await listen(on: link, requests, continuation)
                        listeners[link] = listener
                        gained.append((link, listener.endpoint))
                    } catch {
                        logger.debug("a link cannot be listened on", metadata: ["error": "\(error)"])
                        failure = error
                    }
                }
                served.withLock { served in
                    served = wanted.compactMap { link in
                        listeners[link].map { Served(link: link, endpoint: $0.endpoint) }
                    }
                }
                if isChanged { for publishing in requests.publishing.values { await publishing.linksChanged() } }
                if let failure {
                    guard hasServed || !listeners.isEmpty else { throw failure }
                    retries = retries ?? retry(continuation)
                }
                guard !gained.isEmpty else { continue }
                if hasServed {
                    // UDA 2.0 §1.2.4: a link more is a new BOOTID, told beforehand where the old one is known.
                    bootID = try state.nextBootID()
                    for (link, listener) in listeners where !gained.contains(where: { $0.0 == link }) {
                        advertise(at: listener.endpoint, bootID)
                    }
                }
                hasServed = true
                for (_, endpoint) in gained {
                    advertise(at: endpoint, bootID)
                    onServing(endpoint)
                }
            }
            result = .success(())
        } catch { result = .failure(error) }
        source.cancel()
        retries?.cancel()
        served.withLock { $0 = [] }
        for listener in listeners.values { listener.task.cancel() }
        for listener in listeners.values { await listener.task.value }
        try result.get()
    }

    private func leave(_ link: InterfaceAddress, _ listener: Listener) async {
        for root in routes.roots { advertiser?.remove(udn: root.description.udn, on: link, announceByebye: false) }
        listener.task.cancel()
        await listener.task.value
    }

    private func retry(_ turns: AsyncStream<Turn>.Continuation) -> Task<Void, Never> {
        // Unstructured: one at a time, cancelled when its owner ends.
        Task {
            guard (try? await Task.sleep(for: .seconds(2))) != nil else { return }
            turns.yield(.retry)
        }
    }

    /// Listens on one address, for its neighbours only.
    private func listen(
        on link: InterfaceAddress, _ requests: HostedRequests, _ turns: AsyncStream<Turn>.Continuation
    ) async throws -> Listener {
        let server = HTTPServer(limits: configuration.http, eventLoopGroup: eventLoopGroup, logger: logger)
        let (starts, start) = AsyncStream.makeStream(of: Result<SocketEndpoint, any Error>.self)
        let port = configuration.port
        // Unstructured because links come and go by themselves; `leave` or the end of `follow` ends it.
        let task = Task {
            let bound = Mutex<SocketEndpoint?>(nil)
            do {
                try await server.run(on: link.endpoint(port: port)) { endpoint in
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
        for await first in starts { return Listener(endpoint: try first.get(), task: task) }
        task.cancel()
        await task.value
        throw CancellationError()
    }

    private func advertise(at endpoint: SocketEndpoint, _ bootID: UInt32) {
        for root in routes.roots {
            guard let location = HTTPURL(endpoint: endpoint, pathAndQuery: root.path) else { continue }
            advertiser?.add(
                Advertisement(
                    root: AdvertisedDevice(root.description), location: "\(location)", maxAge: configuration.maxAge,
                    server: configuration.serverName, bootID: bootID, configID: root.configID,
                    secureLocation: configuration.secureLocation?(location), networkLocalState: "\(bootID)"
                ))
        }
    }
}

extension HostedLinks.Turn {
    fileprivate func ended(_ link: InterfaceAddress) -> Bool {
        if case .ended(link, _, _) = self { true } else { false }
    }
}
