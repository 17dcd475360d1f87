package import NIOCore
package import Tunnel

/// The windows of a connection, in bytes; both ends use the same.
///
/// The memory that a peer can make this end hold is at most `mediaStreams` times `mediaWindow` and, for each end,
/// `streams` times `controlWindow`. Every window is refilled by whoever reads, so that a reader who stalls holds its
/// own stream and no other.
package struct QUICSettings: Hashable, Sendable {
    /// What may be in flight on an exchange of class control or event.
    package var controlWindow = 64 << 10
    /// What may be in flight on an exchange of class media.
    package var mediaWindow = 4 << 20
    /// How many exchanges each end may have open at once, media included.
    package var streams = 72
    /// How many exchanges of class media get the large window, and how many of them this end opens at once.
    package var mediaStreams = 8
    /// How much one exchange of class media may hand over for writing before its writer is held back; the others a
    /// `controlWindow`.
    package var mediaSendBuffer = 512 << 10
    /// The size of the pieces in which a long body is handed to its reader.
    package var chunk = 256 << 10
    /// The most that a datagram of ours carries, in bytes; found by probing, from 1,200 up.
    package var maximumDatagramSize = 1_452

    /// Makes the default settings.
    package init() {}

    /// The window of the whole connection: never the one that closes first.
    var connectionWindow: Int { mediaStreams * mediaWindow + 2 * streams * controlWindow }

    func window(_ trafficClass: TrafficClass) -> Int { trafficClass == .media ? mediaWindow : controlWindow }
    func sendBuffer(_ trafficClass: TrafficClass) -> Int { trafficClass == .media ? mediaSendBuffer : controlWindow }
}

/// Everything about a listener that has a default.
package struct QUICListenerConfiguration: Sendable {
    /// Sizes of every connection.
    package var settings = QUICSettings()
    /// When to ask a quiet peer, and when to give it up.
    package var keepalive = Keepalive.Configuration()
    /// Connections at once, from everybody.
    package var maximumConnections = 1_024
    /// Connections at once from one address.
    package var maximumConnectionsPerAddress = 64
    /// Connections at once that have not finished their handshake.
    package var maximumHandshakes = 64
    /// From how many handshakes at once on a client has to prove its address first (a Retry, RFC 9000 §8.1.2).
    package var retryAboveHandshakes = 16
    /// Answers a second to datagrams of no connection: Retry, version negotiation, stateless reset.
    package var statelessAnswersPerSecond = 2_000
    /// How long a handshake may take.
    package var handshakeTimeout = TimeAmount.seconds(10)
    /// How long a pairing connection may live.
    package var pairingTimeout = TimeAmount.seconds(120)
    /// Runs the handlers of exchanges on the socket's event loop: no thread is switched for a call, but a handler
    /// that blocks its thread blocks every connection.
    package var handlersRunOnEventLoop = false

    /// Makes the default configuration.
    package init() {}
}

/// Everything about a dialer that has a default.
package struct QUICDialerConfiguration: Sendable {
    /// Sizes of every connection.
    package var settings = QUICSettings()
    /// When to ask a quiet peer, and when to give it up.
    package var keepalive = Keepalive.Configuration()
    /// How long one address may take until the listener has let us in.
    package var connectTimeout = TimeAmount.seconds(10)
    /// How long the next address waits for the one before it (RFC 8305 §5).
    package var raceDelay = TimeAmount.milliseconds(250)
    /// How many addresses are tried at most.
    package var maximumAddresses = 16
    /// How often is looked whether this host would reach the peer from another address by now; nil never.
    package var watchInterval: TimeAmount? = .seconds(1)

    /// Makes the default configuration.
    package init() {}
}

extension ConnectionPurpose {
    /// The ALPN identifier of a QUIC connection for this purpose; media travels with its session.
    var quicProtocol: String {
        switch self {
        case .session, .media: "latchkey-quic/1"
        case .pairing: "latchkey-quic-pair/1"
        }
    }

    /// The purpose that an ALPN identifier names.
    init?(quicProtocol: String) {
        guard let found = [Self.session, .pairing].first(where: { $0.quicProtocol == quicProtocol }) else { return nil }
        self = found
    }
}
