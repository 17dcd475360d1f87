import Crypto
import HTTPTypes
import NIOCore
import NIOTunnelQUIC
import NetworkTypes
import TestKit
import Testing
import Tunnel

@Suite("Hostile datagrams at a QUIC listener", .timeLimit(.minutes(1)))
struct HostileDatagramTests {
    /// First datagrams of clients of their own, as a socket that never answers gets them.
    static func initials(_ count: Int, _ client: TestCertificates.Made) async throws -> [ByteBuffer] {
        let sink = try await RawSocket()
        defer { sink.close() }
        var configuration = QUICDialerConfiguration()
        configuration.connectTimeout = .seconds(20)
        configuration.watchInterval = nil
        let dialer = QUICDialer(
            configuration: configuration, eventLoopGroup: QUICTestTunnel.group,
            logger: QUICTestTunnel.logger)
        return await withTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask {
                    _ = try? await dialer.connect(
                        to: [TunnelAddress(sink.endpoint)], identity: client.identity,
                        verifyServer: { _ in nil })
                }
            }
            var found: [[UInt8]: ByteBuffer] = [:]
            for await datagram in sink.received {
                // By destination connection ID: retransmissions are not counted.
                found[Array(buffer: datagram).dropFirst(6).prefix(18).map(\.self)] = datagram
                if found.count == count { break }
            }
            group.cancelAll()
            return Array(found.values)
        }
    }

    @Test("of noise are dropped, and the next client is served", arguments: [1, 2] as [UInt64])
    func noise(_ seed: UInt64) async throws {
        try await QUICTestTunnel.run { tunnel in
            let socket = try await RawSocket()
            defer { socket.close() }
            var random = SeededGenerator(seed: seed)
            for _ in 0..<2_000 {
                var bytes = random.bytes(Int.random(in: 0...64, using: &random))
                if !bytes.isEmpty, Bool.random(using: &random) { bytes[0] |= 0xC0 }
                if Bool.random(using: &random) { bytes += Array(repeating: 0, count: 1_300) }
                try await socket.send(ByteBuffer(bytes: bytes), to: tunnel.endpoint)
            }
            try await tunnel.withCarrier { try await $0.expect(.ok) }
            #expect(tunnel.doors.asked == 1)
        }
    }

    @Test(
        "that are first packets cut short or altered hold no connection for long, and the next client is served"
    )
    func cutInitials() async throws {
        var configuration = QUICListenerConfiguration()
        configuration.handshakeTimeout = .seconds(1)
        try await QUICTestTunnel.run(configuration: configuration) { tunnel in
            let initial = try #require(try await Self.initials(1, tunnel.client).first)
            let socket = try await RawSocket()
            defer { socket.close() }
            for length in stride(from: 0, to: initial.readableBytes, by: 7) {
                let part = try #require(initial.getSlice(at: 0, length: length))
                try await socket.send(part, to: tunnel.endpoint)
            }
            var random = SeededGenerator(seed: 7)
            for place in stride(from: 6, to: initial.readableBytes, by: 13) {
                var altered = initial
                altered.setInteger(UInt8.random(in: .min ... .max, using: &random), at: place)
                try await socket.send(altered, to: tunnel.endpoint)
            }
            try await tunnel.withCarrier { try await $0.expect(.ok) }
            while tunnel.listener.connectionCount > 1 { await Task.yield() }
        }
    }

    @Test("of a flood of handshakes are answered by a Retry, and held by nobody")
    func flood() async throws {
        try await QUICTestTunnel.run { tunnel in
            let initials = try await Self.initials(60, tunnel.client)
            let socket = try await RawSocket()
            defer { socket.close() }
            // Each of them twice: a replay.
            for initial in initials + initials { try await socket.send(initial, to: tunnel.endpoint) }
            let limit = QUICListenerConfiguration().retryAboveHandshakes
            var retries = 0
            for await answer in socket.received
            where (answer.getInteger(at: 0) ?? 0) & UInt8(0xF0) == 0xF0 {
                retries += 1
                if retries == 40 { break }
            }
            #expect(tunnel.listener.connectionCount <= limit)
            // A real client proves its address, and comes in beside them.
            try await tunnel.withCarrier { try await $0.expect(.ok) }
            #expect(tunnel.doors.asked == 1)
        }
    }

    @Test("get no more than three times their size back before the address is proven (RFC 9000 §8.1)")
    func amplification() async throws {
        var configuration = QUICListenerConfiguration()
        configuration.handshakeTimeout = .seconds(2)
        try await QUICTestTunnel.run(configuration: configuration) { tunnel in
            let initial = try #require(try await Self.initials(1, tunnel.client).first)
            let socket = try await RawSocket()
            defer { socket.close() }
            try await socket.send(initial, to: tunnel.endpoint)
            _ = await socket.next()
            while tunnel.listener.connectionCount > 0 { await Task.yield() }
            let received = socket.all.reduce(0) { $0 + $1.readableBytes }
            #expect(received > 0)
            #expect(received <= 3 * initial.readableBytes)
        }
    }

    @Test("of another version are told which one is spoken (RFC 9000 §6)")
    func version() async throws {
        try await QUICTestTunnel.run { tunnel in
            var datagram = try #require(try await Self.initials(1, tunnel.client).first)
            datagram.setInteger(UInt32(0x5A5A_5A5A), at: 1)
            let socket = try await RawSocket()
            defer { socket.close() }
            try await socket.send(datagram, to: tunnel.endpoint)
            let answer = try #require(await socket.next())
            #expect(answer.getInteger(at: 1, as: UInt32.self) == 0)
            #expect(answer.getInteger(at: answer.readableBytes - 4, as: UInt32.self) == 1)
            #expect(tunnel.listener.connectionCount == 0)
        }
    }

    @Test("of a forgotten connection are answered by a reset that is smaller (RFC 9000 §10.3)")
    func statelessReset() async throws {
        try await QUICTestTunnel.run { tunnel in
            let socket = try await RawSocket()
            defer { socket.close() }
            var datagram = ByteBuffer(repeating: 0x11, count: 60)
            datagram.setInteger(UInt8(0x40), at: 0)
            try await socket.send(datagram, to: tunnel.endpoint)
            let answer = try #require(await socket.next())
            #expect(answer.readableBytes < 60)
            #expect((answer.getInteger(at: 0) ?? 0xFF) & UInt8(0xC0) == 0x40)
            #expect(tunnel.listener.connectionCount == 0)
        }
    }

    @Test("to a listener that asks everybody for a Retry let everybody in who answers it")
    func retry() async throws {
        var configuration = QUICListenerConfiguration()
        configuration.retryAboveHandshakes = 0
        try await QUICTestTunnel.run(configuration: configuration) { tunnel in
            for _ in 0..<3 { try await tunnel.withCarrier { try await $0.expect(.ok) } }
            #expect(tunnel.doors.asked == 3)
        }
    }

    @Test("from more connections than one address may have displace nobody who was let in")
    func perAddress() async throws {
        var configuration = QUICListenerConfiguration()
        configuration.maximumConnectionsPerAddress = 2
        try await QUICTestTunnel.run(configuration: configuration) { tunnel in
            var dialling = QUICDialerConfiguration()
            dialling.connectTimeout = .milliseconds(500)
            let first = try await tunnel.dial()
            let second = try await tunnel.dial()
            await #expect(throws: TunnelError.self) { _ = try await tunnel.dial(dialling) }
            for carrier in [first, second] {
                try await carrier.expect(.ok)
                carrier.close(.closed)
            }
        }
    }
}
