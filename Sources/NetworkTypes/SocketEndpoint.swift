/// An IP address and a port.
public struct SocketEndpoint: Hashable, Sendable {
    /// The host's address.
    public var address: IPAddress
    /// The port; 0 asks for any free one when binding.
    public var port: UInt16
    /// The index of the interface that a link-local IPv6 address belongs to (RFC 4007 §6); 0 for every other.
    ///
    /// It means something on this host alone, so ``description`` leaves it out: a zone is never written into a
    /// LOCATION or a Host field (UDA 2.0 annex A).
    public let zone: Int

    /// Makes an endpoint. `zone`, an interface's index, is kept for link-local IPv6 addresses only.
    public init(_ address: IPAddress, port: UInt16, zone: Int = 0) {
        self.address = address
        self.port = port
        self.zone = address.needsZone ? zone : 0
    }

    /// Parses `1.2.3.4:80` or `[::1]:80`. Names are refused.
    public init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = Self.port(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard let address = IPv6Address(host) else { return nil }
            self.init(.v6(address), port: port)
        } else {
            guard let address = IPv4Address(host) else { return nil }
            self.init(.v4(address), port: port)
        }
    }

    private static func port(_ text: some StringProtocol) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return UInt16(text)
    }
}

extension SocketEndpoint: CustomStringConvertible {
    /// `address:port`, IPv6 in brackets.
    public var description: String { "\(address.uriHost):\(port)" }
}

/// An address of an interface of this host, with the network that is on-link there.
public struct InterfaceAddress: Hashable, Sendable {
    /// The interface's name, such as `eth0`.
    public var interface: String
    /// The kernel's index of the interface.
    public var index: Int
    /// The host's own address there.
    public var address: IPAddress
    /// What is on-link there.
    public var prefix: IPPrefix

    /// Makes an interface address.
    public init(interface: String, index: Int, address: IPAddress, prefix: IPPrefix) {
        self.interface = interface
        self.index = index
        self.address = address
        self.prefix = prefix
    }

    /// A port of the host's own address here.
    public func endpoint(port: UInt16) -> SocketEndpoint { SocketEndpoint(address, port: port, zone: index) }

    /// Whether `other` is a neighbour on this link (or the host itself).
    ///
    /// The addresses of an IPv4 network itself and of all its hosts are no neighbour's: what is sent there
    /// reaches everybody, and the system refuses it.
    public func isOnLink(_ other: IPAddress) -> Bool {
        guard prefix.contains(other), other != address, case .v4(let v4) = other, prefix.length <= 30 else {
            return prefix.contains(other)
        }
        let hosts: UInt32 = .max >> UInt32(prefix.length)
        return v4.rawValue & hosts != 0 && v4.rawValue & hosts != hosts
    }
}

extension IPAddress {
    /// Whether the address means something only together with an interface (RFC 4007 §4): link-local IPv6
    /// unicast, and IPv6 multicast of interface or link scope.
    fileprivate var needsZone: Bool {
        guard case .v6(let address) = self else { return false }
        let scope = address.high >> 48 & 0xF
        return address.isLinkLocal || (address.high >> 56 == 0xFF && (scope == 1 || scope == 2))
    }
}
