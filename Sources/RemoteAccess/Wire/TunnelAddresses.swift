import RelayProtocol
package import TrustCore
package import Tunnel

extension Sequence<GatewayAddress> {
    /// Where to dial a gateway of these pins: its own addresses, and then at each relay by the name of each key that it
    /// has or will have, the present one first.
    package func tunnelAddresses(pins: [KeyPin]) -> [TunnelAddress] {
        let direct = filter { !$0.isRelay }.map { TunnelAddress(host: $0.host, port: $0.port) }
        let names = pins.prefix(2).compactMap { RelayName(keyDigest: $0.bytes) }
        let relayed = names.flatMap { name in
            filter(\.isRelay).map {
                TunnelAddress(host: $0.host, port: $0.port, serverName: name.serverName(at: $0.host))
            }
        }
        return direct + relayed
    }
}
