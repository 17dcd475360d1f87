public import Logging
public import NIOCore
import NIOHTTP1
import NIOPosix
public import NetworkTypes
import Synchronization

/// An HTTP/1.1 server on a literal address, made for a home network: it bounds what every peer can cost.
public final class HTTPServer: Sendable {
    /// What peers are allowed.
    public let limits: HTTPServerLimits

    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let stop = StopSignal()

    /// Makes a server that does nothing until `run`.
    public init(limits: HTTPServerLimits = .init(), eventLoopGroup: any EventLoopGroup, logger: Logger) {
        self.limits = limits
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
    }

    /// Listens on `endpoint` and answers until the task is cancelled or `beginGracefulShutdown` has drained it.
    ///
    /// - Parameters:
    ///   - endpoint: A literal address; port 0 takes a free one.
    ///   - onBound: Told the endpoint with its real port, before the first connection.
    ///   - security: TLS; without it requests come in clear.
    ///   - accepts: Asked about each peer before a byte is read; false closes the connection.
    ///   - handler: Answers one request. It is cancelled when its peer goes away before the answer is
    ///     finished. What it throws before responding becomes 500 (413 for a body that is too large);
    ///     afterwards it breaks the connection.
    /// - Throws: What the operating system says about binding.
    public func run(
        on endpoint: SocketEndpoint,
        security: HTTPServerSecurity? = nil,
        onBound: @escaping @Sendable (SocketEndpoint) -> Void = { _ in },
        accepts: @escaping @Sendable (SocketEndpoint) -> Bool = { _ in true },
        handler: @escaping @Sendable (HTTPServerExchange) async throws -> Void
    ) async throws {
        let tally = ConnectionTally(limits: limits)
        let shared = HTTPServerConnection.Context(
            limits: limits, logger: logger, tally: tally, security: security, handler: handler
        )
        let bootstrap = ServerBootstrap(group: eventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_rcvbuf), value: .init(ReceiveBuffers.kernel))
            // Accepted sockets have it from the listener, which saves a system call for each.
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.configure(channel, shared: shared, accepts: accepts)
                }
            }
        let listener = try await bootstrap.bind(to: endpoint.httpSocketAddress()).get()
        guard let bound = listener.localAddress.flatMap(SocketEndpoint.init(httpSocketAddress:)) else {
            try await listener.close()
            throw HTTPTransportError(.misuse, "the listener has no address")
        }
        onBound(bound)
        await withTaskCancellationHandler {
            stop.add(listener)
            try? await listener.closeFuture.get()
        } onCancel: {
            listener.close(promise: nil)
        }
        let open = tally.drain()
        for channel in open { Self.drain(channel, graceful: !Task.isCancelled) }
        await withTaskCancellationHandler {
            await tally.drained()
        } onCancel: {
            for channel in open { channel.close(promise: nil) }
        }
        try Task.checkCancellation()
    }

    /// Accepts nothing more, closes idle connections, lets running exchanges finish; then `run` returns.
    public func beginGracefulShutdown() { stop.stop() }

    private static func configure(
        _ channel: any Channel,
        shared: HTTPServerConnection.Context,
        accepts: @Sendable (SocketEndpoint) -> Bool
    ) throws {
        guard let peer = channel.remoteAddress.flatMap(SocketEndpoint.init(httpSocketAddress:)),
            let local = channel.localAddress.flatMap(SocketEndpoint.init(httpSocketAddress:)),
            accepts(peer), shared.tally.admit(channel, from: peer.address)
        else { throw HTTPTransportError(.shutDown, "the peer is not served") }
        channel.closeFuture.whenComplete { _ in shared.tally.closed(channel, from: peer.address) }
        // Here and not in the bootstrap, which makes a future for each.
        if let options = channel.syncOptions {
            try options.setOption(.autoRead, value: false)
            try options.setOption(.maxMessagesPerRead, value: 1)
            try options.setOption(.recvAllocator, value: ReceiveBuffers.allocator)
            try options.setOption(.allowRemoteHalfClosure, value: shared.limits.toleratesHalfClose)
        }
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldCount = shared.limits.headerFields
        limits.maxHeaderFieldSize = shared.limits.headerFieldBytes
        limits.maxHeaderListSize = shared.limits.headerBytes
        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
        let pipeline = channel.pipeline.syncOperations
        try shared.security?.prepare(channel)
        try pipeline.addHandler(
            ByteToMessageHandler(decoder, maximumBufferSize: shared.limits.headerBytes + ReceiveBuffers.maximum)
        )
        try pipeline.addHandler(HTTPServerConnection(shared: shared, peer: peer, local: local))
    }

    private static func drain(_ channel: any Channel, graceful: Bool) {
        guard graceful else { return channel.close(promise: nil) }
        channel.eventLoop.execute {
            try? channel.pipeline.syncOperations.handler(type: HTTPServerConnection.self).beginDrain()
        }
    }
}

/// Remembers listeners, and that the server was told to stop.
private final class StopSignal: Sendable {
    private let state = Mutex((stopped: false, listeners: [any Channel]()))

    func add(_ listener: any Channel) {
        let stopped = state.withLock { state in
            state.listeners.append(listener)
            return state.stopped
        }
        if stopped { listener.close(promise: nil) }
    }

    func stop() {
        let listeners = state.withLock { state in
            state.stopped = true
            defer { state.listeners = [] }
            return state.listeners
        }
        for listener in listeners { listener.close(promise: nil) }
    }
}

/// How sockets of the media path are read: large buffers for a stream, small ones for a SOAP call.
enum ReceiveBuffers {
    static let maximum = 256 * 1024
    /// The kernel's share. NIO reads all of it when the peer ends its side, whether or not anybody has room
    /// for it, so this bounds a stream's memory; at 10 ms of round trip it still allows 50 MB/s.
    static let kernel = 512 * 1024
    static var allocator: AdaptiveRecvByteBufferAllocator { .init(minimum: 1024, initial: 4096, maximum: maximum) }
}
