import Glibc
package import Logging
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// How much the control socket takes.
package struct ControlSocketLimits: Hashable, Sendable {
    /// How many commands are served at a time; a further one is told to come back.
    package var clients = 16
    /// How long one command may hold its connection.
    package var connectionTime: Duration = .seconds(30)

    package init() {}
}

/// The Unix-domain socket on which a running program answers commands (mode 0600).
package struct ControlSocketServer: Service {
    private let path: SocketPath
    private let handler: any ControlRequestHandler
    private let limits: ControlSocketLimits
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let onBound: @Sendable () -> Void
    private let connections = Connections()

    private final class Connections: Sendable {
        let count = Mutex(0)
    }

    /// The caller holds the state folder's `InstanceLock`; `onBound` is called when commands are answered.
    package init(
        path: SocketPath,
        handler: any ControlRequestHandler,
        limits: ControlSocketLimits = .init(),
        eventLoopGroup: any EventLoopGroup,
        logger: Logger,
        onBound: @escaping @Sendable () -> Void = {}
    ) {
        self.path = path
        self.handler = handler
        self.limits = limits
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        self.onBound = onBound
    }

    /// Serves until graceful shutdown or cancellation, and removes the socket then.
    package func run() async throws {
        try path.removeStale()
        let channel = try await ServerBootstrap(group: eventLoopGroup)
            .serverChannelOption(.backlog, value: 16)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .bind(unixDomainSocketPath: path.description) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        defer { unlink(path.description) }
        guard chmod(path.description, 0o600) == 0 else {
            throw ProgramError.failure("the control socket \(path) cannot be closed to other users")
        }
        onBound()
        await cancelWhenGracefulShutdown {
            try? await channel.executeThenClose { inbound in
                await withDiscardingTaskGroup { group in
                    do {
                        for try await connection in inbound {
                            group.addTask { await accept(connection) }
                        }
                    } catch {
                        logger.debug("the control socket ended", metadata: ["error": "\(error)"])
                    }
                    group.cancelAll()
                }
            }
        }
    }

    private func accept(_ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async {
        let isAdmitted = connections.count.withLock { count in
            guard count < limits.clients else { return false }
            count += 1
            return true
        }
        defer { if isAdmitted { connections.count.withLock { $0 -= 1 } } }
        do {
            let time = isAdmitted ? limits.connectionTime : min(limits.connectionTime, .seconds(2))
            let isInTime: Void? = try await withTimeLimit(time) {
                try await connection.executeThenClose { inbound, outbound in
                    if isAdmitted {
                        try await serve(inbound, outbound)
                    } else {
                        // Closed over an unread request, the connection would be reset, and the sentence lost.
                        for try await _ in inbound { break }
                        try await answer(.error("the program is answering too many commands; try again"), outbound)
                    }
                }
            }
            if isInTime == nil { logger.debug("a command held the control socket for too long") }
        } catch {
            logger.debug("a control connection failed", metadata: ["error": "\(error)"])
        }
    }

    private func serve(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        var buffer = LineBuffer(limit: ControlCodec.longestRequest)
        for try await chunk in inbound {
            switch buffer.append(chunk) {
            case .lines(let lines):
                for line in lines { try await answer(await reply(to: line), outbound) }
            case .tooLong:
                return try await answer(
                    .error("the request is longer than \(ControlCodec.longestRequest) bytes"), outbound
                )
            }
        }
    }

    private func reply(to line: [UInt8]) async -> ControlAnswer {
        do {
            return .result(try await handler.handle(ControlCodec.request(line)))
        } catch is CancellationError {
            return .error("the program is stopping")
        } catch {
            return .error("\(error)")
        }
    }

    private func answer(
        _ answer: ControlAnswer, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        try await outbound.write(ByteBuffer(bytes: ControlCodec.line(answer)))
    }
}
