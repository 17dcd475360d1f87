internal import HTTPTypes
internal import NIOCore
internal import NetworkTypes
internal import Synchronization
internal import Tunnel

/// One connection, as tasks see it. What belongs to its event loop is in `QUICConnection`.
final class QUICLink: Sendable {
    let loop: any EventLoop
    let purpose: ConnectionPurpose
    let settings: QUICSettings
    let end = Latch<CarrierEnd>()
    /// Exchanges that the peer opened, in order; as many at most as the peer may have open.
    let inbound: AsyncStream<QUICServerExchange>
    let executor: LoopExecutor

    private let offer: AsyncStream<QUICServerExchange>.Continuation
    /// Nil once the connection has ended.
    private let core: NIOLoopBoundBox<QUICConnection?>
    private let ends: Mutex<(local: SocketEndpoint, remote: SocketEndpoint)>

    /// Must be made on the event loop.
    init(
        loop: any EventLoop, purpose: ConnectionPurpose, settings: QUICSettings, local: SocketEndpoint,
        remote: SocketEndpoint
    ) {
        self.loop = loop
        self.purpose = purpose
        self.settings = settings
        self.executor = LoopExecutor(loop)
        self.core = NIOLoopBoundBox(nil, eventLoop: loop)
        self.ends = Mutex((local, remote))
        (self.inbound, self.offer) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(settings.streams * 2))
    }

    var local: SocketEndpoint { ends.withLock { $0.local } }
    var remote: SocketEndpoint { ends.withLock { $0.remote } }

    /// On the event loop: the connection that this is the face of.
    func attach(_ connection: QUICConnection?) { core.value = connection }

    /// The path has changed.
    func moved(local: SocketEndpoint, remote: SocketEndpoint) { ends.withLock { $0 = (local, remote) } }

    /// Always in a later turn of the loop: what a task says in one go is then written in one go. Does nothing once
    /// the connection has ended; once somebody has closed it, the peer is told the reason before anything else: what a
    /// handler does because of it is no news.
    func onLoop(_ body: @escaping @Sendable (QUICConnection) -> Void) {
        loop.execute { [core, end] in
            if let reason = end.value { core.value?.shut(reason) }
            if let connection = core.value { body(connection) }
        }
    }

    /// Opens an exchange; failures reach the exchange itself.
    func open(_ request: HTTPRequest, _ trafficClass: TrafficClass) throws -> QUICExchange {
        let exchange = QUICExchange(trafficClass, link: self)
        try exchange.send(head: .request(request, trafficClass))
        loop.execute { [core, end] in
            if let connection = core.value {
                connection.open(exchange)
            } else {
                exchange.fail(end.value ?? .closed)
            }
        }
        return exchange
    }

    /// Offers an exchange of the peer to whoever serves; false if there is no room for it.
    func accept(_ exchange: QUICServerExchange) -> Bool {
        if case .enqueued = offer.yield(exchange) { return true }
        return false
    }

    /// Ends the connection at once, and tells the peer the reason that counts: whoever hears of an end may close too, and
    /// be on the event loop before the one who began.
    func close(_ reason: CarrierEnd) {
        let first = ends(reason)
        if loop.inEventLoop {
            core.value?.shut(first)
        } else {
            onLoop { $0.shut(first) }
        }
    }

    /// Notes the reason, and returns the first one, which counts.
    @discardableResult
    func ends(_ reason: CarrierEnd) -> CarrierEnd {
        guard end.set(reason) else { return end.value ?? reason }
        offer.finish()
        return reason
    }
}

/// Runs the jobs of a task on one event loop, so that a call that arrives there is answered there without a change
/// of thread.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
