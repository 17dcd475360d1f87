package import NetworkTypes

/// What an address says about who can reach it.
package enum AddressReach: String, Hashable, Sendable {
    /// Anybody on the internet, if no firewall is in the way.
    case `public`
    /// Only the same site (RFC 1918, RFC 4193, link-local).
    case `private`
    /// Only the customers of one provider: 100.64/10, the space between a provider's NAT and its customers' (RFC 6598).
    case carrier
    /// Nobody, or nobody that is known: loopback, groups, documentation, benchmarks (RFC 6890).
    case reserved

    package init(_ address: IPAddress) {
        switch address.unmapped {
        case .v4(let v4): self = Self.kind(v4)
        case .v6(let v6): self = Self.kind(v6)
        }
    }

    private static func kind(_ address: IPv4Address) -> AddressReach {
        if address.isPrivate || address.isLinkLocal { return .private }
        let value = address.rawValue
        if value >> 22 == 0x6440_0000 >> 22 { return .carrier }
        let isReserved =
            value >> 24 == 0 || address.isLoopback || value >> 28 >= 0xE
            // 192.0.0/24, and 198.18/15 of RFC 2544. Documentation prefixes count as public: laboratories use them so.
            || value >> 8 == 0xC00000 || value >> 17 == 0xC612_0000 >> 17
        return isReserved ? .reserved : .public
    }

    private static func kind(_ address: IPv6Address) -> AddressReach {
        if address.isLinkLocal || address.high >> 57 == 0x7E { return .private }
        return address.high >> 61 == 1 ? .public : .reserved
    }
}

/// Where this host stands: what a mapping is made for, and with whom.
package struct Surroundings: Hashable, Sendable {
    /// The own address on the way to the router, and the network there.
    package var own: InterfaceAddress?
    /// The router of the default route, IPv4.
    package var router: IPAddress?
    /// Own IPv6 addresses that are public and stay: neither temporary nor deprecated.
    package var publicIPv6: [InterfaceAddress]
    /// The router of the default route, IPv6; link-local as a rule, with its interface's index.
    package var routerIPv6: SocketEndpoint?

    package init(
        own: InterfaceAddress? = nil, router: IPAddress? = nil, publicIPv6: [InterfaceAddress] = [],
        routerIPv6: SocketEndpoint? = nil
    ) {
        self.own = own
        self.router = router
        self.publicIPv6 = publicIPv6
        self.routerIPv6 = routerIPv6
    }

    /// The same for IPv6: an own public address, and the router of its default route. `chosen` is kept as long as it is there, so
    /// that what clients were told does not change when another address comes.
    package func ipv6Side(keeping chosen: IPAddress?) -> Surroundings {
        let own = publicIPv6.first { $0.address == chosen } ?? publicIPv6.first
        return Surroundings(own: own, router: own.flatMap { _ in routerIPv6?.address }, routerIPv6: routerIPv6)
    }
}
