import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing

@testable import NIOUPnP

@Suite("HTTP server against hostile peers", .timeLimit(.minutes(1)))
struct HTTPServerHostilePeerTests {
    @Test(
        "refuses what two parsers could read differently (RFC 9112 §11.2)",
        arguments: [
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\nab",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\na",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\na",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n: empty\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nA\u{0}B: c\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
            "NONSENSE / HTTP/1.1\r\nHost: h\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}",
        ]
    )
    func smuggling(request: String) async throws {
        let reached = Mutex(false)
        try await withHTTPServer(handler: { exchange in
            reached.withLock { $0 = true }
            try await exchange.respond(.ok)
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                await peer.trySend(request + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
                let answer = await peer.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 4") || answer.hasPrefix("HTTP/1.1 505"), "\(answer)")
                #expect(!answer.has("200 OK"))
            }
        }
        #expect(!reached.withLock { $0 })
    }

    @Test(
        "a malformed chunk fails the body and nothing behind it is read",
        arguments: ["xyz\r\n", "-1\r\nab\r\n", "ffffffffffffffffff\r\nab\r\n", "1\r\nabc\r\n", "\r\n", "0x1\r\na\r\n"]
    )
    func badChunks(chunk: String) async throws {
        let paths = Mutex([String]())
        try await withHTTPServer(handler: { exchange in
            paths.withLock { $0.append(exchange.request.path ?? "") }
            _ = try await exchange.body.collect(upTo: 1000)
            try await exchange.respond(.ok)
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                await peer.trySend(
                    "POST /first HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk)0\r\n\r\n"
                        + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
                )
                #expect(await peer.readToEnd().hasPrefix("HTTP/1.1 400"))
            }
        }
        #expect(paths.withLock { $0 } == ["/first"])
    }

    @Test(
        "bounds the head",
        arguments: [
            "GET / HTTP/1.1\r\nHost: h\r\n" + (0..<65).map { "A\($0): b\r\n" }.joined() + "\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nA: " + String(repeating: "b", count: 9000) + "\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "c", count: 9000) + ": d\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n"
                + (0..<20).map { "A\($0): " + String(repeating: "b", count: 1500) + "\r\n" }.joined() + "\r\n",
            "GET /" + String(repeating: "p", count: 100_000) + " HTTP/1.1\r\nHost: h\r\n\r\n",
        ]
    )
    func headFlood(request: String) async throws {
        try await withHTTPServer(handler: { try await $0.respond(.ok) }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                await peer.trySend(request)
                let answer = await peer.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(40))")
            }
        }
    }

    @Test(
        "an endless head costs bounded memory: the connection closes",
        arguments: ["GET /", "GET / HTTP/1.1\r\nA: ", ""])
    func endlessHead(start: String) async throws {
        // Empty lines before a request are allowed and kept nowhere; the time for a head bounds them.
        var limits = HTTPServerLimits()
        limits.headTime = .milliseconds(start.isEmpty ? 100 : 60_000)
        try await withHTTPServer(limits: limits, handler: { try await $0.respond(.ok) }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                let block = String(repeating: start.isEmpty ? "\r\n" : "x", count: 64 * 1024)
                await peer.trySend(start)
                var sent = 0
                do {
                    while start.isEmpty || sent < 64 << 20 {
                        try await peer.send(block)
                        sent += block.utf8.count
                    }
                } catch {}
                #expect(start.isEmpty || sent < 64 << 20)
            }
        }
    }

    @Test("a body above the limit is refused, announced or not")
    func largeBodies() async throws {
        var limits = HTTPServerLimits()
        limits.bodyBytes = 1000
        try await withHTTPServer(
            limits: limits,
            handler: { exchange in
                _ = try await exchange.body.collect(upTo: 1 << 20)
                try await exchange.respond(.ok)
            }
        ) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n")
                #expect(await peer.readToEnd().hasPrefix("HTTP/1.1 413"))
            }
            try await RawPeer.connect(to: endpoint) { peer in
                let chunk = "1f4\r\n" + String(repeating: "a", count: 500) + "\r\n"
                try await peer.send(
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + chunk
                )
                #expect(await peer.readToEnd().hasPrefix("HTTP/1.1 413"))
            }
        }
    }

    @Test(
        "a slow head, a silent connection, a stalled body and an idle connection are closed",
        arguments: [
            "GET / HT", "", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab",
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        ])
    func slowPeers(start: String) async throws {
        var limits = HTTPServerLimits()
        limits.headTime = .milliseconds(50)
        limits.idleTime = .milliseconds(50)
        limits.bodyStallTime = .milliseconds(50)
        try await withHTTPServer(
            limits: limits,
            handler: { exchange in
                _ = try await exchange.body.collect(upTo: 10)
                try await exchange.respond(.ok, body: ByteBuffer(string: "ok"))
            }
        ) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                await peer.trySend(start)
                // Ends only because the server closes.
                _ = await peer.readToEnd()
            }
        }
    }

    @Test("a reader that takes nothing ends its stream after the stall time, and memory stays bounded")
    func stalledReader() async throws {
        var limits = HTTPServerLimits()
        limits.sendStallTime = .milliseconds(100)
        let failed = Event<String>()
        try await withHTTPServer(
            limits: limits,
            handler: { exchange in
                try await exchange.respond(HTTPResponse(status: .ok))
                let chunk = ByteBuffer(repeating: 7, count: 64 * 1024)
                do {
                    while true { try await exchange.send(chunk) }
                } catch { failed.set("\(error)") }
            }
        ) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(await failed.value.has("took nothing"))
            }
        }
    }

    @Test("what a slow reader has not taken is bounded")
    func backPressure() async throws {
        let sent = Mutex(0)
        try await withHTTPServer(handler: { exchange in
            try await exchange.respond(HTTPResponse(status: .ok))
            let chunk = ByteBuffer(repeating: 7, count: 64 * 1024)
            for _ in 0..<512 {
                try await exchange.send(chunk)
                sent.withLock { $0 += chunk.readableBytes }
            }
            try await exchange.finish()
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("GET / HTTP/1.0\r\n\r\n")
                var received = 0
                var ahead = 0
                while let size = await peer.readSome() {
                    received += size
                    ahead = max(ahead, sent.withLock { $0 } - received)
                }
                #expect(received > 32 << 20)
                // Both kernels' buffers, and the little that waits in the server.
                #expect(ahead < 12 << 20)
            }
        }
    }

    @Test("the handler is cancelled when its peer leaves", arguments: [true, false])
    func peerLeaves(reset: Bool) async throws {
        let started = Event<Void>()
        let cancelled = Event<Void>()
        try await withHTTPServer(handler: { exchange in
            started.set()
            await withTaskCancellationHandler {
                await cancelled.value
            } onCancel: {
                cancelled.set()
            }
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                await started.value
                if reset { try await peer.reset() }
            }
            await cancelled.value
        }
    }

    @Test("the handler is cancelled when its peer leaves in the middle of a stream")
    func peerLeavesStream() async throws {
        let ended = Event<Bool>()
        try await withHTTPServer(handler: { exchange in
            try await exchange.respond(HTTPResponse(status: .ok))
            do {
                while true { try await exchange.send(ByteBuffer(repeating: 7, count: 64 * 1024)) }
            } catch { ended.set(Task.isCancelled) }
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                _ = await peer.readSome()
            }
            #expect(await ended.value)
        }
    }

    @Test("a peer that shuts down its sending side is answered where that is tolerated", arguments: [true, false])
    func halfClose(tolerated: Bool) async throws {
        var limits = HTTPServerLimits()
        limits.toleratesHalfClose = tolerated
        try await withHTTPServer(
            limits: limits,
            handler: { exchange in
                _ = try await exchange.body.collect(upTo: 100)
                try await exchange.respond(.ok)
            }
        ) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("NOTIFY / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab")
                try await peer.shutDownSending()
                let answer = await peer.readToEnd()
                if tolerated { #expect(answer.hasPrefix("HTTP/1.1 200")) }
            }
        }
    }

    @Test("limits connections by address and in all, and takes new ones when old ones close")
    func connectionLimits() async throws {
        var limits = HTTPServerLimits()
        limits.connectionsPerAddress = 2
        try await withHTTPServer(limits: limits, handler: { try await $0.respond(.ok, body: ByteBuffer(string: "hi")) })
        {
            endpoint, _ in
            func ask(_ peer: RawPeer) async throws -> Bool {
                await peer.trySend("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                return await peer.read(through: "hi").hasSuffix("hi")
            }
            try await RawPeer.connect(to: endpoint) { first in
                #expect(try await ask(first))
                try await RawPeer.connect(to: endpoint) { second in
                    #expect(try await ask(second))
                    try await RawPeer.connect(to: endpoint) { third in
                        #expect(await third.readToEnd() == "")
                    }
                    try await second.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                    _ = await second.readToEnd()
                    let served = try await RawPeer.connect(to: endpoint) { try await ask($0) }
                    #expect(served)
                }
            }
        }
    }

    @Test("a peer that is not accepted gets not a byte")
    func refusedPeers() async throws {
        try await withHTTPServer(accepts: { _ in false }, handler: { try await $0.respond(.ok) }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                await peer.trySend("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(await peer.readToEnd() == "")
            }
        }
    }

    private final class Answers: Sendable {
        let counts = Mutex((served: 0, refused: 0))
    }

    @Test("a thousand connections at once: those beyond the limit are closed, the others are served")
    func thousandConnections() async throws {
        var limits = HTTPServerLimits()
        limits.connections = 300
        limits.connectionsPerAddress = 300
        let (served, refused) = try await withHTTPServer(
            limits: limits,
            handler: { exchange in
                try await exchange.respond(.ok, body: ByteBuffer(string: "hi"))
            }
        ) { endpoint, _ in
            let answers = Answers()
            let all = Event<Void>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<1000 {
                    group.addTask {
                        try await RawPeer.connect(to: endpoint) { peer in
                            await peer.trySend("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                            let answer = await peer.read(through: "hi")
                            let done = answers.counts.withLock { answers in
                                if answer.hasSuffix("hi") { answers.served += 1 } else { answers.refused += 1 }
                                return answers.served + answers.refused == 1000
                            }
                            if done { all.set() }
                            // Stays connected until everybody has had an answer.
                            await all.value
                        }
                    }
                }
                try await group.waitForAll()
            }
            return answers.counts.withLock { ($0.served, $0.refused) }
        }
        #expect(served == 300)
        #expect(refused == 700)
    }

    @Test("survives what is no HTTP at all, and goes on serving", arguments: 1...4 as ClosedRange<UInt64>)
    func randomInput(seed: UInt64) async throws {
        let samples = [
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "GET /b HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\nGET /c HTTP/1.0\r\n\r\n",
            "SUBSCRIBE /d HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        ]
        var limits = HTTPServerLimits()
        limits.headTime = .milliseconds(50)
        limits.idleTime = .milliseconds(50)
        limits.bodyStallTime = .milliseconds(50)
        try await withHTTPServer(
            limits: limits,
            handler: { exchange in
                let body = try await exchange.body.collect(upTo: 1000)
                try await exchange.respond(.ok, body: body)
            }
        ) { endpoint, _ in
            var generator = SeededGenerator(seed: seed)
            for round in 0..<60 {
                var bytes = Array(samples[round % samples.count].utf8)
                for _ in 0..<Int.random(in: 1...6, using: &generator) {
                    let place = Int.random(in: 0..<bytes.count, using: &generator)
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0: bytes[place] = .random(in: 0...255, using: &generator)
                    case 1: bytes.insert(.random(in: 0...255, using: &generator), at: place)
                    default: bytes.removeSubrange(place..<min(place + 3, bytes.count))
                    }
                    if bytes.isEmpty { bytes = [0] }
                }
                try await RawPeer.connect(to: endpoint) { peer in
                    try? await peer.channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
                    // Ends because the server closes in any case: answered and idle, refused, or too slow.
                    _ = await peer.readToEnd()
                }
            }
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nalive")
                #expect(await peer.read(through: "alive").hasSuffix("alive"), "seed \(seed)")
            }
        }
    }
}
