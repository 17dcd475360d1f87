package import NetworkTypes

/// An address of each end, which have proved to be on one link.
package struct ICENeighbours: Hashable, Sendable {
    package let own: IPAddress
    package let peer: IPAddress

    package init(own: IPAddress, peer: IPAddress) {
        self.own = own
        self.peer = peer
    }
}

/// What a peer's address is good for, judged by its number alone, so that nobody who may name candidates can make this end
/// look around in its own network.
package enum ICEReach: Hashable, Sendable {
    /// On the internet.
    case open
    /// Within a network, on a link or on a host: only for an end that has proved to be there too.
    case sameNetworkOnly
    /// Names no host, or a port that no ICE agent has.
    case never

    /// The judgement of an address.
    package init(of address: IPAddress) {
        switch address.unmapped {
        case .v4(let v4): self = Self.reach(of: v4)
        case .v6(let v6): self = Self.reach(of: v6)
        }
    }

    /// The judgement of a candidate's address and port. Ports below 1024 are servers' own: a NAT gives none of them for a
    /// client's (RFC 4787 §4.2.2), and a TURN server neither (RFC 8656 §7.2).
    package init(ofCandidate endpoint: SocketEndpoint) {
        self = endpoint.port < 1024 ? .never : ICEReach(of: endpoint.address)
    }

    private static func reach(of v4: IPv4Address) -> ICEReach {
        // 100.64/10 is what a provider has behind its own NAT (RFC 6598).
        let isShared = v4.rawValue >> 22 == 0x6440_0000 >> 22
        if v4.rawValue >> 24 == 0 || v4.rawValue >> 28 >= 0xE { return .never }
        return v4.isPrivate || v4.isLinkLocal || v4.isLoopback || isShared ? .sameNetworkOnly : .open
    }

    private static func reach(of v6: IPv6Address) -> ICEReach {
        if v6.isMulticast || v6 == .unspecified { return .never }
        if v6 == .loopback || v6.isLinkLocal { return .sameNetworkOnly }
        // Unique local (fc00::/7), and the site-local ones before them (fec0::/10).
        if v6.high >> 57 == 0x7E || v6.high >> 54 == 0x3FB { return .sameNetworkOnly }
        // Translators and tunnels that lead to the IPv4 address within: 64:ff9b::/96 (RFC 6052), 64:ff9b:1::/48, which is
        // for one network alone (RFC 8215), and 2002::/16 (RFC 3056).
        if v6.high == 0x0064_FF9B_0000_0000, v6.low >> 32 == 0 {
            return reach(of: IPv4Address(rawValue: UInt32(truncatingIfNeeded: v6.low)))
        }
        if v6.high >> 16 == 0x0064_FF9B_0001 { return .sameNetworkOnly }
        if v6.high >> 48 == 0x2002 {
            return reach(of: IPv4Address(rawValue: UInt32(truncatingIfNeeded: v6.high >> 16)))
        }
        // What is left of ::/8 is no host's (RFC 4291 §2.4).
        return v6.high >> 56 == 0 ? .never : .open
    }
}
