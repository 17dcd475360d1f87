import NIOCore
import NIOPosix
import NetworkTypes
import Synchronization

/// Forwards TCP until it is told to keep everything to itself: a path that goes silent without an end.
enum FrozenProxy {
    typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    static func run(
        to target: SocketEndpoint,
        _ body: @escaping @Sendable (SocketEndpoint, _ freeze: @escaping @Sendable () -> Void) async throws -> Void
    ) async throws {
        let server = try await ServerBootstrap(group: TestTunnel.group).bind(host: "127.0.0.1", port: 0) { channel in
            channel.eventLoop.makeCompletedFuture { try Bytes(wrappingChannelSynchronously: channel) }
        }
        guard let port = server.channel.localAddress?.port else { return }
        let frozen = Flag()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await server.executeThenClose { clients in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for try await client in clients {
                            group.addTask { try? await forward(client, to: target, frozen) }
                        }
                    }
                }
            }
            try await body(SocketEndpoint(.v4(.loopback), port: UInt16(port))) { frozen.set() }
            group.cancelAll()
        }
    }

    final class Flag: Sendable {
        private let value = Mutex(false)
        func set() { value.withLock { $0 = true } }
        var isSet: Bool { value.withLock { $0 } }
    }

    private static func forward(_ client: Bytes, to target: SocketEndpoint, _ frozen: Flag) async throws {
        let upstream = try await ClientBootstrap(group: TestTunnel.group)
            .connect(host: "\(target.address)", port: Int(target.port)) { channel in
                channel.eventLoop.makeCompletedFuture { try Bytes(wrappingChannelSynchronously: channel) }
            }
        try await client.executeThenClose { fromClient, toClient in
            try await upstream.executeThenClose { fromServer, toServer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await chunk in fromClient where !frozen.isSet { try await toServer.write(chunk) }
                    }
                    group.addTask {
                        for try await chunk in fromServer where !frozen.isSet { try await toClient.write(chunk) }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }
}
