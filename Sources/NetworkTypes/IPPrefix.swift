/// A network: an address and how many of its leading bits name the network, such as `192.168.1.0/24`.
public struct IPPrefix: Hashable, Sendable {
    /// The network's address; host bits are zero.
    public let address: IPAddress
    /// How many leading bits count: 0 to 32, or 0 to 128.
    public let length: Int

    /// The network that holds `address`; nil when `length` is out of range for its family.
    public init?(address: IPAddress, length: Int) {
        switch address {
        case .v4(let v4):
            guard (0...32).contains(length) else { return nil }
            let mask: UInt32 = length == 0 ? 0 : ~0 << (32 - UInt32(length))
            self.address = .v4(IPv4Address(rawValue: v4.rawValue & mask))
        case .v6(let v6):
            guard (0...128).contains(length) else { return nil }
            let high: UInt64 = length == 0 ? 0 : length >= 64 ? ~0 : ~0 << (64 - UInt64(length))
            let low: UInt64 = length <= 64 ? 0 : length == 128 ? ~0 : ~0 << (128 - UInt64(length))
            self.address = .v6(IPv6Address(high: v6.high & high, low: v6.low & low))
        }
        self.length = length
    }

    /// Parses `address/length`.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(parts[0]), let length = Int(parts[1]) else { return nil }
        self.init(address: address, length: length)
    }

    /// Whether `other` lies in this network. Families never match each other.
    public func contains(_ other: IPAddress) -> Bool {
        IPPrefix(address: other, length: length) == self
    }
}

extension IPPrefix: CustomStringConvertible {
    /// `address/length`.
    public var description: String { "\(address)/\(length)" }
}
