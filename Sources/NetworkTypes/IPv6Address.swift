/// An IPv6 address, 128 bits.
public struct IPv6Address: Hashable, Sendable {
    /// Bits 0 to 63, the network's half as a rule.
    public var high: UInt64
    /// Bits 64 to 127.
    public var low: UInt64

    /// Makes an address from its two halves in host order.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Parses the text form of RFC 4291 §2.2, with at most one `::` and an optional IPv4 tail.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 45, text.contains(":") else { return nil }
        let halves = text.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
        guard halves.count <= 2, let head = Self.groups(halves[0]) else { return nil }
        var groups = head
        if halves.count == 2 {
            guard let tail = Self.groups(halves[1]), head.count + tail.count <= 7 else { return nil }
            groups += Array(repeating: 0, count: 8 - head.count - tail.count) + tail
        }
        guard groups.count == 8 else { return nil }
        self.high = groups[0..<4].reduce(0) { $0 << 16 | UInt64($1) }
        self.low = groups[4..<8].reduce(0) { $0 << 16 | UInt64($1) }
    }

    private static func groups(_ text: some StringProtocol) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var result: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(".") {
                guard let tail = IPv4Address(part) else { return nil }
                result.append(UInt16(tail.rawValue >> 16))
                result.append(UInt16(tail.rawValue & 0xFFFF))
            } else {
                guard (1...4).contains(part.utf8.count), part.first != "+", part.first != "-",
                    let group = UInt16(part, radix: 16)
                else { return nil }
                result.append(group)
            }
        }
        return result.count <= 8 ? result : nil
    }

    /// `::1`.
    public static let loopback = IPv6Address(high: 0, low: 1)
    /// `::`.
    public static let unspecified = IPv6Address(high: 0, low: 0)

    /// ff00::/8.
    public var isMulticast: Bool { high >> 56 == 0xFF }
    /// fe80::/10.
    public var isLinkLocal: Bool { high >> 54 == 0x3FA }
    /// The IPv4 address inside `::ffff:a.b.c.d`.
    public var mappedIPv4: IPv4Address? {
        high == 0 && low >> 32 == 0xFFFF ? IPv4Address(rawValue: UInt32(truncatingIfNeeded: low)) : nil
    }
}

extension IPv6Address: CustomStringConvertible {
    /// The canonical text of RFC 5952: lower case, the longest run of zero groups shortened.
    public var description: String {
        if let mapped = mappedIPv4 { return "::ffff:\(mapped)" }
        let groups =
            (0..<4).map { UInt16(truncatingIfNeeded: high >> (48 - 16 * $0)) }
            + (0..<4).map { UInt16(truncatingIfNeeded: low >> (48 - 16 * $0)) }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        guard best.count > 1 else { return Self.text(groups[...]) }
        return Self.text(groups[..<best.lowerBound]) + "::" + Self.text(groups[best.upperBound...])
    }

    private static func text(_ groups: ArraySlice<UInt16>) -> String {
        groups.map { String($0, radix: 16) }.joined(separator: ":")
    }
}
