import NIOTunnel
package import TrustCore
import Tunnel

/// A relay as it is configured: `[PIN@]host[:port]`.
package struct RelaySetting: Hashable, Sendable {
    static let expected = "a relay such as relay.example.org, 203.0.113.10:8443 or PIN@relay.example.org"

    /// Where it is.
    package var address: GatewayAddress
    /// Its key's pin, as it prints it when it starts; nil takes any relay that answers there.
    package var pin: KeyPin?

    /// Parses a setting; port 443 unless it names another one.
    package init?(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let place = parts.last, let address = GatewayAddress(relay: place) else { return nil }
        self.address = address
        guard parts.count == 2 else { return }
        guard let pin = KeyPin(base64URL: parts[0]) else { return nil }
        self.pin = pin
    }

    /// What keeps the gateway registered there.
    func registrar(invitation: String?) -> RelayRegistrar.Configuration {
        var configuration = RelayRegistrar.Configuration(relay: TunnelAddress(host: address.host, port: address.port))
        configuration.pin = pin?.bytes
        configuration.invitation = invitation
        return configuration
    }
}

extension GatewayConfiguration {
    /// What pairing codes carry: the gateway's own addresses, and its relays while there is room for them.
    func codeAddresses(_ own: [GatewayAddress]) -> [GatewayAddress] {
        let relays = relays.map(\.address)
        return own.prefix(PairingCode.maximumAddresses - relays.count) + relays
    }
}
