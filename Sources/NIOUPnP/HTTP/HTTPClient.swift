public import HTTPTypes
public import Logging
public import NIOCore
public import NetworkTypes

/// An HTTP/1.1 client that connects to literal endpoints only: it resolves no name and follows no redirect.
public final class HTTPClient: Sendable {
    /// Makes a client; it opens connections on demand and keeps few of them.
    public init(eventLoopGroup: any EventLoopGroup, logger: Logger) {}

    /// Sends a request and runs `use` with its answer.
    ///
    /// `Host` is the request's `authority`; connection and framing fields are the client's own affair.
    /// A body that `use` leaves unread costs that connection. A kept connection that turns out dead is
    /// replaced once, if the peer cannot have acted on the request.
    /// - Parameters:
    ///   - body: The request's body, sent with a `Content-Length`.
    ///   - endpoint: Where to connect.
    ///   - localAddress: The own address to connect from.
    /// - Throws: `HTTPTransportError`, `CancellationError`, and what `use` throws.
    public func withResponse<Result: Sendable>(
        _ request: HTTPRequest,
        body: ByteBuffer? = nil,
        to endpoint: SocketEndpoint,
        from localAddress: IPAddress? = nil,
        limits: HTTPClientLimits = .init(),
        _ use: (HTTPResponse, HTTPBody) async throws -> Result
    ) async throws -> Result {
        throw HTTPTransportError(.shutDown, "not built yet")
    }

    /// Sends a request whose body is pulled from `upload` (chunked, unless the request has a
    /// `Content-Length`) while the answer is awaited, and runs `use` with the answer.
    public func withResponse<Result: Sendable>(
        _ request: HTTPRequest,
        upload: HTTPBody,
        to endpoint: SocketEndpoint,
        from localAddress: IPAddress? = nil,
        limits: HTTPClientLimits = .init(),
        _ use: (HTTPResponse, HTTPBody) async throws -> Result
    ) async throws -> Result {
        throw HTTPTransportError(.shutDown, "not built yet")
    }

    /// Closes every kept connection and refuses further requests.
    public func shutDown() {}
}
