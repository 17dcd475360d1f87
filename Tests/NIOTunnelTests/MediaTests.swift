import HTTPTypes
import NIOCore
import NIOTunnel
import TestKit
import Testing
import Tunnel

@Suite("The media connection", .timeLimit(.minutes(1)))
struct MediaTests {
    /// Sends bytes for as long as somebody takes them.
    static let endless: @Sendable (any InboundExchange) async -> Void = { exchange in
        try? await exchange.respond(HTTPResponse(status: .ok))
        let chunk = ByteBuffer(repeating: 7, count: 128 << 10)
        while (try? await exchange.send(chunk)) != nil {}
    }

    @Test("is opened at the first exchange of class media, and serves the next ones")
    func lazily() async throws {
        try await TestTunnel.run { tunnel in
            try await tunnel.withCarrier { carrier in
                _ = try await carrier.get("/")
                #expect(!carrier.hasMediaConnection)
                for _ in 0..<3 { _ = try await carrier.get("/", .media) }
                #expect(carrier.hasMediaConnection)
                #expect(tunnel.doors.peers.map(\.purpose) == [.session, .media])
            }
        }
    }

    @Test("is opened once however many ask at the same time")
    func once() async throws {
        try await TestTunnel.run { tunnel in
            try await tunnel.withCarrier { carrier in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<30 { group.addTask { _ = try await carrier.get("/", .media) } }
                    try await group.waitForAll()
                }
                #expect(tunnel.doors.peers.map(\.purpose) == [.session, .media])
            }
        }
    }

    @Test("is closed when it is idle, and opened again when it is needed")
    func idle() async throws {
        var configuration = TunnelDialerConfiguration()
        configuration.mediaIdleTimeout = .milliseconds(50)
        try await TestTunnel.run { [configuration] tunnel in
            try await tunnel.withCarrier(configuration) { carrier in
                _ = try await carrier.get("/", .media)
                _ = await tunnel.doors.carriers.last?.ended()
                _ = try await carrier.get("/", .media)
                // On a busy machine a connection may be idle for long enough before it is used at all.
                let purposes = tunnel.doors.peers.map(\.purpose)
                #expect(purposes.first == .session)
                #expect(purposes.dropFirst().count >= 2)
                #expect(purposes.dropFirst().allSatisfy { $0 == .media })
                try await carrier.expect(.ok)
            }
        }
    }

    @Test("survives 500 seeks in a row, each of which gives up the last range")
    func seeks() async throws {
        // Small windows, so that what a seek gives up is soon written.
        var listening = TunnelListenerConfiguration()
        listening.media.streamWindow = 128 << 10
        var dialling = TunnelDialerConfiguration()
        dialling.media.streamWindow = 128 << 10
        try await TestTunnel.run(configuration: listening, answer: Self.endless) { [dialling] tunnel in
            try await tunnel.withCarrier(dialling) { carrier in
                for seek in 0..<500 {
                    try await carrier.withExchange(.get("/\(seek)"), trafficClass: .media) { exchange in
                        try await exchange.finish()
                        let status = try await exchange.response().status
                        #expect(status == .ok)
                        for try await _ in exchange.body { break }
                    }
                }
                #expect(tunnel.doors.peers.map(\.purpose) == [.session, .media])
            }
        }
    }

    @Test("with a stalled reader on each exchange it keeps no more than the windows, and control goes on")
    func stalled() async throws {
        let sent = Shared(0)
        try await TestTunnel.run(answer: { exchange in
            try? await exchange.respond(HTTPResponse(status: .ok))
            guard exchange.trafficClass == .media else {
                try? await exchange.finish()
                return
            }
            let chunk = ByteBuffer(repeating: 7, count: 128 << 10)
            while (try? await exchange.send(chunk)) != nil { sent.update { $0 += chunk.readableBytes } }
        }) { tunnel in
            try await tunnel.withCarrier { carrier in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await carrier.withExchange(.get("/"), trafficClass: .media) { exchange in
                                try await exchange.finish()
                                for try await _ in exchange.body { break }
                                // Long enough for a writer without a bound to send gigabytes.
                                for _ in 0..<200 { _ = try await carrier.get("/") }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                // Twice the window (NIOHTTP2 holds one while a reader has the other), and what is under way.
                let perExchange = (2 * ConnectionSettings.media.streamWindow) + (4 << 20)
                #expect(sent.value <= 8 * perExchange)
            }
        }
    }

    @Test("a control exchange is answered while media fills the link")
    func controlBesideMedia() async throws {
        try await TestTunnel.run(answer: { exchange in
            if exchange.trafficClass == .media {
                await Self.endless(exchange)
            } else {
                await TestTunnel.hello(exchange)
            }
        }) { tunnel in
            try await tunnel.withCarrier { carrier in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await carrier.withExchange(.get("/"), trafficClass: .media) { exchange in
                            try await exchange.finish()
                            for try await _ in exchange.body {}
                        }
                    }
                    for _ in 0..<50 {
                        let status = try await carrier.get("/").0.status
                        #expect(status == .ok)
                    }
                    group.cancelAll()
                }
            }
        }
    }
}
