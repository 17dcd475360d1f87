import NIOUPnP
package import NetworkTypes
import Reachability
import Synchronization
package import TrustCore

/// Where clients reach the gateway at the moment: what the owner has named, what a router passes on, and the host's own
/// addresses.
package final class ReachableAddressBook: Sendable {
    private let configuration: GatewayConfiguration
    private let mapped = Mutex<[SocketEndpoint]>([])
    private let ipv6 = Mutex<(@Sendable () -> [SocketEndpoint])?>(nil)

    package init(_ configuration: GatewayConfiguration) { self.configuration = configuration }

    /// Takes over what a router passes on.
    package func setMapped(_ endpoints: [SocketEndpoint]) { mapped.withLock { $0 = endpoints } }

    /// Takes over who knows the own IPv6 addresses at which clients come in, or may.
    package func setIPv6(_ endpoints: @escaping @Sendable () -> [SocketEndpoint]) { ipv6.withLock { $0 = endpoints } }

    /// What is published: what anybody on the internet can try.
    package func outside() -> [GatewayAddress] {
        told().filter { address in address.endpoint.map { AddressReach($0.address) == .public } ?? true }
    }

    /// What a client is told in its session: everything, relays too.
    package func told() -> [GatewayAddress] {
        configuration.codeAddresses(current())
    }

    /// What a pairing code carries, the most promising first. What can be reached from nowhere else is left out of what a
    /// router says: behind a second NAT its outer address is nobody's.
    package func current() -> [GatewayAddress] {
        let ipv6 = ipv6.withLock { $0 }
        let outside = (mapped.withLock { $0 } + (ipv6?() ?? []))
            .filter { AddressReach($0.address) == .public }
            .compactMap { GatewayAddress($0) }
        guard configuration.addresses.isEmpty else {
            let added = outside.filter { !configuration.addresses.contains($0) }
            return Array((configuration.addresses + added).prefix(PairingCode.maximumAddresses))
        }
        // Without interfaces there is nothing to choose from, and the code says so.
        let own = ReachableAddresses.choose(
            listen: configuration.listen,
            preferred: configuration.interface ?? DefaultInterface.choose(from: InterfaceFacts.all())?.name,
            interfaces: (try? NetworkInterface.all()) ?? [])
        return Array(
            (outside + own.filter { !outside.contains($0) }).prefix(max(ReachableAddresses.most, outside.count)))
    }
}
