package import HTTPTypes
internal import Synchronization

/// A carrier without a network: what one end asks, the other answers, with the back-pressure of a window.
///
/// For tests, and for a gateway and an away client that live in one process. Each end keeps the other only
/// weakly, so whoever made the pair holds both.
package final class InMemoryCarrier: Carrier {
    private struct State {
        var end: CarrierEnd?
        var open: [ObjectIdentifier: MemoryExchange] = [:]
        var waiters: [CheckedContinuation<CarrierEnd, Never>] = []
    }

    private let window: Int
    private let limit: Int
    private let state = Mutex(State())
    private let other = Mutex<WeakReference?>(nil)
    private let inbound: AsyncStream<MemoryExchange>
    private let offer: AsyncStream<MemoryExchange>.Continuation

    private struct WeakReference {
        weak var carrier: InMemoryCarrier?
    }

    private init(window: Int, limit: Int) {
        self.window = window
        self.limit = limit
        (self.inbound, self.offer) = AsyncStream.makeStream()
    }

    /// Two ends of one carrier.
    /// - Parameters:
    ///   - window: About how many bytes each direction of an exchange holds.
    ///   - limit: How many exchanges each end may have open; one more is reset as `refused`.
    package static func pair(window: Int = 64 << 10, limit: Int = 1_024) -> (InMemoryCarrier, InMemoryCarrier) {
        let (left, right) = (
            InMemoryCarrier(window: window, limit: limit), InMemoryCarrier(window: window, limit: limit)
        )
        left.other.withLock { $0 = WeakReference(carrier: right) }
        right.other.withLock { $0 = WeakReference(carrier: left) }
        return (left, right)
    }

    private var peer: InMemoryCarrier? { other.withLock { $0?.carrier } }

    package func withExchange<Result: Sendable>(
        _ request: HTTPRequest,
        trafficClass: TrafficClass,
        _ body: @Sendable (any OutboundExchange) async throws -> Result
    ) async throws -> Result {
        let exchange = MemoryExchange(request, trafficClass, window: window)
        let id = ObjectIdentifier(exchange)
        try state.withLock { state in
            if let end = state.end { throw end }
            guard state.open.count < limit else { throw ExchangeReset(.refused) }
            state.open[id] = exchange
        }
        peer?.offer.yield(exchange)
        defer {
            exchange.cut(ExchangeReset(.cancelled))
            state.withLock { $0.open[id] = nil }
        }
        return try await body(MemoryExchange.Asking(exchange: exchange))
    }

    package func serve(_ handler: @escaping @Sendable (any InboundExchange) async -> Void) async throws {
        await withDiscardingTaskGroup { group in
            for await exchange in inbound {
                group.addTask { await Self.run(exchange, handler) }
            }
            group.cancelAll()
        }
    }

    private static func run(
        _ exchange: MemoryExchange, _ handler: @escaping @Sendable (any InboundExchange) async -> Void
    ) async {
        let (cut, tell) = AsyncStream<Void>.makeStream()
        exchange.onCut { tell.finish() }
        let answering = MemoryExchange.Answering(exchange: exchange)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await handler(answering)
                answering.leave()
            }
            group.addTask { for await _ in cut {} }
            await group.next()
            group.cancelAll()
        }
    }

    package func close(_ reason: CarrierEnd) {
        end(reason)
        peer?.end(reason)
    }

    private func end(_ reason: CarrierEnd) {
        let (exchanges, waiters) = state.withLock { state in
            guard state.end == nil else { return ([MemoryExchange](), [CheckedContinuation<CarrierEnd, Never>]()) }
            state.end = reason
            defer { (state.open, state.waiters) = ([:], []) }
            return (Array(state.open.values), state.waiters)
        }
        for exchange in exchanges { exchange.cut(reason) }
        for waiter in waiters { waiter.resume(returning: reason) }
        offer.finish()
    }

    package func ended() async -> CarrierEnd {
        await withCheckedContinuation { waiter in
            let end = state.withLock { state in
                if state.end == nil { state.waiters.append(waiter) }
                return state.end
            }
            if let end { waiter.resume(returning: end) }
        }
    }
}
