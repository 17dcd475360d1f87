import HTTPTypes
import NIOCore
import NIOTunnelQUIC
import NetworkTypes
import TestKit
import Testing
import Tunnel

@Suite("A bad network under QUIC", .timeLimit(.minutes(2)))
struct BadNetworkTests {
    /// Sends back what comes.
    static let echo: @Sendable (any InboundExchange) async -> Void = { exchange in
        do {
            try await exchange.respond(HTTPResponse(status: .ok))
            for try await chunk in exchange.body { try await exchange.send(chunk) }
            try await exchange.finish()
        } catch {
            exchange.reset(.internalError)
        }
    }

    /// Sends as many bytes as the path says, that differ from place to place.
    static let source: @Sendable (any InboundExchange) async -> Void = { exchange in
        let count = Int(exchange.request.path?.dropFirst() ?? "") ?? 0
        do {
            try await exchange.respond(HTTPResponse(status: .ok))
            var sent = 0
            while sent < count {
                let size = min(50_000, count - sent)
                try await exchange.send(bytes(from: sent, size))
                sent += size
            }
            try await exchange.finish()
        } catch {
            exchange.reset(.internalError)
        }
    }

    /// A prime number of bytes, which no packet or chunk divides.
    private static let table: ByteBuffer = {
        var random = SeededGenerator(seed: 4)
        return ByteBuffer(bytes: random.bytes(65_521))
    }()

    static func bytes(from offset: Int, _ count: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(count)
        while buffer.readableBytes < count {
            let place = (offset + buffer.readableBytes) % table.readableBytes
            let length = min(table.readableBytes - place, count - buffer.readableBytes)
            if let part = table.getSlice(at: place, length: length) { buffer.writeImmutableBuffer(part) }
        }
        return buffer
    }

    /// Reads a body and compares each byte; `during` is told how many have come.
    static func compare(_ body: ExchangeBody, during: (Int) async throws -> Void = { _ in }) async throws -> Int {
        var received = 0
        for try await chunk in body {
            try #require(chunk == bytes(from: received, chunk.readableBytes), "at \(received)")
            received += chunk.readableBytes
            try await during(received)
        }
        return received
    }

    @Test(
        "loses, doubles and delays datagrams, and every byte arrives once and in order",
        arguments: [1, 2, 3] as [UInt64])
    func loss(_ seed: UInt64) async throws {
        try await QUICTestTunnel.run(answer: Self.echo) { tunnel in
            try await LossyProxy.run(
                to: tunnel.endpoint, .init(lost: 40, doubled: 20, late: 60), seed: seed
            ) { proxy in
                try await tunnel.withCarrier(to: proxy.endpoint) { carrier in
                    for trafficClass in TrafficClass.allCases {
                        let sent = Self.bytes(from: 0, 600_000)
                        let received = try await carrier.withExchange(
                            HTTPRequest(method: .post, scheme: "https", authority: "a", path: "/"),
                            trafficClass: trafficClass
                        ) { exchange in
                            async let sending: Void = {
                                try await exchange.send(sent)
                                try await exchange.finish()
                            }()
                            let count = try await Self.compare(exchange.body)
                            try await sending
                            return count
                        }
                        #expect(received == 600_000, "seed \(seed)")
                    }
                }
            }
        }
    }

    @Test("forgets a mapping: the listener finds the client behind its new port, and the body goes on")
    func rebinding() async throws {
        try await QUICTestTunnel.run(answer: Self.source) { tunnel in
            try await LossyProxy.run(to: tunnel.endpoint) { proxy in
                try await tunnel.withCarrier(to: proxy.endpoint) { carrier in
                    try await carrier.expect(.ok)
                    let theirs = try #require(tunnel.doors.carriers.first as? QUICCarrier)
                    let before = theirs.remote
                    let received = try await carrier.withExchange(.get("/8000000"), trafficClass: .media) { exchange in
                        try await exchange.finish()
                        var rebindings = 0
                        return try await Self.compare(exchange.body) { received in
                            if received > (rebindings + 1) * 2_000_000, rebindings < 3 {
                                rebindings += 1
                                try await proxy.rebind()
                            }
                        }
                    }
                    #expect(received == 8_000_000)
                    #expect(theirs.remote != before)
                }
            }
        }
    }

    @Test("changes under the client: it goes on from another socket, in the middle of a body")
    func migration() async throws {
        try await QUICTestTunnel.run(answer: Self.source) { tunnel in
            try await tunnel.withCarrier { carrier in
                try await carrier.expect(.ok)
                let before = carrier.local
                let theirs = try #require(tunnel.doors.carriers.first as? QUICCarrier)
                let seen = theirs.remote
                let received = try await carrier.withExchange(.get("/30000000"), trafficClass: .media) { exchange in
                    try await exchange.finish()
                    var moves = 0
                    return try await Self.compare(exchange.body) { received in
                        if received > (moves + 1) * 6_000_000 {
                            moves += 1
                            carrier.migrate()
                        }
                    }
                }
                #expect(received == 30_000_000)
                try await carrier.expect(.ok)
                #expect(carrier.local != before)
                #expect(theirs.remote != seen)
                #expect(tunnel.doors.asked == 1)
            }
        }
    }

    @Test("that is cut for good ends the carrier as silent")
    func silence() async throws {
        try await QUICTestTunnel.run { tunnel in
            try await LossyProxy.run(to: tunnel.endpoint) { proxy in
                var configuration = QUICDialerConfiguration()
                configuration.keepalive = .init(interval: .milliseconds(200), patience: .seconds(1))
                try await tunnel.withCarrier(configuration, to: proxy.endpoint) { carrier in
                    try await carrier.expect(.ok)
                    proxy.cut(true)
                    guard case .silent = await carrier.ended() else {
                        Issue.record("the end came as \(await carrier.ended())")
                        return
                    }
                }
            }
        }
    }

    @Test("that is quiet does not end a carrier: it is asked for a sign of life")
    func keepalive() async throws {
        try await QUICTestTunnel.run { tunnel in
            try await LossyProxy.run(to: tunnel.endpoint) { proxy in
                var configuration = QUICDialerConfiguration()
                configuration.keepalive = .init(interval: .milliseconds(100), patience: .milliseconds(700))
                try await tunnel.withCarrier(configuration, to: proxy.endpoint) { carrier in
                    try await carrier.expect(.ok)
                    // Nothing is asked of it for several times its patience, and it pings all the while.
                    let before = proxy.passed
                    while proxy.passed < before + 60 { await Task.yield() }
                    try await carrier.expect(.ok)
                }
            }
        }
    }

    @Test("over IPv6")
    func version6() async throws {
        try await QUICTestTunnel.run(on: .v6(.loopback)) { tunnel in
            try await tunnel.withCarrier { try await $0.expect(.ok) }
        }
    }
}
