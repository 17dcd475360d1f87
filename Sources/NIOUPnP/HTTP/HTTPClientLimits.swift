/// What an `HTTPClient` allows the peer of one request.
public struct HTTPClientLimits: Sendable, Hashable {
    /// Time to connect.
    public var connectTime: Duration = .seconds(5)
    /// From the request's last byte to the end of the answer's head (UDA 2.0 §2.1 and §3.1.1 allow a device 30 s).
    public var headTime: Duration = .seconds(30)
    /// How long a wanted part of the answer's body may fail to come, or a part of the request fail to leave.
    public var stallTime: Duration = .seconds(30)
    /// For the whole exchange, from connecting to the end of the body; nil for streams.
    public var totalTime: Duration?
    /// Header fields in an answer.
    public var headerFields = 128
    /// Bytes of one header field, name and value.
    public var headerFieldBytes = 8192
    /// Bytes of all header fields of an answer together.
    public var headerBytes = 32 * 1024
    /// Whether a request that must not be sent twice may go over a kept connection, where the peer has been seen
    /// to keep its connections.
    public var reusesForActions = false
    /// Whether requests follow one another over one connection, also those that must not be sent twice: for what is
    /// true of a connection only, such as a login.
    public var staysOnConnection = false
    /// Bytes of a body that wait in memory for their reader; one read of at most 256 KiB may come on top.
    public var bufferedBytes = 256 * 1024

    /// Limits for a media stream or a SOAP call: no limit on the whole time.
    public init() {}
}
