package import Logging
package import NIOCore

/// Opens tunnels to a listener.
package struct TunnelDialer: Sendable {
    private let configuration: TunnelDialerConfiguration
    private let group: any EventLoopGroup
    private let logger: Logger

    /// Makes a dialer.
    package init(
        configuration: TunnelDialerConfiguration = .init(), eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.group = eventLoopGroup
        self.logger = logger
    }

    /// Races the addresses and returns the first tunnel on which the listener itself has answered.
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
        throw TunnelError(.unsupported, "not there yet")
    }

    /// A check that accepts a server whose key has one of `pins` (SHA-256 of the SubjectPublicKeyInfo, 32 bytes).
    package static func pinned(_ pins: [[UInt8]]) -> @Sendable (PeerCertificate) -> String? {
        { certificate in
            pins.contains(certificate.keyPin)
                ? nil : "The server's key is not the one that was pinned when this device was paired."
        }
    }
}
