/// On what a tunnel runs, by configuration.
package enum CarrierChoice: String, Hashable, Sendable, CaseIterable {
    /// TLS over TCP.
    case tls
    /// QUIC over UDP.
    case quic
    /// Whatever answers; QUIC first, because it follows a client from network to network.
    case auto

    /// Whether TLS may be used.
    package var allowsTLS: Bool { self != .quic }
    /// Whether QUIC may be used.
    package var allowsQUIC: Bool { self != .tls }
}
