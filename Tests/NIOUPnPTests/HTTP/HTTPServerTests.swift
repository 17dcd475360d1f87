import HTTPTypes
import NIOCore
import NetworkTypes
import Synchronization
import Testing

@testable import NIOUPnP

@Suite("HTTP server", .timeLimit(.minutes(1)))
struct HTTPServerTests {
    /// Answers with what it understood of the request.
    private static let echo: @Sendable (HTTPServerExchange) async throws -> Void = { exchange in
        let body = try await exchange.body.collect(upTo: 1 << 20)
        let request = exchange.request
        let text =
            "\(request.method.rawValue) \(request.path ?? "-") \(request.authority ?? "-") \(String(buffer: body))"
        try await exchange.respond(.ok, body: ByteBuffer(string: text))
    }

    @Test("serves requests one after another on a connection")
    func keepAlive() async throws {
        try await withHTTPServer(handler: Self.echo) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                for path in ["/a", "/b", "/c"] {
                    try await peer.send("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
                    let answer = await peer.read(through: "GET \(path) h ")
                    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
                    #expect(!answer.has("Connection: close"))
                }
            }
        }
    }

    @Test("answers pipelined requests in order", arguments: [1, 7])
    func pipelining(step: Int) async throws {
        try await withHTTPServer(handler: Self.echo) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                let requests = (0..<10).map { number in
                    number.isMultiple(of: 2)
                        ? "GET /\(number) HTTP/1.1\r\nHost: h\r\n\r\n"
                        : "POST /\(number) HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nb\(number)"
                }
                var rest = Substring(requests.joined())
                while !rest.isEmpty {
                    try await peer.send(String(rest.prefix(step * 40)))
                    rest = rest.dropFirst(step * 40)
                }
                for number in 0..<10 {
                    let method = number.isMultiple(of: 2) ? "GET" : "POST"
                    let body = number.isMultiple(of: 2) ? "" : "b\(number)"
                    let expected = "\(method) /\(number) h \(body)"
                    let answer = await peer.read(through: expected)
                    #expect(answer.hasSuffix(expected))
                }
            }
        }
    }

    @Test("refuses more requests ahead than the limit, after answering the one at hand")
    func pipelineFlood() async throws {
        let answered = Mutex(0)
        try await withHTTPServer(handler: { exchange in
            answered.withLock { $0 += 1 }
            try await exchange.respond(.ok)
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send(String(repeating: "GET / HTTP/1.1\r\nHost: h\r\n\r\n", count: 100))
                _ = await peer.readToEnd()
            }
        }
        #expect(answered.withLock { $0 } <= 17)
    }

    @Test(
        "knows the methods of UPnP and keeps the case of header names",
        arguments: ["SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY"])
    func methods(method: String) async throws {
        try await withHTTPServer(handler: { exchange in
            let names = exchange.request.headerFields.map(\.name.rawName).joined(separator: ",")
            try await exchange.respond(
                .ok, headers: [try #require(HTTPField.Name("SID")): "uuid:1"],
                body: ByteBuffer(string: "\(exchange.request.method.rawValue) \(names)!")
            )
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send(
                    "\(method) /e HTTP/1.1\r\nHost: h\r\nCALLBACK: <http://1.2.3.4/>\r\nsOAPaction: x\r\n\r\n")
                let answer = await peer.read(through: "!")
                #expect(answer.has("\r\nSID: uuid:1\r\n"))
                #expect(answer.has("\(method) "))
                #expect(answer.has("CALLBACK,sOAPaction"))
            }
        }
    }

    @Test("chunks an answer of unknown length, and ends it with the connection for HTTP/1.0")
    func unknownLength() async throws {
        try await withHTTPServer(handler: { exchange in
            try await exchange.respond(HTTPResponse(status: .ok))
            try await exchange.send(ByteBuffer(string: "hello "))
            try await exchange.send(ByteBuffer(string: "world"))
            try await exchange.finish()
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                let answer = await peer.read(through: "0\r\n\r\n")
                #expect(answer.has("Transfer-Encoding: chunked\r\n"))
                #expect(answer.hasSuffix("\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"))
            }
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("GET / HTTP/1.0\r\n\r\n")
                let answer = await peer.readToEnd()
                #expect(!answer.has("chunked"))
                #expect(answer.hasSuffix("\r\n\r\nhello world"))
            }
        }
    }

    @Test("keeps an HTTP/1.0 connection only when asked")
    func oldKeepAlive() async throws {
        try await withHTTPServer(handler: Self.echo) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(await peer.read(through: "GET /a - ").has("Connection: keep-alive\r\n"))
                try await peer.send("GET /b HTTP/1.0\r\n\r\n")
                #expect(await peer.readToEnd().hasSuffix("GET /b - "))
            }
        }
    }

    @Test("sends no body to HEAD, 204 and 304, whatever the handler sends", arguments: [200, 204, 304])
    func noBody(status: Int) async throws {
        try await withHTTPServer(handler: { exchange in
            try await exchange.respond(
                HTTPResponse(
                    status: .init(code: status), headerFields: status == 204 ? [:] : [.contentLength: "4000000000"])
            )
            try await exchange.send(ByteBuffer(string: "not to be seen"))
            try await exchange.finish()
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                for _ in 0..<2 {
                    try await peer.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
                    let answer = await peer.read(through: "\r\n\r\n")
                    #expect(answer.hasPrefix("HTTP/1.1 \(status)"))
                    #expect(answer.has("Content-Length: 4000000000") == (status != 204))
                    #expect(!answer.has("chunked"))
                }
            }
        }
    }

    @Test("asks for a body with 100 Continue when the handler wants it, and only then")
    func expectContinue() async throws {
        try await withHTTPServer(handler: { exchange in
            if exchange.request.path == "/no" { return try await exchange.respond(.forbidden) }
            try await Self.echo(exchange)
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send(
                    "POST /yes HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
                #expect(await peer.read(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
                try await peer.send("ok")
                #expect(await peer.read(through: "POST /yes h ok").has("200 OK"))
                try await peer.send("POST /no HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
                #expect(await peer.readToEnd().hasPrefix("HTTP/1.1 403"))
            }
        }
    }

    @Test("reads a chunked body, also in single bytes")
    func chunkedRequest() async throws {
        try await withHTTPServer(handler: Self.echo) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                let chunks = "hello world".map { "1\r\n\($0)\r\n" }.joined()
                try await peer.send(
                    "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n")
                #expect(await peer.read(through: "hello world").has("POST /c h hello world"))
            }
        }
    }

    @Test("a handler that throws gives 500, one that leaves its answer unfinished breaks the connection")
    func failingHandlers() async throws {
        struct Failure: Error {}
        try await withHTTPServer(handler: { exchange in
            if exchange.request.path == "/half" {
                try await exchange.respond(HTTPResponse(status: .ok, headerFields: [.contentLength: "10"]))
                try await exchange.send(ByteBuffer(string: "half"))
            }
            throw Failure()
        }) { endpoint, _ in
            try await RawPeer.connect(to: endpoint) { peer in
                try await peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(await peer.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 500"))
                try await peer.send("GET /half HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(await peer.readToEnd().hasSuffix("\r\n\r\nhalf"))
            }
        }
    }

    @Test("a graceful shutdown lets the running exchange finish and closes the idle connection")
    func gracefulShutdown() async throws {
        let started = Event<Void>()
        let release = Event<Void>()
        let server = HTTPServer(eventLoopGroup: HTTPTestSupport.group, logger: HTTPTestSupport.logger)
        let bound = Event<SocketEndpoint>()
        async let running: Void = server.run(on: HTTPTestSupport.loopback, onBound: { bound.set($0) }) { exchange in
            if exchange.request.path == "/slow" {
                started.set()
                await release.value
            }
            try await exchange.respond(.ok, body: ByteBuffer(string: "done"))
        }
        let endpoint = await bound.value
        try await RawPeer.connect(to: endpoint) { idle in
            try await idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            _ = await idle.read(through: "done")
            try await RawPeer.connect(to: endpoint) { busy in
                try await busy.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
                await started.value
                server.beginGracefulShutdown()
                #expect(await idle.readToEnd() == "")
                release.set()
                let answer = await busy.readToEnd()
                #expect(answer.hasSuffix("done"))
                #expect(answer.has("Connection: close"))
            }
        }
        try await running
    }
}
