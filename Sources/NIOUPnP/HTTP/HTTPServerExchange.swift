public import HTTPTypes
import Logging
public import NIOCore
public import NetworkTypes
import Synchronization

/// One request that an `HTTPServer` received, and the means to answer it: `respond`, `send`…, `finish`.
public final class HTTPServerExchange: Sendable {
    /// The request, without the fields that belong to the connection. `Host` is its `authority`; `path` is
    /// the target with its query.
    public let request: HTTPRequest
    /// Who asks.
    public let peer: SocketEndpoint
    /// Our own address and port on this connection.
    public let local: SocketEndpoint
    /// The body of the request.
    public let body: HTTPBody
    /// The TLS connection that it came over; nil for one in clear.
    public let connection: SecureConnection?

    /// How an exchange reaches its connection.
    struct Link: Sendable {
        let connection: NIOLoopBound<HTTPServerConnection>
        let eventLoop: any EventLoop
        let executor: EventLoopTaskExecutor
        let id: UInt64
        let outflow: Outflow
        let acceptsChunked: Bool
        let keepsAliveExplicitly: Bool

        /// The value of `Connection`, if one is to be sent.
        func connectionField(_ closes: Bool) -> String? {
            closes ? "close" : keepsAliveExplicitly ? "keep-alive" : nil
        }
    }

    private enum Progress {
        case awaitingHead
        case body(Framing)
        case finished
    }

    private enum Framing {
        /// HEAD, 204, 304: whatever is sent is dropped.
        case none
        case length(remaining: Int)
        case chunked(first: Bool)
        case untilClose
    }

    private let link: Link
    private let progress = Mutex(Progress.awaitingHead)

    init(
        request: HTTPRequest, peer: SocketEndpoint, local: SocketEndpoint, body: HTTPBody,
        connection: SecureConnection? = nil, link: Link
    ) {
        self.request = request
        self.peer = peer
        self.local = local
        self.body = body
        self.connection = connection
        self.link = link
    }

    /// Runs tasks where the exchange's handler runs.
    var executor: any TaskExecutor { link.executor }

    /// Sends the head of the answer, once.
    ///
    /// With a `Content-Length` the body must have exactly that many bytes. Without one it is chunked,
    /// or for an HTTP/1.0 peer ends with the connection. Answers to HEAD and with status 204 or 304
    /// have no body, whatever their length says. Connection and framing fields are the server's own affair.
    public func respond(_ response: HTTPResponse) async throws {
        let framing = try framing(of: response)
        try progress.withLock { progress throws(HTTPTransportError) in
            guard case .awaitingHead = progress else {
                throw HTTPTransportError(.misuse, "an exchange has one head")
            }
            progress = .body(framing)
        }
        let link = link
        let (closes, chunked) =
            switch framing {
            case .untilClose: (true, false)
            case .chunked: (false, true)
            case .none, .length: (false, false)
            }
        // A head has no room to wait for: its size is our own choice.
        try link.outflow.submitted(0)
        link.eventLoop.hop {
            link.connection.value.writeHead(link.id, closes: closes) { closes in
                var buffer = ByteBuffer()
                HTTPHeadCodec.write(
                    response, chunked: chunked, connection: link.connectionField(closes), to: &buffer
                )
                return buffer
            }
        }
    }

    private func framing(of response: HTTPResponse) throws(HTTPTransportError) -> Framing {
        if request.method == .head || response.status.code == 204 || response.status.code == 304 { return .none }
        if let length = response.headerFields[.contentLength] {
            guard let length = Int(length), length >= 0 else {
                throw HTTPTransportError(.misuse, "the Content-Length is not a number")
            }
            return .length(remaining: length)
        }
        return link.acceptsChunked ? .chunked(first: true) : .untilClose
    }

    /// Sends a part of the answer's body; returns when there is room for more.
    ///
    /// Throws `connectionClosed` when the peer went away. For an answer without a body it does nothing.
    public func send(_ chunk: ByteBuffer) async throws {
        let size = chunk.readableBytes
        guard size > 0 else { return }
        let prefix: ByteBuffer? = try progress.withLock { progress throws(HTTPTransportError) in
            guard case .body(let framing) = progress else {
                throw HTTPTransportError(.misuse, "a body comes between the head and the end")
            }
            switch framing {
            case .none: return nil
            case .untilClose: return ByteBuffer()
            case .length(let remaining):
                guard size <= remaining else {
                    throw HTTPTransportError(.misuse, "the body is longer than its Content-Length")
                }
                progress = .body(.length(remaining: remaining - size))
                return ByteBuffer()
            case .chunked(let first):
                progress = .body(.chunked(first: false))
                return ByteBuffer(string: (first ? "" : "\r\n") + String(size, radix: 16) + "\r\n")
            }
        }
        guard let prefix else { return }
        if prefix.readableBytes > 0 { try submit(prefix, .prefix) }
        try submit(chunk, .chunk)
        try await link.outflow.room()
    }

    /// Ends the answer's body, once; returns when the operating system has taken all of it.
    public func finish() async throws {
        let trailer: ByteBuffer? = try progress.withLock { progress throws(HTTPTransportError) in
            guard case .body(let framing) = progress else {
                throw HTTPTransportError(.misuse, "an exchange ends once, after its head")
            }
            progress = .finished
            switch framing {
            case .none, .untilClose: return nil
            case .length(let remaining):
                guard remaining == 0 else {
                    progress = .body(framing)
                    throw HTTPTransportError(.misuse, "the body is \(remaining) bytes short of its Content-Length")
                }
                return nil
            case .chunked(let first):
                return ByteBuffer(string: (first ? "" : "\r\n") + "0\r\n\r\n")
            }
        }
        try submit(trailer ?? ByteBuffer(), .last)
        try await link.outflow.drained()
    }

    /// Answers in one piece, with a `Content-Length`.
    public func respond(
        _ status: HTTPResponse.Status, headers: HTTPFields = [:], body: ByteBuffer = ByteBuffer()
    ) async throws {
        var response = HTTPResponse(status: status, headerFields: headers)
        let hasLength = status.code != 204 && status.code != 304
        if hasLength { response.headerFields[.contentLength] = String(body.readableBytes) }
        guard body.readableBytes <= Self.joinedBytes else {
            try await respond(response)
            try await send(body)
            return try await finish()
        }
        let answer = response
        let hasBody = hasLength && request.method != .head
        try progress.withLock { progress throws(HTTPTransportError) in
            guard case .awaitingHead = progress else {
                throw HTTPTransportError(.misuse, "an exchange has one head")
            }
            progress = .finished
        }
        let charge = 1 + body.readableBytes
        try link.outflow.submitted(charge)
        let link = link
        link.eventLoop.hop {
            link.connection.value.answer(link.id, charge: charge, outflow: link.outflow) { closes in
                var buffer = ByteBufferAllocator().buffer(capacity: 512 + body.readableBytes)
                HTTPHeadCodec.write(answer, chunked: false, connection: link.connectionField(closes), to: &buffer)
                if hasBody { buffer.writeImmutableBuffer(body) }
                return buffer
            }
        }
        try await link.outflow.drained()
    }

    /// A body of up to so many bytes is copied behind its head and leaves with it.
    private static let joinedBytes = 64 * 1024

    private func submit(_ buffer: ByteBuffer, _ kind: HTTPServerConnection.WriteKind) throws(HTTPTransportError) {
        // Also an empty last write is waited for.
        let charge = max(1, buffer.readableBytes)
        try link.outflow.submitted(charge)
        let link = link
        link.eventLoop.hop {
            link.connection.value.write(link.id, buffer, charge: charge, outflow: link.outflow, kind: kind)
        }
    }

    /// Runs a handler and completes the exchange in its stead if it does not.
    func run(_ handler: @Sendable (HTTPServerExchange) async throws -> Void, logger: Logger) async {
        var status = HTTPResponse.Status.internalServerError
        do {
            try await handler(self)
        } catch {
            logger.debug("an HTTP handler threw", metadata: ["error": "\(error)"])
            if let error = error as? HTTPTransportError, error.code == .bodyTooLarge { status = .contentTooLarge }
            if let error = error as? HTTPTransportError, error.code == .malformedMessage { status = .badRequest }
        }
        let answered: Bool? = progress.withLock { progress in
            switch progress {
            case .awaitingHead: nil
            case .body: false
            case .finished: true
            }
        }
        do {
            switch answered {
            case nil: try await respond(status)
            case true?: break
            case false?: throw HTTPTransportError(.misuse, "the handler left its answer unfinished")
            }
        } catch {
            let link = link
            link.eventLoop.hop { link.connection.value.breakOff(link.id) }
        }
    }
}
