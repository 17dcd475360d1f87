/// Why an HTTP exchange failed beneath its answer: there is no status code for it.
public struct HTTPTransportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public enum Code: String, Hashable, Sendable {
        /// The peer could not be reached.
        case connectFailed
        /// The peer closed the connection before the message was complete.
        case connectionClosed
        /// A time limit ran out; the message says which.
        case timedOut
        /// The peer's message breaks HTTP/1.1 (RFC 9112) or exceeds a header limit.
        case malformedMessage
        /// A body is larger than its limit.
        case bodyTooLarge
        /// The caller broke the order of calls or the length that it had announced.
        case misuse
        /// The server or client was shut down.
        case shutDown
    }

    /// The kind of failure.
    public var code: Code
    /// What happened, for a log.
    public var message: String

    /// Makes an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message, with its kind in front.
    public var description: String { "\(code.rawValue): \(message)" }
}
