package import NetworkTypes
package import UPnP

/// Where the gateway connects to at home: to a discovered device at the address that it was discovered at,
/// and nowhere else (design invariant 2).
package struct HomeReach: Sendable, Hashable {
    /// The networks that the gateway stands in.
    package var links: [InterfaceAddress]
    /// The addresses of routers; a device that lives there is not reached, because it is how the home
    /// reaches everything else.
    package var routers: Set<IPAddress>

    package init(links: [InterfaceAddress], routers: Set<IPAddress> = []) {
        self.links = links
        self.routers = routers
    }

    /// Why the gateway does not connect to `url` on behalf of `device`; nil when it does.
    package func refusal(of url: HTTPURL, for device: KnownDevice) -> String? {
        guard let address = url.ipAddress?.unmapped else { return "it is not an address but a name" }
        guard address == device.address?.unmapped else { return "it is not the address that the device is at" }
        return refusal(of: address)
    }

    /// Why nothing at this address is reached; nil when a device there may be.
    package func refusal(of address: IPAddress) -> String? {
        let address = address.unmapped
        guard address.isUnicastHost, !address.isLinkLocal else {
            return "it is not an address of a host on the network"
        }
        guard !links.contains(where: { $0.address.unmapped == address }) else { return "it is the gateway itself" }
        guard !routers.contains(where: { $0.unmapped == address }) else { return "it is the router" }
        guard links.contains(where: { $0.isOnLink(address) }) else { return "it is not on the home's network" }
        return nil
    }
}
