package import NIOUPnP
package import NetworkTypes
package import TrustCore

/// The addresses that a pairing code carries when nobody named any.
package enum ReachableAddresses {
    /// A code has to fit its QR code; more addresses are named by hand.
    package static let most = 3

    /// The listening address itself when it is a host's; for `0.0.0.0` and `::` the host's own addresses,
    /// those of `preferred` first, IPv4 before IPv6, without loopback, link-local and temporary ones.
    package static func choose(
        listen: SocketEndpoint, preferred: String?, interfaces: [NetworkInterface]
    ) -> [GatewayAddress] {
        guard listen.address.isUnspecified else { return GatewayAddress(listen).map { [$0] } ?? [] }
        let ordered = interfaces.filter { $0.name == preferred } + interfaces.filter { $0.name != preferred }
        let candidates = ordered.flatMap(\.stableAddresses).map(\.address)
            .filter { $0.isUnicastHost && !$0.isLinkLocal }
        let v4 = candidates.filter { if case .v4 = $0 { true } else { false } }
        var chosen = v4
        if case .v6 = listen.address { chosen += candidates.filter { !v4.contains($0) } }
        return chosen.prefix(most).compactMap { GatewayAddress(SocketEndpoint($0, port: listen.port)) }
    }
}
