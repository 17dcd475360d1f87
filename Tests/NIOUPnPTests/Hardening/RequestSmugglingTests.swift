import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing

@testable import NIOUPnP

@Suite("Rule 14: a request means one thing only", .timeLimit(.minutes(1)))
struct RequestSmugglingTests {
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
            // A line folded into the next one (RFC 9112 §5.2).
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
            // Line ends that are not CRLF (RFC 9112 §2.2).
            "GET / HTTP/1.1\nHost: h\n\n",
            "GET / HTTP/1.1\r\nHost: h\r\nA: b\rContent-Length: 4\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            // Space before a colon (RFC 9112 §5.1), and other ways to hide a length.
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 4\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4;x\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x4\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1 1\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
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
        arguments: [
            "xyz\r\n", "-1\r\nab\r\n", "+1\r\na\r\n", "ffffffffffffffffff\r\nab\r\n", "1\r\nabc\r\n", "\r\n",
            "0x1\r\na\r\n", "1 1\r\na\r\n", "10000000000000001\r\na\r\n", "1\r\na\rb", "1\na\r\n", "1\u{0}\r\na\r\n",
        ]
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
                do {
                    try await RawPeer.connect(to: endpoint) { peer in
                        try? await peer.channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
                        // Ends because the server closes in any case: answered and idle, refused, or too slow.
                        _ = await peer.readToEnd()
                    }
                } catch ChannelError.ioOnClosedChannel {
                    // On a busy machine the server's patience may be over before the connection is set up, which is as
                    // good: whether it goes on serving is asked below.
                }
            }
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nalive")
                #expect(await peer.read(through: "alive").hasSuffix("alive"), "seed \(seed)")
            }
        }
    }
}
