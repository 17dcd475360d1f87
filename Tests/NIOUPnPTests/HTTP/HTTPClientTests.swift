import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing

@testable import NIOUPnP

@Suite("HTTP client", .timeLimit(.minutes(1)))
struct HTTPClientTests {
    private func withClient<Result>(_ body: (HTTPClient) async throws -> Result) async rethrows -> Result {
        let client = HTTPClient(eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger)
        defer { client.shutDown() }
        return try await body(client)
    }

    private func expectFailure(
        _ code: HTTPTransportError.Code, limits: HTTPClientLimits = .init(),
        server script: @escaping @Sendable (RawPeer, Int) async throws -> Void
    ) async throws {
        try await withRawServer(script) { endpoint in
            await withClient { client in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await client.withResponse(.get("/", at: endpoint), to: endpoint, limits: limits) {
                        try await $1.collect(upTo: 1 << 20)
                    }
                }
                #expect(error?.code == code, "\(String(describing: error))")
            }
        }
    }

    /// Answers every request on a connection with `answer`.
    private static func answering(_ answer: String) -> @Sendable (RawPeer, Int) async throws -> Void {
        { peer, _ in
            while await peer.read(through: "\r\n\r\n").hasSuffix("\r\n\r\n") { try await peer.send(answer) }
        }
    }

    @Test("sends what it was given: method, target, Host and header names as written")
    func requestOnTheWire() async throws {
        let seen = Event<String>()
        try await withRawServer({ peer, _ in
            seen.set(await peer.read(through: "</x>"))
            try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }) { endpoint in
            try await withClient { client in
                var request = HTTPRequest.post("/ctl?a=b", at: endpoint)
                request.authority = "192.168.1.9:8200"
                request.headerFields[try #require(HTTPField.Name("SOAPACTION"))] = "\"urn:x:1#Y\""
                request.headerFields[.connection] = "close"
                try await client.withResponse(request, body: ByteBuffer(string: "<x></x>"), to: endpoint) {
                    response, _ in
                    #expect(response.status == .ok)
                }
            }
        }
        let expected =
            "POST /ctl?a=b HTTP/1.1\r\nHost: 192.168.1.9:8200\r\nSOAPACTION: \"urn:x:1#Y\"\r\nContent-Length: 7\r\n\r\n<x></x>"
        #expect(await seen.value == expected)
    }

    @Test("sends the requests of GENA", arguments: ["SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY"])
    func methods(method: String) async throws {
        let seen = Event<String>()
        try await withRawServer({ peer, _ in
            seen.set(await peer.read(through: "\r\n\r\n"))
            try await peer.send("HTTP/1.1 200 OK\r\nSID: uuid:1\r\nContent-Length: 0\r\n\r\n")
        }) { endpoint in
            try await withClient { client in
                var request = HTTPRequest.get("/e", at: endpoint)
                request.method = try #require(HTTPRequest.Method(method))
                let sid = try await client.withResponse(request, to: endpoint) { response, _ in
                    response.headerFields[try #require(HTTPField.Name("SID"))]
                }
                #expect(sid == "uuid:1")
            }
        }
        #expect(await seen.value.hasPrefix("\(method) /e HTTP/1.1\r\n"))
    }

    @Test(
        "reads a body however its end is told",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
            "HTTP/1.0 200 OK\r\n\r\nhello",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        ]
    )
    func framings(answer: String) async throws {
        try await withRawServer({ peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send(answer)
        }) { endpoint in
            try await withClient { client in
                let body = try await client.withResponse(.get("/", at: endpoint), to: endpoint) {
                    try await $1.collect(upTo: 100)
                }
                #expect(String(buffer: body) == "hello")
            }
        }
    }

    @Test("answers without a body leave the connection usable", arguments: ["HEAD", "204", "304"])
    func noBody(kind: String) async throws {
        let connections = Mutex(0)
        try await withRawServer({ peer, number in
            connections.withLock { $0 = number + 1 }
            let status = Int(kind) ?? 200
            try await Self.answering(
                "HTTP/1.1 \(status) X\r\n\(status == 204 ? "" : "Content-Length: 4000000000\r\n")\r\n")(peer, 0)
        }) { endpoint in
            try await withClient { client in
                var request = HTTPRequest.get("/", at: endpoint)
                if kind == "HEAD" { request.method = .head }
                for _ in 0..<3 {
                    try await client.withResponse(request, to: endpoint) { response, body in
                        #expect(response.headerFields[.contentLength] == (kind == "204" ? nil : "4000000000"))
                        let size = try await body.collect(upTo: 10).readableBytes
                        #expect(size == 0)
                    }
                }
            }
        }
        #expect(connections.withLock { $0 } == 1)
    }

    @Test("keeps a connection, and drops one whose answer was abandoned")
    func keepAlive() async throws {
        let ports = Mutex([UInt16]())
        try await withHTTPServer(handler: { exchange in
            ports.withLock { $0.append(exchange.peer.port) }
            let size = exchange.request.path == "/large" ? 10 << 20 : 10
            try await exchange.respond(.ok, body: ByteBuffer(repeating: 7, count: size))
        }) { endpoint, _ in
            try await withClient { client in
                for path in ["/a", "/b", "/large", "/c", "/d"] {
                    try await client.withResponse(.get(path, at: endpoint), to: endpoint) { response, body in
                        #expect(response.status == .ok)
                        if path != "/large" { _ = try await body.collect(upTo: 10) }
                    }
                }
            }
        }
        let seen = ports.withLock { $0 }
        #expect(seen[0] == seen[1] && seen[1] == seen[2])
        #expect(seen[2] != seen[3] && seen[3] == seen[4])
    }

    @Test("a kept connection that the server closed is replaced without the caller's notice")
    func staleConnection() async throws {
        let connections = Mutex(0)
        try await withRawServer({ peer, number in
            connections.withLock { $0 = number + 1 }
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            // The second request on the first connection arrives and is met with a close.
            if number == 0 { _ = await peer.read(through: "\r\n\r\n") }
        }) { endpoint in
            try await withClient { client in
                for _ in 0..<2 {
                    let body = try await client.withResponse(.get("/", at: endpoint), to: endpoint) {
                        try await $1.collect(upTo: 10)
                    }
                    #expect(String(buffer: body) == "ok")
                }
            }
        }
        #expect(connections.withLock { $0 } == 2)
    }

    @Test("an action goes over a connection of its own, and is not sent twice when that one dies")
    func noDoubleAction() async throws {
        let requests = Mutex<[Int]>([])
        try await withRawServer({ peer, number in
            if number == 0 {
                _ = await peer.read(through: "\r\n\r\n")
                try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
            guard await peer.read(through: "act").hasSuffix("act") else { return }
            requests.withLock { $0.append(number) }
        }) { endpoint in
            try await withClient { client in
                try await client.withResponse(.get("/", at: endpoint), to: endpoint) {
                    _ = try await $1.collect(upTo: 9)
                }
                await #expect(throws: HTTPTransportError.self) {
                    try await client.withResponse(
                        .post("/", at: endpoint), body: ByteBuffer(string: "act"), to: endpoint
                    ) {
                        _ = try await $1.collect(upTo: 9)
                    }
                }
            }
        }
        #expect(requests.withLock { $0 } == [1])
    }

    @Test(
        "refuses broken answers",
        arguments: [
            "HTTP/2 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nA: " + String(repeating: "b", count: 20_000) + "\r\n\r\n",
            "HTTP/1.1 200 OK\r\n" + String(repeating: "A: b\r\n", count: 200) + "\r\n",
        ])
    func brokenAnswers(answer: String) async throws {
        try await expectFailure(.malformedMessage, server: Self.answering(answer))
    }

    @Test(
        "says that the peer broke off",
        arguments: [
            "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        ])
    func brokenOff(answer: String) async throws {
        try await expectFailure(.connectionClosed) { peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send(answer)
        }
    }

    @Test(
        "does not wait for ever",
        arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"])
    func stalls(answer: String) async throws {
        var limits = HTTPClientLimits()
        limits.headTime = .milliseconds(50)
        limits.stallTime = .milliseconds(50)
        try await expectFailure(.timedOut, limits: limits) { peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send(answer)
            _ = await peer.readToEnd()
        }
    }

    @Test("an answer that trickles for ever ends with the whole time")
    func trickle() async throws {
        var limits = HTTPClientLimits()
        limits.totalTime = .milliseconds(100)
        try await expectFailure(.timedOut, limits: limits) { peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send("HTTP/1.1 200 OK\r\n\r\n")
            // Each byte waits for the network only; the connection's end stops the loop.
            while true {
                try await peer.send("x")
                await Task.yield()
            }
        }
    }

    @Test("an endless answer is cut at the reader's limit")
    func endlessAnswer() async throws {
        try await expectFailure(.bodyTooLarge) { peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            try await peer.send("HTTP/1.1 200 OK\r\n\r\n")
            while true { try await peer.send(String(repeating: "x", count: 65536)) }
        }
    }

    @Test("a reader that does not pull holds the sender back")
    func backPressure() async throws {
        let sent = Mutex(0)
        let blocked = Event<Void>()
        try await withHTTPServer(handler: { exchange in
            try await exchange.respond(HTTPResponse(status: .ok))
            for _ in 0..<1024 {
                try await exchange.send(ByteBuffer(repeating: 7, count: 64 * 1024))
                sent.withLock { $0 += 64 * 1024 }
            }
            blocked.set()
            try await exchange.finish()
        }) { endpoint, _ in
            try await withClient { client in
                try await client.withResponse(.get("/", at: endpoint), to: endpoint) { _, body in
                    var received = 0
                    for try await chunk in body {
                        received += chunk.readableBytes
                        let ahead = sent.withLock { $0 } - received
                        // Both kernels' buffers at most, and a little in each process.
                        #expect(ahead < 16 << 20)
                    }
                    #expect(received == 64 << 20)
                }
            }
        }
    }

    @Test("cancelling ends the exchange and its connection")
    func cancellation() async throws {
        let asked = Event<Void>()
        let closed = Event<Void>()
        try await withRawServer({ peer, _ in
            _ = await peer.read(through: "\r\n\r\n")
            asked.set()
            _ = await peer.readToEnd()
            closed.set()
        }) { endpoint in
            await withClient { client in
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        await #expect(throws: CancellationError.self) {
                            try await client.withResponse(.get("/", at: endpoint), to: endpoint) { _, _ in }
                        }
                    }
                    await asked.value
                    group.cancelAll()
                }
                await closed.value
            }
        }
    }

    @Test("a port where nobody listens is told as such")
    func refused() async throws {
        // Other tests listen on 127.0.0.1, whatever the port; nobody does here.
        let endpoint = SocketEndpoint(try #require(IPAddress("127.9.9.9")), port: 9)
        await withClient { client in
            let error = await #expect(throws: HTTPTransportError.self) {
                try await client.withResponse(.get("/", at: endpoint), to: endpoint) { _, _ in }
            }
            #expect(error?.code == .connectFailed)
        }
    }

    @Test("uploads what it pulls, chunked or with the announced length", arguments: [true, false])
    func upload(announced: Bool) async throws {
        let total = 5 << 20
        var limits = HTTPServerLimits()
        limits.bodyBytes = nil
        try await withHTTPServer(
            limits: limits,
            handler: { exchange in
                var received = 0
                for try await chunk in exchange.body { received += chunk.readableBytes }
                let length = exchange.request.headerFields[.contentLength] ?? "none"
                try await exchange.respond(.ok, body: ByteBuffer(string: "\(received) \(length)"))
            }
        ) { endpoint, _ in
            try await withClient { client in
                let left = Mutex(total)
                let body = HTTPBody {
                    left.withLock { left in
                        guard left > 0 else { return nil }
                        let size = min(left, 100_000)
                        left -= size
                        return ByteBuffer(repeating: 7, count: size)
                    }
                }
                let request = HTTPRequest.post(
                    "/", at: endpoint, announced ? [.contentLength: "\(total)"] : [:]
                )
                let answer = try await client.withResponse(request, upload: body, to: endpoint) {
                    try await $1.collect(upTo: 100)
                }
                #expect(String(buffer: answer) == "\(total) \(announced ? "\(total)" : "none")")
            }
        }
    }

    @Test("connects from the address that it is told to")
    func localAddress() async throws {
        try await withHTTPServer(handler: { try await $0.respond(.ok, body: ByteBuffer(string: "\($0.peer.address)")) })
        {
            endpoint, _ in
            try await withClient { client in
                let own = try #require(IPAddress("127.0.0.7"))
                let seen = try await client.withResponse(.get("/", at: endpoint), to: endpoint, from: own) {
                    try await $1.collect(upTo: 100)
                }
                #expect(String(buffer: seen) == "127.0.0.7")
            }
        }
    }
}
