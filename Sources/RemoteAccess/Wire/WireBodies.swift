import Foundation
package import HTTPTypes
package import NIOCore
package import Tunnel

/// JSON in and out of exchange bodies, within bounds.
package enum WireCoding {
    /// The JSON text of `value`, in one line.
    package static func encode(_ value: some Encodable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(value))
    }

    /// Reads `bytes` as JSON.
    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: ByteBuffer) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes.readableBytesView))
    }
}

extension ExchangeBody {
    /// The whole body. Throws `Problem` when it is larger than `limit` bytes.
    package func collect(upTo limit: Int) async throws -> ByteBuffer {
        var whole = ByteBuffer()
        for try await var chunk in self {
            guard whole.readableBytes + chunk.readableBytes <= limit else {
                throw Problem(.badRequest, "The body is larger than \(limit) bytes.", status: 413)
            }
            whole.writeBuffer(&chunk)
        }
        return whole
    }

    /// The body line by line, without the line feeds. Throws `Problem` at a line of more than `limit` bytes.
    package func lines(upTo limit: Int) -> LineSequence { LineSequence(body: self, limit: limit) }
}

/// The lines of a body that goes on for as long as its session.
package struct LineSequence: AsyncSequence, Sendable {
    fileprivate let body: ExchangeBody
    fileprivate let limit: Int

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var body: ExchangeBody.AsyncIterator
        fileprivate let limit: Int
        private var pending = ByteBuffer()
        /// How much of `pending` is known to hold no line feed.
        private var searched = 0

        fileprivate init(body: ExchangeBody.AsyncIterator, limit: Int) {
            self.body = body
            self.limit = limit
        }

        package mutating func next() async throws -> ByteBuffer? {
            while true {
                let view = pending.readableBytesView
                if let end = view.dropFirst(searched).firstIndex(of: UInt8(ascii: "\n")) {
                    searched = 0
                    let line = pending.readSlice(length: end - view.startIndex)
                    pending.moveReaderIndex(forwardBy: 1)
                    pending.discardReadBytes()
                    return line
                }
                searched = view.count
                guard searched <= limit else {
                    throw Problem(.badRequest, "A line is longer than \(limit) bytes.", status: 413)
                }
                guard var chunk = try await body.next() else { return nil }
                pending.writeBuffer(&chunk)
            }
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(body: body.makeAsyncIterator(), limit: limit)
    }
}

extension InboundExchange {
    /// Answers with a JSON document.
    package func respond(json value: some Encodable, status: HTTPResponse.Status = .ok) async throws {
        try await respond(
            status: status, contentType: "application/json", body: try WireCoding.encode(value))
    }

    /// Answers with a problem document.
    package func respond(_ problem: Problem) async throws {
        try await respond(
            status: .init(code: problem.status), contentType: "application/problem+json",
            body: try WireCoding.encode(problem))
    }

    /// Answers with a whole body.
    package func respond(status: HTTPResponse.Status, contentType: String, body: ByteBuffer) async throws {
        var response = HTTPResponse(status: status)
        response.headerFields[.contentType] = contentType
        response.headerFields[.contentLength] = String(body.readableBytes)
        try await respond(response)
        if body.readableBytes > 0 { try await send(body) }
        try await finish()
    }
}

extension Carrier {
    /// Sends a request with a small body and collects the answer's.
    package func call(
        _ request: HTTPRequest, body: ByteBuffer = ByteBuffer(), trafficClass: TrafficClass = .control, upTo limit: Int
    ) async throws -> (head: HTTPResponse, body: ByteBuffer) {
        try await withExchange(request, trafficClass: trafficClass) { exchange in
            if body.readableBytes > 0 { try await exchange.send(body) }
            try await exchange.finish()
            let head = try await exchange.response()
            return (head, try await exchange.body.collect(upTo: limit))
        }
    }

    /// Posts a JSON document and reads the JSON answer; a problem document is thrown as `Problem`.
    package func post<Answer: Decodable & Sendable>(
        _ value: some Encodable, to path: String, session: String?, answer: Answer.Type, limits: WireLimits
    ) async throws -> Answer {
        var request = HTTPRequest(method: .post, scheme: "https", authority: "gateway", path: path)
        request.headerFields[.contentType] = "application/json"
        request.headerFields[.latchkeySession] = session
        let (head, body) = try await call(
            request, body: try WireCoding.encode(value), upTo: limits.documentBytes)
        guard head.status.kind == .successful else { throw Problem(reading: head, body) }
        return try WireCoding.decode(answer, from: body)
    }
}

extension Problem {
    /// The problem that an answer carries, or one made of its status.
    package init(reading head: HTTPResponse, _ body: ByteBuffer) {
        if let problem = try? WireCoding.decode(Problem.self, from: body) {
            self = problem
        } else {
            self.init(.unavailable, "The gateway answered \(head.status).", status: head.status.code)
        }
    }
}
