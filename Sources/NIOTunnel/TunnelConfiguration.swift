package import NIOCore
package import RelayProtocol
package import Tunnel

/// What TLS may negotiate, alike at both ends.
package struct TunnelTLS: Sendable {
    /// The oldest version of TLS that is spoken.
    package enum Version: Hashable, Sendable {
        case tls12
        case tls13
    }

    /// TLS 1.3 unless a configuration says otherwise; nothing older than 1.2 can be chosen.
    package var minimumVersion = Version.tls13
    /// Receives each line of an NSS key log (for capture tests only: whoever has it can read the tunnel).
    package var keyLog: (@Sendable (ByteBuffer) -> Void)?

    /// Makes the default policy.
    package init() {}
}

/// The flow-control and frame sizes of one connection, in bytes; both ends of a connection use the same.
///
/// The memory that a peer can make this end hold is at most `streams` times `streamWindow`
/// (NIOHTTP2 refills the connection's window while a stream's reader stalls). A stream's window is
/// refilled by its reader.
package struct ConnectionSettings: Hashable, Sendable {
    /// What may be in flight on one exchange.
    package var streamWindow: Int
    /// What may be in flight on the connection.
    package var connectionWindow: Int
    /// How many exchanges may be open at once.
    package var streams: Int
    /// The largest frame.
    package var maximumFrame: Int
    /// How much one exchange may hand over for writing before its writer is held back.
    package var sendBuffer: Int
    /// The size of the pieces in which a long body is handed to its reader.
    package var chunk: Int
    /// What TCP may hold unsent (`TCP_NOTSENT_LOWAT`).
    package var unsentLimit: Int
    /// How many resets the peer may send in `resetWindow` before the connection is given up.
    package var resets: Int
    /// The time over which resets are counted.
    package var resetWindow: TimeAmount

    /// For sessions and pairing: small windows, many exchanges.
    package static let control = ConnectionSettings(
        streamWindow: 64 << 10, connectionWindow: 256 << 10, streams: 64, maximumFrame: 16 << 10,
        sendBuffer: 64 << 10, chunk: 32 << 10, unsentLimit: 64 << 10, resets: 128,
        resetWindow: .seconds(5)
    )

    /// For bodies of any size: large windows, few exchanges, many resets (a player that seeks).
    package static let media = ConnectionSettings(
        streamWindow: 4 << 20, connectionWindow: 8 << 20, streams: 8, maximumFrame: 64 << 10,
        sendBuffer: 512 << 10, chunk: 256 << 10, unsentLimit: 256 << 10, resets: 4_000,
        resetWindow: .seconds(10)
    )
}

/// Everything about a listener that has a default.
package struct TunnelListenerConfiguration: Sendable {
    /// What TLS may negotiate.
    package var tls = TunnelTLS()
    /// Sizes of session and pairing connections.
    package var control = ConnectionSettings.control
    /// Sizes of media connections.
    package var media = ConnectionSettings.media
    /// When to ask a quiet peer, and when to give it up.
    package var keepalive = Keepalive.Configuration()
    /// Whether to listen on every IPv6 address as well, at the same port; where the host has no IPv6, that is no error.
    package var alsoIPv6 = false
    /// Connections at once, from everybody.
    package var maximumConnections = 1_024
    /// Connections at once from one address.
    package var maximumConnectionsPerAddress = 64
    /// Connections at once that have not finished their handshake.
    package var maximumHandshakes = 64
    /// How fast one source may come through relays, before TLS has cost anything. The source is the relay's word.
    package var relayedSourceRate = RateLimit.Rate(perSecond: 5, burst: 32)
    /// How fast everybody together may come through relays. They have half of all places and of all handshakes at most,
    /// so that no relay, whatever it says, keeps out who comes directly.
    package var relayedRate = RateLimit.Rate(perSecond: 30, burst: 128)
    /// How long a handshake may take.
    package var handshakeTimeout = TimeAmount.seconds(10)
    /// How long a pairing connection may live.
    package var pairingTimeout = TimeAmount.seconds(120)
    /// How long a refused peer may keep its connection to read why.
    package var refusalTimeout = TimeAmount.seconds(2)
    /// Runs the handlers of exchanges on their connection's event loop: no thread is switched for a
    /// call, but a handler that blocks its thread blocks the connection.
    package var handlersRunOnEventLoop = true

    /// Makes the default configuration.
    package init() {}
}

/// Everything about a dialer that has a default.
package struct TunnelDialerConfiguration: Sendable {
    /// What TLS may negotiate.
    package var tls = TunnelTLS()
    /// Sizes of session and pairing connections.
    package var control = ConnectionSettings.control
    /// Sizes of the media connection.
    package var media = ConnectionSettings.media
    /// When to ask a quiet peer, and when to give it up.
    package var keepalive = Keepalive.Configuration()
    /// How long one address may take for TCP and TLS and the first answer.
    package var connectTimeout = TimeAmount.seconds(10)
    /// How long the next address waits for the one before it (RFC 8305 §5).
    package var raceDelay = TimeAmount.milliseconds(250)
    /// How long a relay waits for the gateway's own addresses, however many there are: long enough that a path on the
    /// same continent is direct, short enough that nobody notices when none is.
    package var relayDelay = TimeAmount.milliseconds(350)
    /// How many addresses are tried at most.
    package var maximumAddresses = 16
    /// How long an unused media connection is kept.
    package var mediaIdleTimeout = TimeAmount.seconds(30)

    /// Makes the default configuration.
    package init() {}
}
