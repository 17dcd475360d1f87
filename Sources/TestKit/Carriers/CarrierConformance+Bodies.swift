internal import HTTPTypes
internal import NIOCore
internal import Synchronization
internal import Tunnel

extension HTTPRequest {
    static func test(_ method: Method = .post, _ path: String = "/") -> HTTPRequest {
        HTTPRequest(method: method, scheme: "https", authority: "latchkey", path: path)
    }
}

extension ExchangeBody {
    /// The whole body.
    func collect() async throws -> ByteBuffer {
        var whole = ByteBuffer()
        for try await chunk in self { whole.writeImmutableBuffer(chunk) }
        return whole
    }
}

/// Sends back what comes, with the path in a field.
let echo: CarrierConformance.Answer = { exchange in
    var response = HTTPResponse(status: .ok)
    if let name = HTTPField.Name("x-path") { response.headerFields[name] = exchange.request.path }
    try? await exchange.respond(response)
    do {
        for try await chunk in exchange.body { try await exchange.send(chunk) }
        try await exchange.finish()
    } catch {
        exchange.reset(.internalError)
    }
}

/// `count` bytes that differ from place to place.
func pattern(_ count: Int, seed: UInt8 = 0) -> ByteBuffer {
    ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) &+ seed })
}

extension CarrierConformance {
    static let bodies = [
        CarrierConformance(description: "heads and bodies arrive whole in both directions") { harness in
            try await harness(echo) { ends in
                for size in [0, 1, 16_384, 300_000] {
                    let sent = pattern(size)
                    let (path, received) = try await ends.asking.withExchange(
                        .test(.post, "/a?b=\(size)"), trafficClass: .control
                    ) { exchange in
                        async let sending: Void = {
                            try await exchange.send(sent)
                            try await exchange.finish()
                        }()
                        let response = try await exchange.response()
                        let body = try await exchange.body.collect()
                        try await sending
                        return (HTTPField.Name("x-path").flatMap { response.headerFields[$0] }, body)
                    }
                    try expect(path == "/a?b=\(size)", "the path came as \(path ?? "nothing")")
                    try expect(received == sent, "\(size) bytes came back as \(received.readableBytes)")
                }
            }
        },
        CarrierConformance(description: "exchanges side by side keep their own bodies") { harness in
            try await harness(echo) { ends in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<20 {
                        group.addTask {
                            let sent = pattern(20_000, seed: UInt8(number))
                            let received = try await ends.asking.withExchange(.test(), trafficClass: .control) {
                                exchange in
                                try await exchange.send(sent)
                                try await exchange.finish()
                                return try await exchange.body.collect()
                            }
                            try expect(received == sent, "exchange \(number) got another body")
                        }
                    }
                    try await group.waitForAll()
                }
            }
        },
        CarrierConformance(description: "the answering end learns the class of each exchange") { harness in
            let answer: Answer = { exchange in
                try? await exchange.respond(HTTPResponse(status: .ok))
                try? await exchange.send(ByteBuffer(string: exchange.trafficClass.rawValue))
                try? await exchange.finish()
            }
            try await harness(answer) { ends in
                for trafficClass in TrafficClass.allCases {
                    let seen = try await ends.asking.withExchange(.test(.get), trafficClass: trafficClass) { exchange in
                        try await exchange.finish()
                        return String(buffer: try await exchange.body.collect())
                    }
                    try expect(seen == trafficClass.rawValue, "\(trafficClass) came as \(seen)")
                }
            }
        },
        CarrierConformance(description: "an answer may be complete before its request is") { harness in
            let answer: Answer = { exchange in
                try? await exchange.respond(HTTPResponse(status: .contentTooLarge))
                try? await exchange.finish()
            }
            try await harness(answer) { ends in
                let status = try await ends.asking.withExchange(.test(), trafficClass: .control) { exchange in
                    // The answer may be there before this is sent, and then nothing more is wanted.
                    do {
                        try await exchange.send(pattern(1_000))
                    } catch let reset as ExchangeReset where reset.code == .noError {}
                    let status = try await exchange.response().status
                    let rest = try await exchange.body.collect()
                    try expect(rest.readableBytes == 0, "the empty body had bytes")
                    return status
                }
                try expect(status == .contentTooLarge, "the status came as \(status)")
            }
        },
        CarrierConformance(description: "a slow reader of an answer holds its writer back") { harness in
            let sent = Mutex(0)
            let answer: Answer = { exchange in
                try? await exchange.respond(HTTPResponse(status: .ok))
                let chunk = pattern(64 << 10)
                for _ in 0..<1_024 {
                    guard (try? await exchange.send(chunk)) != nil else { return }
                    sent.withLock { $0 += chunk.readableBytes }
                }
                try? await exchange.finish()
            }
            try await harness(answer) { ends in
                let received = try await ends.asking.withExchange(.test(.get), trafficClass: .media) { exchange in
                    try await exchange.finish()
                    return try await readSlowly(exchange.body) { sent.withLock { $0 } }
                }
                try expect(received == 64 << 20, "only \(received) bytes came")
            }
        },
        CarrierConformance(description: "a slow reader of a request holds its writer back") { harness in
            let sent = Mutex(0)
            let answer: Answer = { exchange in
                let outcome: String
                do {
                    outcome = "\(try await readSlowly(exchange.body) { sent.withLock { $0 } })"
                } catch {
                    outcome = "\(error)"
                }
                try? await exchange.respond(HTTPResponse(status: .ok))
                try? await exchange.send(ByteBuffer(string: outcome))
                try? await exchange.finish()
            }
            try await harness(answer) { ends in
                let outcome = try await ends.asking.withExchange(.test(), trafficClass: .media) { exchange in
                    let chunk = pattern(64 << 10)
                    for _ in 0..<1_024 {
                        try await exchange.send(chunk)
                        sent.withLock { $0 += chunk.readableBytes }
                    }
                    try await exchange.finish()
                    return String(buffer: try await exchange.body.collect())
                }
                try expect(outcome == "\(64 << 20)", "the reader says: \(outcome)")
            }
        },
    ]

    /// Reads much more slowly than a writer could write, and sees that the writer is never far ahead.
    private static func readSlowly(_ body: ExchangeBody, sent: () -> Int) async throws -> Int {
        let bound = 24 << 20
        var received = 0
        for try await chunk in body {
            received += chunk.readableBytes
            for _ in 0..<20 { await Task.yield() }
            let ahead = sent() - received
            try expect(ahead <= bound, "the writer is \(ahead) bytes ahead of its reader")
        }
        return received
    }
}
