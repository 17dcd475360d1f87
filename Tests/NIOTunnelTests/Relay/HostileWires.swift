import Glibc
import NIOCore
import NIOPosix
import NIOTunnel
import NetworkTypes
import RelayProtocol
import Synchronization
import TestKit
import Tunnel

/// What a wire can do to bytes.
enum Mischief: String, Sendable, CaseIterable {
    case flip
    case drop
    case double
    case swap
}

/// Forwards TCP, and from a moment on does something to what comes from the client.
final class MischievousWire: Sendable {
    private typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private let mischief: Mischief
    private let target: SocketEndpoint
    private let isActive = Mutex(false)

    init(_ mischief: Mischief, to target: SocketEndpoint) {
        self.mischief = mischief
        self.target = target
    }

    func begin() { isActive.withLock { $0 = true } }
    func end() { isActive.withLock { $0 = false } }

    func run(_ body: @escaping @Sendable (SocketEndpoint) async throws -> Void) async throws {
        let server = try await ServerBootstrap(group: TestTunnel.group).bind(host: "127.0.0.1", port: 0) { channel in
            channel.eventLoop.makeCompletedFuture { try Bytes(wrappingChannelSynchronously: channel) }
        }
        guard let port = server.channel.localAddress?.port else { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await server.executeThenClose { clients in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for try await client in clients { group.addTask { try? await self.forward(client) } }
                    }
                }
            }
            try await body(SocketEndpoint(.v4(.loopback), port: UInt16(port)))
            group.cancelAll()
        }
    }

    private func forward(_ client: Bytes) async throws {
        let upstream = try await ClientBootstrap(group: TestTunnel.group)
            .connect(host: "\(target.address)", port: Int(target.port)) { channel in
                channel.eventLoop.makeCompletedFuture { try Bytes(wrappingChannelSynchronously: channel) }
            }
        try await client.executeThenClose { fromClient, toClient in
            try await upstream.executeThenClose { fromServer, toServer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await chunk in fromClient {
                            for piece in self.alter(chunk) { try await toServer.write(piece) }
                        }
                    }
                    group.addTask { for try await chunk in fromServer { try await toClient.write(chunk) } }
                    // Whichever direction ends, the connection does.
                    try await group.next()
                    group.cancelAll()
                }
            }
        }
    }

    private func alter(_ chunk: ByteBuffer) -> [ByteBuffer] {
        guard isActive.withLock({ $0 }) else { return [chunk] }
        var bytes = Array(chunk.readableBytesView)
        switch mischief {
        case .flip: bytes[bytes.count - 1] ^= 1
        case .drop: bytes.removeFirst(min(bytes.count, 7))
        case .double: bytes += bytes
        case .swap: bytes = Array(bytes[(bytes.count / 2)...] + bytes[..<(bytes.count / 2)])
        }
        return [ByteBuffer(bytes: bytes)]
    }
}

/// Answers every connection with a PROXY header, from whatever source it is told, and then says nothing.
final class FalseRelay: Sendable {
    let endpoint: SocketEndpoint
    private let source: Mutex<SocketEndpoint?>

    private init(_ endpoint: SocketEndpoint, _ source: Mutex<SocketEndpoint?>.Type) {
        self.endpoint = endpoint
        self.source = Mutex(nil)
    }

    func tell(_ source: SocketEndpoint) { self.source.withLock { $0 = source } }

    static func run(_ body: @escaping @Sendable (FalseRelay) async throws -> Void) async throws {
        let told = Shared<FalseRelay?>(nil)
        let server = try await ServerBootstrap(group: TestTunnel.group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let relay = told.value else { return }
                    let source = relay.source.withLock { $0 }
                    let header = ProxyHeader(source: source, destination: relay.endpoint).encoded
                    channel.eventLoop.execute { channel.writeAndFlush(header, promise: nil) }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let port = server.localAddress?.port else { return }
        let relay = FalseRelay(SocketEndpoint(.v4(.loopback), port: UInt16(port)), Mutex<SocketEndpoint?>.self)
        told.value = relay
        do {
            try await body(relay)
        } catch {
            try await server.close()
            throw error
        }
        try await server.close()
    }
}

extension OpenSSLClient {
    /// Registers with a hand-made request; answers the bytes that the relay said, in TLS.
    func register(_ request: RegistrationRequest, port: UInt16, _ more: [String]) async throws -> [UInt8] {
        let script = "printf '\(request.bytes.map { "\\" + String($0, radix: 8) }.joined())'; exec sleep 3"
        let command =
            "(\(script)) | timeout 20 openssl s_client -quiet -connect 127.0.0.1:\(port) -alpn latchkey-register/1 "
            + "-cert \(directory)/cert.pem -key \(directory)/key.pem \(more.joined(separator: " ")) 2>/dev/null"
        return try await NIOThreadPool.singleton.runIfActive {
            guard let pipe = popen("bash -c \"\(command.replacing("\\", with: "\\\\"))\"", "r") else { throw Failure() }
            defer { pclose(pipe) }
            var bytes: [UInt8] = []
            while case let byte = fgetc(pipe), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
            return bytes
        }
    }
}
