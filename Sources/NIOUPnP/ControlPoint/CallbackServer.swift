import HTTPTypes
import Logging
import NIOCore
import NetworkTypes
import Synchronization
import UPnP

/// Receives events: one server on each own address that a device was told, at a fixed port or one that
/// the system chose, with one unguessable path for each subscription.
final class CallbackServer: Sendable {
    private struct State {
        var receivers: [String: EventReceiver] = [:]
        var servers: [InterfaceAddress: Server] = [:]
        var hasEnded = false
        /// Asks the running task for a server; nil before it runs.
        var requests: AsyncStream<InterfaceAddress>.Continuation?
    }

    private enum Server {
        case starting([CheckedContinuation<SocketEndpoint, any Error>])
        case bound(SocketEndpoint)
    }

    private let port: UInt16
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameter port: 0 lets the system choose.
    init(port: UInt16 = 0, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        self.port = port
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
    }

    /// Runs the servers that are asked for, until cancelled.
    func run() async {
        let requests = AsyncStream<InterfaceAddress>.makeStream()
        state.withLock { state in
            state.requests = requests.continuation
            // Those who have asked already.
            for link in state.servers.keys { requests.continuation.yield(link) }
        }
        await withDiscardingTaskGroup { group in
            for await link in requests.stream {
                group.addTask { await self.serve(link) }
            }
            group.cancelAll()
        }
        let late = state.withLock { state in
            state.hasEnded = true
            return state.servers.keys
        }
        for link in late { settle(link, .failure(Self.ended)) }
    }

    private static let ended = ControlPointError(.notRunning, "The control point is not running any more.")

    /// Makes a URL on our own address of that link, which leads to `receiver`; waits for ``run()`` to begin.
    func open(_ receiver: EventReceiver, on link: InterfaceAddress) async throws -> HTTPURL {
        let endpoint = try await bound(link)
        var generator = SystemRandomNumberGenerator()
        let token = generator.uuid()
        guard let url = HTTPURL(endpoint: endpoint, pathAndQuery: "/\(token)") else {
            throw ControlPointError(.notAddressable, "\(endpoint) makes no URL.")
        }
        state.withLock { $0.receivers[url.path] = receiver }
        return url
    }

    /// Events for that URL are refused from here on.
    func close(_ url: HTTPURL) {
        state.withLock { $0.receivers[url.path] = nil }
    }

    private func bound(_ link: InterfaceAddress) async throws -> SocketEndpoint {
        try await withCheckedThrowingContinuation { continuation in
            let result: Result<SocketEndpoint, any Error>? = state.withLock { state in
                if state.hasEnded { return .failure(Self.ended) }
                switch state.servers[link] {
                case .bound(let endpoint): return .success(endpoint)
                case .starting(let waiters):
                    state.servers[link] = .starting(waiters + [continuation])
                    return nil
                case nil:
                    state.servers[link] = .starting([continuation])
                    state.requests?.yield(link)
                    return nil
                }
            }
            if let result { continuation.resume(with: result) }
        }
    }

    private func serve(_ link: InterfaceAddress) async {
        var limits = HTTPServerLimits()
        // Devices shut down their side after a NOTIFY, and must still have been heard.
        limits.toleratesHalfClose = true
        // Some connect and send their event at the next turn of a slow loop.
        limits.headTime = .seconds(60)
        let server = HTTPServer(limits: limits, eventLoopGroup: eventLoopGroup, logger: logger)
        var failure: any Error = CancellationError()
        do {
            try await server.run(on: link.endpoint(port: port)) { endpoint in
                self.settle(link, .success(endpoint))
            } accepts: { peer in
                link.isOnLink(peer.address)
            } handler: { exchange in
                try await self.handle(exchange)
            }
        } catch {
            failure = error
        }
        settle(link, .failure(failure))
    }

    private func settle(_ link: InterfaceAddress, _ result: Result<SocketEndpoint, any Error>) {
        let waiters: [CheckedContinuation<SocketEndpoint, any Error>] = state.withLock { state in
            let server = state.servers[link]
            state.servers[link] = (try? result.get()).map { .bound($0) }
            if case .starting(let waiters) = server { return waiters }
            return []
        }
        for waiter in waiters { waiter.resume(with: result) }
    }

    private func handle(_ exchange: HTTPServerExchange) async throws {
        guard exchange.request.method.rawValue == "NOTIFY" else { return try await exchange.respond(.methodNotAllowed) }
        let receiver = state.withLock { $0.receivers[exchange.request.path ?? ""] }
        // 412 makes a device drop a subscription that nobody holds (UDA 2.0 §4.3.2).
        guard let receiver else { return try await exchange.respond(.preconditionFailed) }
        try await receiver.handle(exchange)
    }
}
