internal import HTTPTypes
internal import Logging
internal import NIOCore
internal import NIOHTTP2
internal import NetworkTypes
internal import Synchronization
internal import Tunnel

/// One HTTP/2 connection, as tasks see it. What belongs to its event loop is in `ConnectionCore`.
final class TunnelConnection: Sendable {
    let channel: any Channel
    let purpose: ConnectionPurpose
    let settings: ConnectionSettings
    let ends: ConnectionEnds
    let end = Latch<CarrierEnd>()
    /// Exchanges that the peer opened, in order; as many at most as the peer may have open.
    let inbound: AsyncStream<ServerExchange>
    let executor: LoopExecutor

    private let offer: AsyncStream<ServerExchange>.Continuation
    private let core: NIOLoopBound<ConnectionCore>
    private let use = Mutex(Use())

    private struct Use {
        var exchanges = 0
        var closing = false
    }

    /// Must be made on the channel's event loop.
    init(
        _ core: ConnectionCore, channel: any Channel, purpose: ConnectionPurpose, settings: ConnectionSettings,
        ends: ConnectionEnds
    ) {
        self.ends = ends
        self.channel = channel
        self.purpose = purpose
        self.settings = settings
        self.executor = LoopExecutor(channel.eventLoop)
        self.core = NIOLoopBound(core, eventLoop: channel.eventLoop)
        (self.inbound, self.offer) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(settings.streams * 2))
    }

    var remote: SocketEndpoint { ends.remote }
    var local: SocketEndpoint { ends.local }

    /// Always in a later turn of the loop: what a task says in one go is then written in one go. Once somebody has closed,
    /// the peer is told the reason before anything else: what a handler does because of it is no news.
    func onLoop(_ body: @escaping @Sendable (ConnectionCore) -> Void) {
        channel.eventLoop.execute { [core, end] in
            if let reason = end.value { core.value.shut(reason) }
            body(core.value)
        }
    }

    // MARK: Exchanges

    /// Takes the connection into use for one exchange; false when it is ending.
    func begin() -> Bool {
        use.withLock { use in
            guard !use.closing, end.value == nil else { return false }
            use.exchanges += 1
            return true
        }
    }

    /// Ends one use.
    func done() {
        use.withLock { $0.exchanges -= 1 }
        onLoop { $0.noteUse() }
    }

    /// Whether nobody uses it; nobody can any more if so.
    func retire() -> Bool {
        use.withLock { use in
            guard use.exchanges == 0 else { return false }
            use.closing = true
            return true
        }
    }

    var isUsed: Bool { use.withLock { $0.exchanges > 0 } }

    /// Opens an exchange; failures reach the exchange itself.
    func open(_ request: HTTPRequest, _ trafficClass: TrafficClass) -> ExchangeStream {
        let stream = ExchangeStream(
            trafficClass, connection: self, head: HeaderTranslation.headers(request, trafficClass)
        )
        onLoop { $0.open(stream) }
        return stream
    }

    /// Offers an exchange of the peer to whoever serves; false if there is no room for it.
    func accept(_ exchange: ServerExchange) -> Bool {
        if case .enqueued = offer.yield(exchange) { return true }
        return false
    }

    // MARK: The end

    /// Ends the connection at once, beneath TLS, and tells the peer the reason that counts: whoever hears of an end may
    /// close too, and be on the event loop before the one who began.
    func close(_ reason: CarrierEnd) {
        let first = ends(reason)
        if channel.eventLoop.inEventLoop {
            core.value.shut(first)
        } else {
            onLoop { $0.shut(first) }
        }
    }

    /// Notes the reason, and returns the first one, which counts.
    @discardableResult
    func ends(_ reason: CarrierEnd) -> CarrierEnd {
        guard end.set(reason) else { return end.value ?? reason }
        use.withLock { $0.closing = true }
        offer.finish()
        return reason
    }
}
