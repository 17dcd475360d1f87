public import Logging
public import NIOCore
public import NetworkTypes

/// An HTTP/1.1 server on a literal address, made for a home network: it bounds what every peer can cost.
public final class HTTPServer: Sendable {
    /// What peers are allowed.
    public let limits: HTTPServerLimits

    /// Makes a server that does nothing until `run`.
    public init(limits: HTTPServerLimits = .init(), eventLoopGroup: any EventLoopGroup, logger: Logger) {
        self.limits = limits
    }

    /// Listens on `endpoint` and answers until the task is cancelled or `beginGracefulShutdown` has drained it.
    ///
    /// - Parameters:
    ///   - endpoint: A literal address; port 0 takes a free one.
    ///   - onBound: Told the endpoint with its real port, before the first connection.
    ///   - accepts: Asked about each peer before a byte is read; false closes the connection.
    ///   - handler: Answers one request. It is cancelled when its peer goes away. What it throws before
    ///     responding becomes 500 (413 for a body that is too large); afterwards it breaks the connection.
    /// - Throws: What the operating system says about binding.
    public func run(
        on endpoint: SocketEndpoint,
        onBound: @escaping @Sendable (SocketEndpoint) -> Void = { _ in },
        accepts: @escaping @Sendable (SocketEndpoint) -> Bool = { _ in true },
        handler: @escaping @Sendable (HTTPServerExchange) async throws -> Void
    ) async throws {
        throw HTTPTransportError(.shutDown, "not served yet")
    }

    /// Accepts nothing more, closes idle connections, lets running exchanges finish; then `run` returns.
    public func beginGracefulShutdown() {}
}
