public import NIOCore
import NIOPosix
public import NetworkTypes
import Synchronization

/// TCP connections whose bytes are somebody else's affair: TLS of others that is only carried.
public enum ByteStreams {
    /// The bytes that arrive, pulled: not reading holds the peer back.
    public typealias Inbound = NIOAsyncChannelInboundStream<ByteBuffer>
    /// Where bytes go.
    public typealias Outbound = NIOAsyncChannelOutboundWriter<ByteBuffer>

    private static let readBytes = 64 * 1024

    /// Connects, runs `body`, and closes.
    ///
    /// - Parameters:
    ///   - endpoint: A literal address.
    ///   - localAddress: The own address to connect from.
    /// - Throws: `HTTPTransportError` when there is no connection within `time`; what `body` throws.
    public static func withConnection<Result: Sendable>(
        to endpoint: SocketEndpoint, from localAddress: IPAddress? = nil, within time: Duration = .seconds(5),
        eventLoopGroup: any EventLoopGroup, _ body: (Inbound, Outbound) async throws -> Result
    ) async throws -> Result {
        let connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>
        do {
            var bootstrap = ClientBootstrap(group: eventLoopGroup).connectTimeout(TimeAmount(time))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: readBytes))
            if let localAddress {
                bootstrap = bootstrap.bind(
                    to: try SocketEndpoint(localAddress, port: 0, zone: endpoint.zone).httpSocketAddress())
            }
            connection = try await bootstrap.connect(to: try endpoint.httpSocketAddress()) { channel in
                channel.eventLoop.makeCompletedFuture { try wrap(channel) }
            }
        } catch {
            try Task.checkCancellation()
            throw HTTPTransportError(.connectFailed, "cannot connect to \(endpoint): \(error)")
        }
        return try await connection.executeThenClose { try await body($0, $1) }
    }

    /// Listens until the task is cancelled, and runs `handler` for each connection.
    ///
    /// - Parameters:
    ///   - endpoint: A literal address; port 0 takes a free one.
    ///   - limit: Connections at one time; further ones are closed unread.
    ///   - onBound: Told the endpoint with its real port.
    ///   - accepts: Asked about each peer before a byte is read.
    ///   - handler: Works on one connection, which is closed when it returns or throws.
    public static func listen(
        on endpoint: SocketEndpoint, limit: Int, eventLoopGroup: any EventLoopGroup,
        onBound: @Sendable (SocketEndpoint) -> Void, accepts: @escaping @Sendable (SocketEndpoint) -> Bool,
        handler: @escaping @Sendable (SocketEndpoint, Inbound, Outbound) async throws -> Void
    ) async throws {
        let listener = try await ServerBootstrap(group: eventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: readBytes))
            .bind(to: try endpoint.httpSocketAddress()) { channel in
                channel.eventLoop.makeCompletedFuture { try wrap(channel) }
            }
        if let bound = listener.channel.localAddress.flatMap(SocketEndpoint.init(httpSocketAddress:)) { onBound(bound) }
        let count = Count()
        try await withThrowingDiscardingTaskGroup { group in
            try await listener.executeThenClose { connections in
                for try await connection in connections {
                    let peer = connection.channel.remoteAddress.flatMap(SocketEndpoint.init(httpSocketAddress:))
                    let isAdmitted = count.open.withLock { open in
                        guard let peer, accepts(peer), open < limit else { return false }
                        open += 1
                        return true
                    }
                    group.addTask {
                        // What goes wrong with one connection is its own affair.
                        try? await connection.executeThenClose { inbound, outbound in
                            if isAdmitted, let peer { try await handler(peer, inbound, outbound) }
                        }
                        if isAdmitted { count.open.withLock { $0 -= 1 } }
                    }
                }
            }
        }
    }

    private final class Count: Sendable {
        let open = Mutex(0)
    }

    private static func wrap(_ channel: any Channel) throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        try NIOAsyncChannel(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }
}
