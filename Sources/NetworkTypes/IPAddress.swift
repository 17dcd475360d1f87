/// An IPv4 address, 32 bits in host order.
public struct IPv4Address: Hashable, Sendable, Comparable {
    /// The address as a number: `127.0.0.1` is `0x7F00_0001`.
    public var rawValue: UInt32

    /// Makes an address from its number in host order.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Makes an address from its four octets, most significant first.
    public init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
        self.rawValue = UInt32(first) << 24 | UInt32(second) << 16 | UInt32(third) << 8 | UInt32(fourth)
    }

    /// Parses strict dotted decimal: four octets, no leading zero, no sign, no other base.
    ///
    /// The loose forms that C libraries accept (`2130706433`, `0x7f.1`) are refused, because two
    /// parsers that read them differently are how address filters are slipped past.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 15 else { return nil }
        var value: UInt32 = 0
        var octets = 0
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                part.utf8.count == 1 || part.utf8.first != 0x30, let octet = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(octet)
            octets += 1
            guard octets <= 4 else { return nil }
        }
        guard octets == 4 else { return nil }
        self.rawValue = value
    }

    /// Numeric order.
    public static func < (left: IPv4Address, right: IPv4Address) -> Bool { left.rawValue < right.rawValue }

    /// `127.0.0.1`, the address that never leaves the host.
    public static let loopback = IPv4Address(127, 0, 0, 1)
    /// `0.0.0.0`.
    public static let unspecified = IPv4Address(rawValue: 0)

    /// 127/8.
    public var isLoopback: Bool { rawValue >> 24 == 127 }
    /// 224/4.
    public var isMulticast: Bool { rawValue >> 28 == 0xE }
    /// 169.254/16 (RFC 3927).
    public var isLinkLocal: Bool { rawValue >> 16 == 0xA9FE }
    /// 10/8, 172.16/12 or 192.168/16 (RFC 1918).
    public var isPrivate: Bool {
        rawValue >> 24 == 10 || rawValue >> 20 == 0xAC1 || rawValue >> 16 == 0xC0A8
    }
    /// `255.255.255.255`.
    public var isLimitedBroadcast: Bool { rawValue == .max }
}

extension IPv4Address: CustomStringConvertible {
    /// Dotted decimal.
    public var description: String {
        "\(rawValue >> 24).\(rawValue >> 16 & 255).\(rawValue >> 8 & 255).\(rawValue & 255)"
    }
}

/// An IPv4 or IPv6 address without port or zone.
public enum IPAddress: Hashable, Sendable {
    /// An IPv4 address.
    case v4(IPv4Address)
    /// An IPv6 address.
    case v6(IPv6Address)

    /// Parses an IPv4 or IPv6 literal; names, zones and brackets are refused.
    public init?(_ text: some StringProtocol) {
        if let v4 = IPv4Address(text) {
            self = .v4(v4)
        } else if let v6 = IPv6Address(text) {
            self = .v6(v6)
        } else {
            return nil
        }
    }

    /// The IPv4 address, or the one that a v4-mapped IPv6 address (`::ffff:a.b.c.d`) carries.
    public var unmapped: IPAddress {
        if case .v6(let v6) = self, let v4 = v6.mappedIPv4 { return .v4(v4) }
        return self
    }

    /// By what one host's many addresses count as one, where something is bounded for each source: an IPv4 address, or the
    /// network of 64 bits of which an IPv6 host chooses addresses as it likes (RFC 8981). Addresses of a link stay apart.
    package var source: IPAddress {
        switch unmapped {
        case .v4(let v4): .v4(v4)
        case .v6(let v6): isLinkLocal ? self : .v6(IPv6Address(high: v6.high, low: 0))
        }
    }

    /// Whether the address never leaves its host.
    public var isLoopback: Bool {
        switch unmapped {
        case .v4(let address): address.isLoopback
        case .v6(let address): address == .loopback
        }
    }

    /// Whether the address names a group and not a host.
    public var isMulticast: Bool {
        switch unmapped {
        case .v4(let address): address.isMulticast
        case .v6(let address): address.isMulticast
        }
    }

    /// Whether the address is valid on one link only.
    public var isLinkLocal: Bool {
        switch unmapped {
        case .v4(let address): address.isLinkLocal
        case .v6(let address): address.isLinkLocal
        }
    }

    /// Whether this is `0.0.0.0` or `::`.
    public var isUnspecified: Bool {
        switch unmapped {
        case .v4(let address): address == .unspecified
        case .v6(let address): address == .unspecified
        }
    }

    /// Whether one host can be reached by the address from another: not loopback, group, unspecified
    /// or broadcast.
    public var isUnicastHost: Bool {
        if case .v4(let address) = unmapped, address.isLimitedBroadcast { return false }
        return !isLoopback && !isMulticast && !isUnspecified
    }

    /// The address as a URL authority writes it: IPv6 in brackets.
    public var uriHost: String {
        switch self {
        case .v4(let address): address.description
        case .v6(let address): "[\(address)]"
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// The literal, without brackets.
    public var description: String {
        switch self {
        case .v4(let address): address.description
        case .v6(let address): address.description
        }
    }
}
