public import HTTPTypes
public import NIOCore
public import NetworkTypes

/// One request that an `HTTPServer` received, and the means to answer it: `respond`, `send`…, `finish`.
public final class HTTPServerExchange: Sendable {
    /// The request. `Host` is its `authority`; `path` is the target with its query.
    public let request: HTTPRequest
    /// Who asks.
    public let peer: SocketEndpoint
    /// Our own address and port on this connection.
    public let local: SocketEndpoint
    /// The body of the request.
    public let body: HTTPBody

    init(request: HTTPRequest, peer: SocketEndpoint, local: SocketEndpoint, body: HTTPBody) {
        self.request = request
        self.peer = peer
        self.local = local
        self.body = body
    }

    /// Sends the head of the answer, once.
    ///
    /// With a `Content-Length` the body must have exactly that many bytes. Without one it is chunked,
    /// or for an HTTP/1.0 peer ends with the connection. Answers to HEAD and with status 204 or 304
    /// have no body, whatever their length says. Connection and framing fields are the server's own affair.
    public func respond(_ response: HTTPResponse) async throws {}

    /// Sends a part of the answer's body; returns when there is room for more.
    ///
    /// Throws `connectionClosed` when the peer went away. For an answer without a body it does nothing.
    public func send(_ chunk: ByteBuffer) async throws {}

    /// Ends the answer's body, once.
    public func finish() async throws {}

    /// Answers in one piece, with a `Content-Length`.
    public func respond(
        _ status: HTTPResponse.Status, headers: HTTPFields = [:], body: ByteBuffer = ByteBuffer()
    ) async throws {}
}
