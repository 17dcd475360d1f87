internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import NIOSSL
internal import Tunnel

/// What one connection has on its event loop: the scheduler that every write passes, the keepalive, and the end.
final class ConnectionCore {
    /// How the connection is kept.
    struct Upkeep {
        var keepalive = Keepalive.Configuration()
        /// Close after so long without an exchange; nil never.
        var idleTimeout: TimeAmount?
    }

    private let channel: any Channel
    private let upkeep: Upkeep
    private(set) var connection: TunnelConnection?
    private var multiplexer: NIOHTTP2Handler.StreamMultiplexer?

    private var scheduler = WriteScheduler<ObjectIdentifier>()
    private var handlers: [ObjectIdentifier: ExchangeHandler] = [:]
    /// Exchanges that wait until the peer may be asked for another one. Its SETTINGS may not have come
    /// yet, and until then NIOHTTP2 believes that it takes a hundred.
    private var waiting = CircularBuffer<ExchangeStream>(initialCapacity: 1)
    private var opened: Set<ObjectIdentifier> = []
    private var isPumping = false
    private var paceTimer: Scheduled<Void>?

    private var keepalive: Keepalive
    private var lastRead = NIODeadline.now()
    private var lastUse = NIODeadline.now()
    private var upkeepTimer: Scheduled<Void>?
    private var isShut = false

    init(channel: any Channel, upkeep: Upkeep) {
        self.channel = channel
        self.upkeep = upkeep
        self.keepalive = Keepalive(upkeep.keepalive, now: .now)
    }

    /// Puts HTTP/2 into the pipeline, behind TLS.
    func start(
        _ mode: NIOHTTP2Handler.ParserMode, purpose: ConnectionPurpose, settings: ConnectionSettings,
        ends: ConnectionEnds? = nil
    ) throws -> TunnelConnection {
        let connection = TunnelConnection(
            self, channel: channel, purpose: purpose, settings: settings, ends: ends ?? ConnectionEnds(channel))
        self.connection = connection
        let core = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let http2 = NIOHTTP2Handler(
            mode: mode, eventLoop: channel.eventLoop, connectionConfiguration: settings.connection,
            streamConfiguration: settings.stream
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                let handler = ExchangeHandler(core: core.value, connection: connection)
                try Self.prepare(stream, handler)
            }
        }
        if purpose == .session {
            // Sessions are many and idle for most of their life.
            try channel.pipeline.syncOperations.addHandler(ThriftHandler(), position: .first)
        }
        try channel.pipeline.syncOperations.addHandlers([http2, ControlFrameHandler(core: self)])
        multiplexer = try http2.syncMultiplexer()
        upkeepStep()
        return connection
    }

    fileprivate static func prepare(_ stream: any Channel, _ handler: ExchangeHandler) throws {
        try stream.syncOptions?.setOption(.autoRead, value: false)
        try stream.pipeline.syncOperations.addHandler(handler)
    }

    // MARK: Exchanges

    func open(_ stream: ExchangeStream) {
        guard let multiplexer, let connection, connection.end.value == nil else {
            stream.close(connection?.end.value ?? CarrierEnd.closed)
            return
        }
        guard opened.count < connection.settings.streams else {
            waiting.append(stream)
            return
        }
        opened.insert(ObjectIdentifier(stream))
        let core = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let promise = channel.eventLoop.makePromise(of: (any Channel).self)
        promise.futureResult.assumeIsolated().whenFailure { _ in
            stream.close(connection.end.value ?? CarrierEnd.closed)
            self.left(stream)
        }
        multiplexer.createStreamChannel(promise: promise) { channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = ExchangeHandler(core: core.value, connection: connection, stream: stream)
                try Self.prepare(channel, handler)
            }
        }
    }

    func joined(_ handler: ExchangeHandler, _ stream: ExchangeStream) {
        handlers[ObjectIdentifier(stream)] = handler
    }

    func left(_ stream: ExchangeStream) {
        let id = ObjectIdentifier(stream)
        handlers[id] = nil
        scheduler.remove(id)
        if opened.remove(id) != nil, let next = waiting.popFirst() { open(next) }
    }

    func read(_ stream: ExchangeStream) {
        handlers[ObjectIdentifier(stream)]?.read()
    }

    func widen(_ stream: ExchangeStream, by bytes: Int) {
        handlers[ObjectIdentifier(stream)]?.widen(by: bytes)
    }

    func reset(_ stream: ExchangeStream, _ code: ResetCode) {
        scheduler.remove(ObjectIdentifier(stream))
        waiting.removeAll { $0 === stream }
        handlers[ObjectIdentifier(stream)]?.reset(code)
    }

    func leave(_ stream: ExchangeStream) {
        handlers[ObjectIdentifier(stream)]?.leave()
    }

    // MARK: Writing

    /// An exchange has something to write.
    func ready(_ stream: ExchangeStream) {
        let id = ObjectIdentifier(stream)
        guard let handler = handlers[id], handler.isWritable else { return }
        scheduler.ready(id, stream.trafficClass)
        pump()
    }

    /// Lets exchanges write in the scheduler's order for as long as the connection takes it.
    func pump() {
        guard !isPumping, !scheduler.isIdle else { return }
        isPumping = true
        defer { isPumping = false }
        while channel.isWritable {
            switch scheduler.next(now: .now) {
            case .idle: return
            case .wait(let until):
                resume(at: until)
                return
            case .write(let id, let bytes):
                guard let handler = handlers[id] else { continue }
                let (written, more) = handler.write(atMost: bytes)
                scheduler.wrote(written, handler.stream.trafficClass, now: .now)
                if more, handler.isWritable { scheduler.ready(id, handler.stream.trafficClass) }
            }
        }
    }

    /// Limits media to a rate in bytes per second; nil lifts the limit.
    func pace(_ bytesPerSecond: Int?) {
        scheduler.setPace(bytesPerSecond: bytesPerSecond, now: .now)
        pump()
    }

    private func resume(at time: ContinuousClock.Instant) {
        guard paceTimer == nil else { return }
        paceTimer = channel.eventLoop.assumeIsolated().scheduleTask(
            in: TimeAmount(ContinuousClock.now.duration(to: time))
        ) {
            self.paceTimer = nil
            self.pump()
        }
    }

    // MARK: Upkeep

    /// Bytes came from the peer.
    func heard() {
        lastRead = .now()
    }

    /// An exchange ended.
    func noteUse() {
        lastUse = .now()
        if upkeep.idleTimeout != nil {
            upkeepTimer?.cancel()
            upkeepStep()
        }
    }

    private func upkeepStep() {
        guard !isShut, let connection else { return }
        let now = ContinuousClock.now
        keepalive.heard(now: now - Duration(NIODeadline.now() - lastRead))
        var next: Duration
        switch keepalive.nextStep(now: now) {
        case .silent(let quiet):
            connection.close(.silent(for: quiet))
            return
        case .ping(let wake):
            ping()
            next = now.duration(to: wake)
        case .wake(let wake):
            next = now.duration(to: wake)
        }
        if let idleTimeout = upkeep.idleTimeout, !connection.isUsed {
            let left = idleTimeout - (NIODeadline.now() - lastUse)
            if left <= .zero, connection.retire() {
                connection.close(.closed)
                return
            }
            next = min(next, max(Duration(left), .milliseconds(1)))
        }
        upkeepTimer = channel.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(next)) { self.upkeepStep() }
    }

    private func ping() {
        channel.pipeline.syncOperations.writeAndFlush(
            NIOAny(HTTP2Frame(streamID: .rootStream, payload: .ping(HTTP2PingData(withInteger: 0), ack: false))),
            promise: nil
        )
    }

    // MARK: The end

    /// Tells the peer why if that costs nothing, and closes TCP without waiting for TLS to take leave.
    func shut(_ reason: CarrierEnd) {
        guard !isShut else { return }
        isShut = true
        stopTimers()
        // What the kernel still holds for a revoked peer that does not take it must not reach it later: a close alone
        // would keep it for as long as the peer likes. A peer that reads is told why.
        if reason == .revoked, connection?.purpose == .media || !channel.isWritable {
            SocketOptions.resetAtClose(channel)
        }
        connection?.ends(reason)
        if let code = reason.goAwayCode, multiplexer != nil, channel.isActive {
            let frame = HTTP2Frame(
                streamID: .rootStream, payload: .goAway(lastStreamID: .maxID, errorCode: code, opaqueData: nil)
            )
            channel.pipeline.syncOperations.writeAndFlush(NIOAny(frame), promise: nil)
        }
        Self.closeBeneathTLS(channel)
    }

    static func closeBeneathTLS(_ channel: any Channel) {
        if let tls = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) {
            tls.close(promise: nil)
        } else if let tls = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self) {
            tls.close(promise: nil)
        } else {
            channel.close(promise: nil)
        }
    }

    /// The connection is gone, by whatever hand.
    func inactive() {
        isShut = true
        stopTimers()
        connection?.ends(.failed("The connection was cut."))
        while let stream = waiting.popFirst() { stream.close(connection?.end.value ?? .closed) }
    }

    private func stopTimers() {
        upkeepTimer?.cancel()
        paceTimer?.cancel()
        upkeepTimer = nil
        paceTimer = nil
    }
}

extension CarrierEnd {
    /// What a GOAWAY says of it; nil where there is nobody to tell.
    fileprivate var goAwayCode: HTTP2ErrorCode? {
        switch self {
        case .closed: .noError
        case .revoked: HTTP2ErrorCode(networkCode: Int(ResetCode.revoked.rawValue))
        case .failed: .internalError
        case .silent: nil
        }
    }

    /// The end that a GOAWAY with this code announces.
    init(goAway code: HTTP2ErrorCode) {
        switch code.networkCode {
        case 0: self = .closed
        case Int(ResetCode.revoked.rawValue): self = .revoked
        default: self = .failed("The peer ended the connection: \(code).")
        }
    }
}
