internal import HTTPTypes
package import Logging
package import NIOCore
package import Tunnel

/// Opens tunnels to a listener.
package struct TunnelDialer: CarrierDialer {
    private let configuration: TunnelDialerConfiguration
    private let contexts: ClientContextCache
    private let group: any EventLoopGroup
    private let logger: Logger

    /// Makes a dialer.
    package init(
        configuration: TunnelDialerConfiguration = .init(), eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.contexts = ClientContextCache(configuration.tls)
        self.group = eventLoopGroup
        self.logger = logger
    }

    /// Races the addresses, those of the gateway itself first, and returns the first tunnel on which the listener itself has answered.
    ///
    /// The media connection is opened to the same address at the first exchange of class media.
    ///
    /// - Parameters:
    ///   - addresses: in the order of preference.
    ///   - identity: the client's certificate and key; nil to pair.
    ///   - purpose: `.session` or `.pairing`.
    ///   - verifyServer: is shown the server's certificate before anything is sent to it, on each
    ///     connection, and returns nil to accept it or a sentence that says why not; must not block.
    /// - Throws: `TunnelError`; `.refused` carries the listener's own sentence.
    package func connect(
        to addresses: [TunnelAddress],
        identity: TunnelIdentity?,
        purpose: ConnectionPurpose = .session,
        verifyServer: @escaping @Sendable (PeerCertificate) -> String?
    ) async throws -> TLSCarrier {
        let dial = Dial(
            configuration: configuration, contexts: contexts, group: group, identity: identity,
            verifyServer: verifyServer
        )
        // Ways through a relay come last, however they were given.
        let ordered = addresses.filter { $0.serverName == nil } + addresses.filter { $0.serverName != nil }
        let candidates = Array(ordered.prefix(configuration.maximumAddresses))
        guard !candidates.isEmpty else { throw TunnelError(.unreachable, "No address of the gateway is known.") }
        let firstRelayed = candidates.firstIndex { $0.serverName != nil } ?? candidates.endIndex
        return try await CarrierRace { try await Task.sleep(for: $0) }.first(of: candidates.count) { index in
            index == firstRelayed
                ? .init(of: 0..<index, atMost: Duration(configuration.relayDelay))
                : .init(of: max(index - 1, 0)..<index, atMost: Duration(configuration.raceDelay))
        } attempt: { index in
            try await attempt(candidates[index], purpose, dial)
        }
    }

    /// A check that accepts a server whose key has one of `pins` (SHA-256 of the SubjectPublicKeyInfo, 32 bytes).
    package static func pinned(_ pins: [[UInt8]]) -> @Sendable (PeerCertificate) -> String? {
        PeerCertificate.pinned(pins)
    }

    package func dial(
        _ addresses: [TunnelAddress], identity: TunnelIdentity?, purpose: ConnectionPurpose,
        verifyServer: @escaping @Sendable (PeerCertificate) -> String?
    ) async throws -> any Carrier {
        try await connect(to: addresses, identity: identity, purpose: purpose, verifyServer: verifyServer)
    }

    private func attempt(_ address: TunnelAddress, _ purpose: ConnectionPurpose, _ dial: Dial) async throws
        -> TLSCarrier
    {
        let connection = try await dial.connect(address, purpose)
        let carrier = TLSCarrier(dialled: connection, media: { try await dial.connect(address, .media) })
        let timer = connection.channel.eventLoop.scheduleTask(in: configuration.connectTimeout) {
            connection.close(.failed("The gateway did not answer."))
        }
        defer { timer.cancel() }
        do {
            try await carrier.greet()
        } catch let end as CarrierEnd {
            throw TunnelError(.handshakeFailed, "The gateway ended the connection before it answered (\(end)).")
        } catch {
            carrier.close(.closed)
            throw error
        }
        logger.debug("a tunnel is up", metadata: ["peer.address": "\(address)"])
        return carrier
    }
}
