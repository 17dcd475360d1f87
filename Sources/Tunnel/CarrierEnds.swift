package import NetworkTypes

/// Accepts carriers on one address, whatever they run on.
package protocol CarrierListener: Sendable {
    /// Listens until the task is cancelled; then every connection is closed.
    ///
    /// - Parameters:
    ///   - endpoint: Where to listen; port 0 takes any free one.
    ///   - onBound: Is told the address and port once it listens.
    ///   - identity: The server's certificate and key; asked for each connection.
    ///   - pairingOpen: Whether clients without a certificate may pair; asked for each such connection.
    ///   - authorize: Decides on every completed handshake, resumed or not; must not block.
    ///   - sessions: Runs for each carrier that was let in, in a child task; the carrier is closed when it returns.
    ///   - pairing: Runs for each exchange of a pairing connection, in a child task.
    /// - Throws: `TunnelError`; `CancellationError` when the task was cancelled.
    func run(
        on endpoint: SocketEndpoint,
        onBound: @escaping @Sendable (SocketEndpoint) -> Void,
        identity: @escaping @Sendable () -> TunnelIdentity,
        pairingOpen: @escaping @Sendable () -> Bool,
        authorize: @escaping @Sendable (PeerCertificate) -> Authorization,
        sessions: @escaping @Sendable (any Carrier, AdmittedPeer) async -> Void,
        pairing: @escaping @Sendable (any InboundExchange, SocketEndpoint) async -> Void
    ) async throws

    /// Closes at once every connection whose peer `matches`, and says how many there were.
    @discardableResult
    func closeCarriers(reason: CarrierEnd, where matches: (AdmittedPeer) -> Bool) -> Int

    /// How many connections there are, of whatever kind.
    var connectionCount: Int { get }
}

extension CarrierListener {
    /// Closes at once every connection of a subject, and says how many there were.
    @discardableResult
    package func closeCarriers(of subject: String, reason: CarrierEnd = .revoked) -> Int {
        closeCarriers(reason: reason) { $0.subject == subject }
    }
}

/// Opens carriers to a listener of the same kind.
package protocol CarrierDialer: Sendable {
    /// Races the addresses and returns the first carrier on which the listener itself has answered.
    ///
    /// - Parameters:
    ///   - addresses: In the order of preference.
    ///   - identity: The client's certificate and key; nil to pair.
    ///   - purpose: `.session` or `.pairing`.
    ///   - verifyServer: Is shown the server's certificate before anything is sent to it, and returns nil to accept
    ///     it or a sentence that says why not; must not block.
    /// - Throws: `TunnelError`; `.refused` carries the listener's own sentence.
    func dial(
        _ addresses: [TunnelAddress], identity: TunnelIdentity?, purpose: ConnectionPurpose,
        verifyServer: @escaping @Sendable (PeerCertificate) -> String?
    ) async throws -> any Carrier
}
