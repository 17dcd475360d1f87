internal import HTTPTypes
internal import Tunnel

internal import struct NIOCore.ByteBuffer

/// An exchange that this end opened.
struct ClientExchange: OutboundExchange {
    let stream: ExchangeStream

    func send(_ chunk: ByteBuffer) async throws { try await stream.send(chunk) }
    func finish() async throws { try stream.finish() }
    func response() async throws -> HTTPResponse { try await stream.response() }
    var body: ExchangeBody { ExchangeBody { [stream] in try await stream.nextChunk() } }
    func reset(_ code: ResetCode) { stream.reset(code) }
}

/// An exchange that the peer opened.
struct ServerExchange: InboundExchange {
    let request: HTTPRequest
    let stream: ExchangeStream

    var trafficClass: TrafficClass { stream.trafficClass }
    var body: ExchangeBody { ExchangeBody { [stream] in try await stream.nextChunk() } }
    func respond(_ response: HTTPResponse) async throws { try stream.send(head: HeaderTranslation.headers(response)) }
    func send(_ chunk: ByteBuffer) async throws {
        // RFC 9110 §9.3.2: an answer to HEAD has no body, and HTTP/2 makes an error of one.
        guard request.method != .head else { return }
        try await stream.send(chunk)
    }

    func finish() async throws { try stream.finish() }
    func reset(_ code: ResetCode) { stream.reset(code) }
}
