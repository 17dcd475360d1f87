public import NetworkTypes

/// Which interfaces to work on; nothing else is listened on or announced.
public enum InterfaceSelection: Hashable, Sendable {
    /// The interfaces of these names, as they come and go. At the start one of them at least must exist.
    case named([String])
    /// Every interface of a home: with multicast, with neighbours, and with a private address.
    ///
    /// Private are RFC 1918, 169.254/16 and fc00::/7; link-local IPv6 counts where there is no global address
    /// of either family. So an interface that faces the Internet is never selected.
    case privateNetworks

    /// How many links are worked on at most; those beyond are left out.
    static let maximumLinks = 64

    /// Whether the interface is selected, be it up or not.
    public func includes(_ interface: NetworkInterface) -> Bool {
        switch self {
        case .named(let names):
            return names.contains(interface.name)
        case .privateNetworks:
            guard interface.supportsMulticast, !interface.isLoopback, !interface.isPointToPoint else { return false }
            let addresses = interface.addresses.map(\.address)
            if addresses.contains(where: \.isPrivate) { return true }
            return !addresses.isEmpty && addresses.allSatisfy(\.isLinkLocal)
        }
    }

    /// The links to work on: own addresses on selected interfaces that are up and carry multicast.
    ///
    /// Of several addresses in the same network, the first is taken; an address whose network is itself alone
    /// (a length of 32 or 128) has no neighbours and is left out. ``privateNetworks`` leaves public IPv4
    /// addresses out.
    public func links(of interfaces: [NetworkInterface], families: AddressFamilies = .both) -> [InterfaceAddress] {
        var links: [InterfaceAddress] = []
        for interface in interfaces where interface.isUp && interface.supportsMulticast && includes(interface) {
            var seen: Set<IPPrefix> = []
            for link in interface.stableAddresses where families.includes(link.address) && link.hasNeighbours {
                if self == .privateNetworks, link.address.isIPv4, !link.address.isPrivate { continue }
                if seen.insert(link.prefix).inserted { links.append(link) }
            }
        }
        return Array(links.prefix(Self.maximumLinks))
    }

    /// - Throws: ``SSDPDriverError`` when interfaces are named and none of them exists or carries multicast.
    func check(_ interfaces: [NetworkInterface]) throws {
        guard case .named(let names) = self else { return }
        let named = interfaces.filter(includes)
        guard !named.isEmpty else {
            throw SSDPDriverError.noSuchInterface(names.joined(separator: ", "), known: interfaces.map(\.name))
        }
        guard named.contains(where: \.supportsMulticast) else {
            throw SSDPDriverError.noMulticast(interface: named.map(\.name).joined(separator: ", "))
        }
    }
}

/// Which versions of IP to use.
public struct AddressFamilies: OptionSet, Hashable, Sendable {
    /// One bit for each family.
    public var rawValue: UInt8

    /// Makes a set of its bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// IPv4.
    public static let ipv4 = AddressFamilies(rawValue: 1)
    /// IPv6.
    public static let ipv6 = AddressFamilies(rawValue: 2)
    /// IPv4 and IPv6.
    public static let both: AddressFamilies = [.ipv4, .ipv6]

    /// Whether the address is of one of the families.
    public func includes(_ address: IPAddress) -> Bool { contains(address.isIPv4 ? .ipv4 : .ipv6) }
}

extension InterfaceAddress {
    fileprivate var hasNeighbours: Bool {
        address.isUnicastHost && prefix.length < (address.isIPv4 ? 32 : 128)
    }
}

extension IPAddress {
    /// RFC 1918, 169.254/16 or fc00::/7.
    fileprivate var isPrivate: Bool {
        switch self {
        case .v4(let address): address.isPrivate || address.isLinkLocal
        case .v6(let address): address.high >> 57 == 0xFC >> 1
        }
    }
}
