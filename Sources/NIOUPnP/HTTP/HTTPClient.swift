public import HTTPTypes
public import Logging
public import NIOCore
import NIOHTTP1
import NIOPosix
public import NetworkTypes

/// An HTTP/1.1 client that connects to literal endpoints only: it resolves no name and follows no redirect.
public final class HTTPClient: Sendable {
    private let eventLoopGroup: any EventLoopGroup
    private let eventLoops: Set<ObjectIdentifier>
    private let logger: Logger
    private let pool = HTTPClientPool()

    /// Makes a client; it opens connections on demand and keeps few of them.
    public init(eventLoopGroup: any EventLoopGroup, logger: Logger) {
        self.eventLoopGroup = eventLoopGroup
        self.eventLoops = Set(eventLoopGroup.makeIterator().map { ObjectIdentifier($0) })
        self.logger = logger
    }

    /// Sends a request and runs `use` with its answer.
    ///
    /// `Host` is the request's `authority`; connection and framing fields are the client's own affair.
    /// A body that `use` leaves unread costs that connection. A kept connection that turns out dead is
    /// replaced once, if the peer cannot have acted on the request.
    /// - Parameters:
    ///   - body: The request's body, sent with a `Content-Length`.
    ///   - endpoint: Where to connect.
    ///   - localAddress: The own address to connect from.
    ///   - security: TLS; without it the request goes out in clear.
    /// - Throws: `HTTPTransportError`, `CancellationError`, and what `use` throws.
    public func withResponse<Result: Sendable>(
        _ request: HTTPRequest,
        body: ByteBuffer? = nil,
        to endpoint: SocketEndpoint,
        from localAddress: IPAddress? = nil,
        limits: HTTPClientLimits = .init(),
        security: HTTPClientSecurity? = nil,
        _ use: (HTTPResponse, HTTPBody) async throws -> Result
    ) async throws -> Result {
        let call = Call(
            head: HTTPHeadCodec.head(request, framing: Self.framing(request, body)), body: body, upload: nil,
            key: .init(endpoint: endpoint, localAddress: localAddress, security: security), limits: limits
        )
        let answer = try await send(call)
        return try await read(answer, use)
    }

    /// Sends a request whose body is pulled from `upload` (chunked, unless the request has a
    /// `Content-Length`) while the answer is awaited, and runs `use` with the answer.
    public func withResponse<Result: Sendable>(
        _ request: HTTPRequest,
        upload: HTTPBody,
        to endpoint: SocketEndpoint,
        from localAddress: IPAddress? = nil,
        limits: HTTPClientLimits = .init(),
        _ use: (HTTPResponse, HTTPBody) async throws -> Result
    ) async throws -> Result {
        let framing: HTTPHeadCodec.Framing =
            request.headerFields[.contentLength] == nil ? .chunked : .asDeclared
        let call = Call(
            head: HTTPHeadCodec.head(request, framing: framing), body: nil, upload: upload,
            key: .init(endpoint: endpoint, localAddress: localAddress), limits: limits
        )
        return try await withThrowingTaskGroup(of: Void.self) { group in
            let answer = try await send(call) { connection, outflow in
                group.addTask { await Self.upload(upload, over: connection, outflow: outflow) }
            }
            defer { group.cancelAll() }
            return try await read(answer, use)
        }
    }

    /// Closes every kept connection and refuses further requests.
    public func shutDown() { pool.shutDown() }

    // MARK: One exchange

    fileprivate struct Call {
        let head: HTTPRequestHead
        let body: ByteBuffer?
        let upload: HTTPBody?
        let key: HTTPClientPool.Key
        let limits: HTTPClientLimits
    }

    private struct Answer {
        let response: HTTPResponse
        let inflow: BodyInflow
        let outflow: Outflow
        let connection: PooledConnection
    }

    private static func framing(_ request: HTTPRequest, _ body: ByteBuffer?) -> HTTPHeadCodec.Framing {
        if let body { return .length(body.readableBytes) }
        // Servers that are strict about POST want a length also where there is no body (RFC 9110 §8.6).
        return request.method == .post || request.method == .put ? .length(0) : .none
    }

    private func read<Result>(
        _ answer: Answer, _ use: (HTTPResponse, HTTPBody) async throws -> Result
    ) async throws -> Result {
        let inflow = answer.inflow
        defer {
            if !inflow.isComplete {
                answer.connection.eventLoop.hop {
                    answer.connection.handler.value.abandon(answer.outflow, "the answer was not read to its end")
                }
            }
        }
        return try await use(answer.response, HTTPBody { try await inflow.next() })
    }

    private func send(
        _ call: Call, started: (PooledConnection, Outflow) -> Void = { _, _ in }
    ) async throws -> Answer {
        let deadline = call.limits.totalTime.map { NIODeadline.now() + TimeAmount($0) }
        let eventLoop = preferredEventLoop()
        // What may not be sent twice does not go over a kept connection, unless the peer is known to keep them:
        // many devices close theirs after the answer without saying so, and then nobody could tell whether the
        // action was carried out.
        if call.upload == nil, call.isIdempotent || call.limits.reusesForActions || call.limits.staysOnConnection,
            let kept = pool.take(
                call.key, on: eventLoop, certain: !call.isIdempotent && !call.limits.staysOnConnection)
        {
            do {
                let answer = try await send(call, on: kept, deadline: deadline, started: started)
                pool.wasAnswered(call.key)
                return answer
            } catch let error as HTTPTransportError where error.code == .connectionClosed {
                pool.wasClosed(call.key)
                throw error
            } catch let error as StaleConnection {
                pool.wasClosed(call.key)
                logger.trace("a kept connection was dead", metadata: ["error": "\(error)"])
            }
        }
        guard !pool.isShutDown else { throw HTTPTransportError(.shutDown, "the client was shut down") }
        let connection = try await connect(call.key, limits: call.limits, on: eventLoop)
        do {
            return try await send(call, on: connection, deadline: deadline, started: started)
        } catch is StaleConnection {
            throw HTTPTransportError(.connectionClosed, "the peer closed the connection at once")
        }
    }

    /// The peer closed a kept connection, and cannot have acted on the request.
    private struct StaleConnection: Error {}

    private func send(
        _ call: Call, on connection: PooledConnection, deadline: NIODeadline?,
        started: (PooledConnection, Outflow) -> Void
    ) async throws -> Answer {
        let inflow = BodyInflow(capacity: call.limits.bufferedBytes, limit: nil) {
            connection.eventLoop.hop { connection.handler.value.bodyWanted() }
        }
        let outflow = Outflow(capacity: call.limits.bufferedBytes)
        let response = connection.eventLoop.makePromise(of: HTTPResponse.self)
        let start = HTTPClientConnection.Start(
            head: call.head, body: call.body, uploads: call.upload != nil, limits: call.limits,
            inflow: inflow, outflow: outflow, response: response, deadline: deadline
        )
        connection.eventLoop.hop {
            if !connection.handler.value.send(start) { response.fail(StaleConnection()) }
        }
        started(connection, outflow)
        do {
            let head = try await withTaskCancellationHandler {
                try await response.futureResult.get()
            } onCancel: {
                connection.eventLoop.hop { connection.handler.value.close() }
            }
            return Answer(response: head, inflow: inflow, outflow: outflow, connection: connection)
        } catch {
            connection.eventLoop.hop { connection.handler.value.close() }
            try Task.checkCancellation()
            if error is StaleConnection { throw error }
            if let error = error as? HTTPTransportError, error.code == .connectionClosed, call.isIdempotent,
                try await connection.eventLoop.submit({ !connection.handler.value.hasAnswer }).get()
            {
                throw StaleConnection()
            }
            throw error
        }
    }

    private static func upload(_ body: HTTPBody, over connection: PooledConnection, outflow: Outflow) async {
        do {
            for try await chunk in body {
                try outflow.submitted(chunk.readableBytes)
                connection.eventLoop.hop { connection.handler.value.write(chunk, outflow: outflow) }
                try await outflow.room()
            }
            connection.eventLoop.hop { connection.handler.value.endRequest(outflow: outflow) }
        } catch {
            // The message cannot be completed, and only closing tells the peer so.
            connection.eventLoop.hop {
                connection.handler.value.abandon(outflow, "the request's body broke off: \(error)")
            }
        }
    }

    // MARK: Connections

    /// The loop that this task runs on, if it is one of ours: then nothing changes threads.
    private func preferredEventLoop() -> any EventLoop {
        if let current = MultiThreadedEventLoopGroup.currentEventLoop,
            eventLoops.contains(ObjectIdentifier(current))
        {
            return current
        }
        return eventLoopGroup.next()
    }

    private func connect(
        _ key: HTTPClientPool.Key, limits: HTTPClientLimits, on eventLoop: any EventLoop
    ) async throws -> PooledConnection {
        let pool = pool
        var bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(limits.connectTime))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_rcvbuf), value: .init(ReceiveBuffers.kernel))
            .channelOption(.autoRead, value: false)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: ReceiveBuffers.allocator)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.configure(channel, limits: limits, pool: pool, key: key)
                }
            }
        do {
            if let localAddress = key.localAddress {
                bootstrap = bootstrap.bind(
                    to: try SocketEndpoint(localAddress, port: 0, zone: key.endpoint.zone).httpSocketAddress())
            }
            let connecting = bootstrap.connect(to: try key.endpoint.httpSocketAddress())
            let channel = try await connecting.get()
            let handler = try await channel.eventLoop.submit {
                NIOLoopBound(
                    try channel.pipeline.syncOperations.handler(type: HTTPClientConnection.self),
                    eventLoop: channel.eventLoop
                )
            }.get()
            return PooledConnection(handler: handler, channel: channel, identity: ObjectIdentifier(channel))
        } catch {
            try Task.checkCancellation()
            throw HTTPTransportError(.connectFailed, "cannot connect to \(key.endpoint): \(error)")
        }
    }

    private static func configure(
        _ channel: any Channel, limits: HTTPClientLimits, pool: HTTPClientPool, key: HTTPClientPool.Key
    ) throws {
        let identity = ObjectIdentifier(channel)
        var decoderLimits = NIOHTTPDecoderLimitConfiguration()
        decoderLimits.maxHeaderFieldCount = limits.headerFields
        decoderLimits.maxHeaderFieldSize = limits.headerFieldBytes
        decoderLimits.maxHeaderListSize = limits.headerBytes
        var encoding = HTTPRequestEncoder.Configuration()
        encoding.automaticallySetFramingHeaders = false
        let decoder = HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoderLimits)
        let pipeline = channel.pipeline.syncOperations
        try key.security?.prepare(channel)
        try pipeline.addHandler(HTTPRequestEncoder(configuration: encoding))
        try pipeline.addHandler(
            ByteToMessageHandler(decoder, maximumBufferSize: limits.headerBytes + ReceiveBuffers.maximum)
        )
        let handler = HTTPClientConnection { [unowned channel] handler in
            let bound = NIOLoopBound(handler, eventLoop: channel.eventLoop)
            return pool.put(PooledConnection(handler: bound, channel: channel, identity: identity), key)
        } closed: {
            pool.remove(identity, key)
        }
        try pipeline.addHandler(handler)
    }
}

extension HTTPClient.Call {
    /// Whether sending the request twice has the effect of sending it once (RFC 9110 §9.2.2).
    fileprivate var isIdempotent: Bool {
        switch head.method {
        case .GET, .HEAD, .OPTIONS, .PUT, .DELETE, .UNSUBSCRIBE: true
        default: false
        }
    }
}
