import HTTPTypes
import Logging
import NIOCore
import NIOPosix
import NetworkTypes
import Synchronization
import Testing

@testable import NIOUPnP

enum HTTPTestSupport {
    static let loopback = SocketEndpoint(.v4(.loopback), port: 0)
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    static let group = MultiThreadedEventLoopGroup.singleton
}

/// Runs a server on loopback while `body` runs, then cancels it.
func withHTTPServer<Result: Sendable>(
    limits: HTTPServerLimits = .init(),
    accepts: @escaping @Sendable (SocketEndpoint) -> Bool = { _ in true },
    handler: @escaping @Sendable (HTTPServerExchange) async throws -> Void,
    _ body: (SocketEndpoint, HTTPServer) async throws -> Result
) async throws -> Result {
    let server = HTTPServer(limits: limits, eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger)
    let bound = Event<SocketEndpoint>()
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            do {
                try await server.run(
                    on: HTTPTestSupport.loopback, onBound: { bound.set($0) }, accepts: accepts, handler: handler
                )
            } catch is CancellationError {}
        }
        let result = try await body(await bound.value, server)
        group.cancelAll()
        try await group.waitForAll()
        return result
    }
}

/// A value that somebody sets once and others wait for.
final class Event<Value: Sendable>: Sendable {
    private let state = Mutex((value: Value?.none, waiters: [CheckedContinuation<Value, Never>]()))

    func set(_ value: Value) {
        let waiters = state.withLock { state in
            guard state.value == nil else { return [CheckedContinuation<Value, Never>]() }
            state.value = value
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }

    var isSet: Bool { state.withLock { $0.value != nil } }

    var value: Value {
        get async {
            await withCheckedContinuation { continuation in
                let value = state.withLock { state in
                    if state.value == nil { state.waiters.append(continuation) }
                    return state.value
                }
                if let value { continuation.resume(returning: value) }
            }
        }
    }
}

extension Event where Value == Void {
    func set() { set(()) }
}

/// A peer that writes and reads bytes, with no opinion about HTTP. It reads from its socket only when asked.
struct RawPeer: Sendable {
    let channel: any Channel
    fileprivate let inbox: Inbox

    /// Collects what one channel receives.
    final class Inbox: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let stream = AsyncStream<ByteBuffer>.makeStream()
        private let pending = Mutex("")
        private let activated: @Sendable (RawPeer) -> Void

        init(activated: @escaping @Sendable (RawPeer) -> Void = { _ in }) { self.activated = activated }

        func channelActive(context: ChannelHandlerContext) {
            activated(RawPeer(channel: context.channel, inbox: self))
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            stream.continuation.yield(unwrapInboundIn(data))
        }

        func channelInactive(context: ChannelHandlerContext) { stream.continuation.finish() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func next(_ channel: any Channel) async -> ByteBuffer? {
            channel.read()
            var iterator = stream.stream.makeAsyncIterator()
            return await iterator.next()
        }

        func take(through marker: String?) -> String? {
            pending.withLock { pending in
                let end = marker.map { pending.range(of: $0)?.upperBound } ?? pending.endIndex
                guard let end else { return nil }
                defer { pending.removeSubrange(..<end) }
                return String(pending[..<end])
            }
        }

        func keep(_ chunk: ByteBuffer) { pending.withLock { $0 += String(buffer: chunk) } }
    }

    func send(_ text: String) async throws { try await send(ByteBuffer(string: text)) }

    func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes).get() }

    /// Sends without complaint when the peer has closed.
    func trySend(_ text: String) async { try? await send(text) }

    /// Everything up to and with `marker`, or up to the end.
    func read(through marker: String) async -> String {
        while true {
            if let text = inbox.take(through: marker) { return text }
            guard let chunk = await inbox.next(channel) else { return inbox.take(through: nil) ?? "" }
            inbox.keep(chunk)
        }
    }

    /// Everything up to the end; a reset counts as the end.
    func readToEnd() async -> String {
        while let chunk = await inbox.next(channel) { inbox.keep(chunk) }
        return inbox.take(through: nil) ?? ""
    }

    /// The size of what one read gives; nil at the end.
    func readSome() async -> Int? { await inbox.next(channel)?.readableBytes }

    /// Says that nothing more will be sent.
    func shutDownSending() async throws { try await channel.close(mode: .output) }

    /// Closes without ceremony.
    func reset() async throws {
        let options = try #require(channel as? any SocketOptionProvider)
        try await options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await channel.close()
    }

    static func connect<Result: Sendable>(
        to endpoint: SocketEndpoint, _ body: (RawPeer) async throws -> Result
    ) async throws -> Result {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: HTTPTestSupport.group)
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(inbox) }
            }
            .connect(to: try endpoint.httpSocketAddress()).get()
        defer { channel.close(promise: nil) }
        return try await body(RawPeer(channel: channel, inbox: inbox))
    }
}

extension String {
    /// Where `text` first occurs.
    func range(of text: String) -> Range<String.Index>? {
        guard !text.isEmpty else { return nil }
        var start = utf8.startIndex
        let pattern = Array(text.utf8)
        while start < utf8.endIndex {
            if utf8[start...].starts(with: pattern) {
                return start..<utf8.index(start, offsetBy: pattern.count)
            }
            start = utf8.index(after: start)
        }
        return nil
    }

    func has(_ text: String) -> Bool { range(of: text) != nil }
}

/// A server made of a script: what a hostile or odd device does with each connection.
func withRawServer<Result: Sendable>(
    _ script: @escaping @Sendable (RawPeer, Int) async throws -> Void,
    _ body: (SocketEndpoint) async throws -> Result
) async throws -> Result {
    let accepted = AsyncStream<RawPeer>.makeStream()
    let listener = try await ServerBootstrap(group: HTTPTestSupport.group)
        .childChannelOption(.autoRead, value: false)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let inbox = RawPeer.Inbox { accepted.continuation.yield($0) }
                try channel.pipeline.syncOperations.addHandler(inbox)
            }
        }
        .bind(to: HTTPTestSupport.loopback.httpSocketAddress()).get()
    let endpoint = try #require(listener.localAddress.flatMap(SocketEndpoint.init(httpSocketAddress:)))
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            await withDiscardingTaskGroup { peers in
                var count = 0
                for await peer in accepted.stream {
                    let number = count
                    count += 1
                    peers.addTask {
                        try? await script(peer, number)
                        peer.channel.close(promise: nil)
                    }
                }
                peers.cancelAll()
            }
        }
        let result = try await body(endpoint)
        try? await listener.close()
        accepted.continuation.finish()
        group.cancelAll()
        return result
    }
}

extension HTTPRequest {
    static func get(_ path: String, at endpoint: SocketEndpoint, _ fields: HTTPFields = [:]) -> HTTPRequest {
        HTTPRequest(method: .get, scheme: "http", authority: "\(endpoint)", path: path, headerFields: fields)
    }

    static func post(_ path: String, at endpoint: SocketEndpoint, _ fields: HTTPFields = [:]) -> HTTPRequest {
        HTTPRequest(method: .post, scheme: "http", authority: "\(endpoint)", path: path, headerFields: fields)
    }
}
