package import NetworkTypes
import UPnP

/// What counts as the home's addresses.
package struct HomeNetwork: Hashable, Sendable {
    /// The networks that are on-link for the gateway.
    package var prefixes: [IPPrefix]
    /// The gateway's own addresses.
    package var gatewayAddresses: [IPAddress]
    /// Addresses of routers; devices there are reached at the endpoints they announce and nowhere else.
    package var routerAddresses: [IPAddress]

    /// Describes a home network.
    package init(prefixes: [IPPrefix], gatewayAddresses: [IPAddress] = [], routerAddresses: [IPAddress] = []) {
        self.prefixes = prefixes
        self.gatewayAddresses = gatewayAddresses
        self.routerAddresses = routerAddresses
    }

    /// Whether the address is one of the home's, so that it must not leave it. Link-local addresses
    /// are: they name a host of some link, and IPv6 ones its hardware address.
    package func contains(_ address: IPAddress) -> Bool {
        let plain = address.unmapped
        return plain.isLinkLocal || prefixes.contains { $0.contains(plain) }
            || gatewayAddresses.contains(plain) || routerAddresses.contains(plain)
    }

    /// Whether a host of this network could have the address and be a device.
    func canHoldDevice(_ address: IPAddress) -> Bool {
        address == address.unmapped && address.isUnicastHost && !address.isLinkLocal
            && prefixes.contains { $0.contains(address) }
    }
}

/// A discovered device, as far as addresses go.
package struct HomeDevice: Hashable, Sendable {
    /// The root device's unique name.
    package var udn: String
    /// Every address and port that the device announced or serves its documents at.
    package var endpoints: [SocketEndpoint]
    /// Whether policy lets the subject see the device.
    package var isPermitted: Bool

    /// Describes a device.
    package init(udn: String, endpoints: [SocketEndpoint], isPermitted: Bool) {
        self.udn = udn
        self.endpoints = endpoints
        self.isPermitted = isPermitted
    }
}

/// Which device of the home an address belongs to, as one subject may know it.
///
/// This is where design invariant 2 is decided: what has no owner here is never sealed, opened or
/// connected to.
package struct HomeMap: Sendable {
    /// What counts as home.
    package let network: HomeNetwork
    private var byEndpoint: [SocketEndpoint: [HomeDevice]] = [:]
    private var byAddress: [IPAddress: [HomeDevice]] = [:]

    /// Maps the devices that are known, the hidden ones too: what belongs to a hidden device belongs to
    /// nobody.
    package init(network: HomeNetwork, devices: [HomeDevice]) {
        self.network = network
        for device in devices {
            for endpoint in Set(device.endpoints) where network.canHoldDevice(endpoint.address) {
                byEndpoint[endpoint, default: []].append(device)
            }
            for address in Set(device.endpoints.map(\.address)) where network.canHoldDevice(address) {
                byAddress[address, default: []].append(device)
            }
        }
    }

    /// The device that an endpoint belongs to, or nil when none does that the subject may see.
    ///
    /// An endpoint that a device announced is that device's. Another port on an address is the
    /// speaking device's if it is one of its own addresses; otherwise it is taken for a device's only
    /// if no hidden device shares the address. Other ports of the gateway and of routers are nobody's.
    package func owner(of endpoint: SocketEndpoint, speaking: String? = nil) -> String? {
        guard endpoint.port != 0, network.canHoldDevice(endpoint.address) else { return nil }
        if let exact = byEndpoint[endpoint] { return Self.choose(exact, speaking: speaking) }
        guard !network.gatewayAddresses.contains(endpoint.address),
            !network.routerAddresses.contains(endpoint.address),
            let sharing = byAddress[endpoint.address]
        else { return nil }
        if let own = sharing.first(where: { $0.udn == speaking && $0.isPermitted }) { return own.udn }
        return sharing.allSatisfy(\.isPermitted) ? sharing.first?.udn : nil
    }

    /// Where to connect for an opened resource; nil when its address is no longer the device's, or
    /// the device is no longer permitted.
    package func endpoint(for resource: SealedResource) -> SocketEndpoint? {
        guard let endpoint = resource.url.endpoint, owner(of: endpoint, speaking: resource.udn) == resource.udn
        else { return nil }
        return endpoint
    }

    private static func choose(_ devices: [HomeDevice], speaking: String?) -> String? {
        let permitted = devices.filter(\.isPermitted)
        return (permitted.first { $0.udn == speaking } ?? permitted.first)?.udn
    }
}
