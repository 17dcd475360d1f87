/// What an `HTTPServer` allows its peers. Every value bounds something that a peer chooses.
public struct HTTPServerLimits: Sendable, Hashable {
    /// Connections at one time, all peers together. Further ones are closed unread.
    public var connections = 256
    /// Connections at one time from one address.
    public var connectionsPerAddress = 32
    /// Header fields in a request, trailers included.
    public var headerFields = 64
    /// Bytes of one header field, name and value, or of the target.
    public var headerFieldBytes = 8 * 1024
    /// Bytes of all header fields of a request together, and of its target.
    public var headerBytes = 16 * 1024
    /// Bytes of a request's body; nil for a server that takes uploads of any size.
    public var bodyBytes: Int? = 1024 * 1024
    /// Requests that a peer may send ahead of their answers.
    public var pipelinedRequests = 16
    /// Bytes of a request's body that wait in memory for the handler; one read of at most 256 KiB may come on top.
    public var bufferedBytes = 256 * 1024
    /// Bytes of an answer that wait in memory for the network before `send` waits.
    public var unsentBytes = 256 * 1024
    /// From a connection's opening, or a request's first byte, to the end of its head.
    public var headTime: Duration = .seconds(10)
    /// How long a connection may stay open between two requests.
    public var idleTime: Duration = .seconds(60)
    /// How long a wanted part of a request's body may fail to come.
    public var bodyStallTime: Duration = .seconds(30)
    /// Bytes a second at which a request's body must come, on average while it is waited for and once that has
    /// taken longer than ``bodyStallTime``: a byte now and then holds no connection. 0 asks for none.
    public var bodyRate = 512
    /// How long a peer may take nothing of an answer; a paused player does so for minutes.
    public var sendStallTime: Duration = .seconds(900)
    /// Whether a peer that shuts down its sending side still gets its answer. Some devices do so after
    /// a NOTIFY; elsewhere it is how a peer leaves, and the handler is cancelled.
    public var toleratesHalfClose = false

    /// Limits for a server on a home network.
    public init() {}
}
