import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("Rule 14: slow peers cost little", .timeLimit(.minutes(1)))
struct SlowPeerTests {
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
        let cancelled = Event<Void>()
        try await withHTTPServer(handler: { exchange in
            try await exchange.respond(HTTPResponse(status: .ok))
            do {
                while true { try await exchange.send(ByteBuffer(repeating: 7, count: 64 * 1024)) }
            } catch {
                // The failure may be told a moment before the cancellation.
                await withTaskCancellationHandler {
                    await cancelled.value
                } onCancel: {
                    cancelled.set()
                }
            }
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                _ = await peer.readSome()
            }
            await cancelled.value
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

    @Test("a body that drips byte by byte is given up, although it never stalls", arguments: [true, false])
    func drippingBody(chunked: Bool) async throws {
        var limits = HTTPServerLimits()
        limits.bodyStallTime = .seconds(2)
        // More than single bytes can come at, however fast they follow each other.
        limits.bodyRate = 1 << 30
        let failure = Event<String>()
        let taken = AsyncStream<Void>.makeStream()
        try await withHTTPServer(
            limits: limits,
            handler: { exchange in
                defer { taken.continuation.finish() }
                do {
                    for try await _ in exchange.body { taken.continuation.yield() }
                } catch {
                    failure.set("\(error)")
                    throw error
                }
            }
        ) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                let framing = chunked ? "Transfer-Encoding: chunked" : "Content-Length: 1000000"
                let byte = chunked ? "1\r\nx\r\n" : "x"
                await peer.trySend("POST / HTTP/1.1\r\nHost: h\r\n\(framing)\r\n\r\n\(byte)")
                // The next byte follows when the one before has been taken, long before a stall.
                for await _ in taken.stream { await peer.trySend(byte) }
                #expect(await peer.readToEnd().hasPrefix("HTTP/1.1 "))
            }
            let reason = await failure.value
            #expect(reason.has("bytes a second"), "\(reason)")
        }
    }

    @Test("a chunk's extension without end is no body, and is given up")
    func endlessExtension() async throws {
        var limits = HTTPServerLimits()
        limits.bodyStallTime = .milliseconds(200)
        try await withHTTPServer(
            limits: limits, handler: { _ = try await $0.body.collect(upTo: 1 << 20) }
        ) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                await peer.trySend("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;")
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        // Ends when the server has closed.
                        while (try? await peer.send(String(repeating: "e", count: 1000))) != nil {}
                    }
                    _ = await peer.readToEnd()
                }
            }
        }
    }

    @Test("a running host serves others while many peers dawdle")
    func slowloris() async throws {
        try await AttackedHost.with {
            $0.http.connectionsPerAddress = 64
            $0.http.headTime = .seconds(2)
        } _: { host async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        try await RawPeer.connect(to: host.endpoint) { peer in
                            await peer.trySend("GET / HTTP/1.1\r\nHost: \(host.endpoint)\r\nA\(number): ")
                            // Ends because the host closes.
                            _ = await peer.readToEnd()
                        }
                    }
                }
                try await host.expectAlive()
                try await group.waitForAll()
            }
        }
    }
}
