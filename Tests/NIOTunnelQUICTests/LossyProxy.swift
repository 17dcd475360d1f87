import NIOCore
import NIOPosix
import NetworkTypes
import Synchronization
import Tunnel

/// A NAT with a bad line: passes datagrams between clients and a listener, and loses, doubles and delays some of them, as
/// a seed says.
final class LossyProxy: Sendable {
    struct Conditions: Sendable {
        /// Of a thousand datagrams, so many are lost, come twice, or come after those that follow them.
        var lost = 0
        var doubled = 0
        var late = 0
    }

    private struct State {
        var conditions: Conditions
        var random: SeededGenerator
        var client: SocketAddress?
        var back: (any Channel)?
        var held: [(ByteBuffer, Bool)] = []
        var isCut = false
        var passed = 0
    }

    private let state: Mutex<State>
    private let listener: SocketAddress
    private let front: any Channel
    /// Where clients are to dial.
    let endpoint: SocketEndpoint

    /// Runs `body` with a proxy in front of a listener.
    static func run<Result: Sendable>(
        to listener: SocketEndpoint, _ conditions: Conditions = .init(), seed: UInt64 = 1,
        _ body: (LossyProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = try await LossyProxy(listener, conditions, seed: seed)
        try await proxy.rebind()
        defer { proxy.close() }
        return try await body(proxy)
    }

    private init(_ listener: SocketEndpoint, _ conditions: Conditions, seed: UInt64) async throws {
        self.listener = try SocketAddress(ipAddress: "\(listener.address)", port: Int(listener.port))
        self.state = Mutex(State(conditions: conditions, random: SeededGenerator(seed: seed)))
        let relay = Relay()
        self.front = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { $0.pipeline.addHandler(relay) }
            .bind(host: "127.0.0.1", port: 0).get()
        self.endpoint = SocketEndpoint(.v4(.loopback), port: UInt16(front.localAddress?.port ?? 0))
        relay.receive.withLock { $0 = { [weak self] envelope in self?.received(envelope, fromClient: true) } }
    }

    /// The listener sees the client at another port from here on, as after a NAT has forgotten it.
    func rebind() async throws {
        let relay = Relay()
        relay.receive.withLock { $0 = { [weak self] envelope in self?.received(envelope, fromClient: false) } }
        let back = try await DatagramBootstrap(group: front.eventLoop)
            .channelInitializer { $0.pipeline.addHandler(relay) }
            .bind(host: "127.0.0.1", port: 0).get()
        let old = state.withLock { state in
            defer { state.back = back }
            return state.back
        }
        old?.close(promise: nil)
    }

    /// Lets nothing through, or everything again.
    func cut(_ isCut: Bool) { state.withLock { $0.isCut = isCut } }
    /// How many datagrams have passed.
    var passed: Int { state.withLock { $0.passed } }

    private func close() {
        front.close(promise: nil)
        state.withLock { $0.back }?.close(promise: nil)
    }

    private func received(_ envelope: AddressedEnvelope<ByteBuffer>, fromClient: Bool) {
        let sends = state.withLock { state -> [(ByteBuffer, Bool)] in
            if fromClient { state.client = envelope.remoteAddress }
            guard !state.isCut else { return [] }
            let draw = Int.random(in: 0..<1_000, using: &state.random)
            let conditions = state.conditions
            var sends = [(envelope.data, fromClient)]
            switch draw {
            case ..<conditions.lost: sends = []
            case ..<(conditions.lost + conditions.doubled): sends += sends
            case ..<(conditions.lost + conditions.doubled + conditions.late):
                state.held += sends
                sends = []
            default: break
            }
            if state.held.count > 3 || Int.random(in: 0..<4, using: &state.random) == 0 {
                sends += state.held
                state.held = []
            }
            state.passed += sends.count
            return sends
        }
        for (datagram, fromClient) in sends { pass(datagram, fromClient) }
    }

    private func pass(_ datagram: ByteBuffer, _ fromClient: Bool) {
        let (back, client) = state.withLock { ($0.back, $0.client) }
        if fromClient {
            back?.writeAndFlush(AddressedEnvelope(remoteAddress: listener, data: datagram), promise: nil)
        } else if let client {
            front.writeAndFlush(AddressedEnvelope(remoteAddress: client, data: datagram), promise: nil)
        }
    }
}

/// Gives a socket's datagrams to whoever wants them.
final class Relay: ChannelInboundHandler, Sendable {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    let receive = Mutex<@Sendable (AddressedEnvelope<ByteBuffer>) -> Void>({ _ in })

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receive.withLock(\.self)(unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

/// A socket that keeps what it receives.
final class RawSocket: Sendable {
    let channel: any Channel
    let received: AsyncStream<ByteBuffer>
    private let log = Mutex<[ByteBuffer]>([])

    init() async throws {
        let relay = Relay()
        let (received, source) = AsyncStream.makeStream(of: ByteBuffer.self)
        self.received = received
        channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { $0.pipeline.addHandler(relay) }
            .bind(host: "127.0.0.1", port: 0).get()
        relay.receive.withLock {
            $0 = { [weak self] envelope in
                self?.log.withLock { $0.append(envelope.data) }
                source.yield(envelope.data)
            }
        }
    }

    var endpoint: SocketEndpoint { SocketEndpoint(.v4(.loopback), port: UInt16(channel.localAddress?.port ?? 0)) }
    var all: [ByteBuffer] { log.withLock(\.self) }

    func send(_ bytes: ByteBuffer, to endpoint: SocketEndpoint) async throws {
        let address = try SocketAddress(ipAddress: "\(endpoint.address)", port: Int(endpoint.port))
        try await channel.writeAndFlush(AddressedEnvelope(remoteAddress: address, data: bytes)).get()
    }

    /// The next datagram.
    func next() async -> ByteBuffer? {
        for await datagram in received { return datagram }
        return nil
    }

    func close() { channel.close(promise: nil) }
}
