/// What a forwarder holds at most, and its times (group keys specification 3.10, 3.14).
package struct ForwarderLimits: Sendable {
    /// Open requests of one client.
    package var openPerClient = 64
    /// Open requests in all.
    package var open = 65_536
    /// Requests that are over but still known, so that a repeated one is not asked a second time.
    package var remembered = 262_144
    /// How long a request stays known after it was opened.
    package var rememberFor: Duration = .seconds(60)
    /// When a broadcast that nobody answered is sent again, once.
    package var repeatAfter: Duration = .milliseconds(100)
    /// The window of a client that asks for none.
    package var defaultWindow: Duration = .milliseconds(2_000)
    /// The shortest and the longest window a client gets.
    package var window: ClosedRange<Duration> = .milliseconds(50) ... .milliseconds(30_000)
    /// Requests per second of one client, in the long run.
    package var requestsPerSecond = 50
    /// Requests of one client at once.
    package var burst = 100
    /// Members with a channel.
    package var members = 1 << 20
    /// Different servers that may answer one request.
    package var answersPerRequest = 4_096

    /// The specification's limits.
    package init() {}
}
