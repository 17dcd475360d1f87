import NetworkTypes

private struct Octets16: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    var bytes: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) } }
    }
}

/// Sixteen random octets that a controller's process draws when it starts, so that a restart never meets the keys of
/// the process before it (specification 3.6.2).
package struct BootID: Hashable, Sendable {
    private let octets: Octets16

    /// Takes exactly 16 octets, and is nil for any other number.
    package init?(_ bytes: some Collection<UInt8>) {
        guard let octets = Octets16(bytes) else { return nil }
        self.octets = octets
    }

    /// Draws one.
    package init(using random: inout some RandomNumberGenerator) {
        self.init(high: random.next(), low: random.next())
    }

    private init(high: UInt64, low: UInt64) {
        octets = Octets16(high: high, low: low)
    }

    /// The 16 octets.
    package var bytes: [UInt8] { octets.bytes }
}

extension Octets16 {
    fileprivate init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// A controller's number, 1...0xFFFF. As `sender` of a sealed message it never equals a member's (3.6.1).
package struct ControllerID: Hashable, Sendable, Comparable {
    /// The number.
    package let rawValue: UInt32

    /// Nil for 0 and for what is a member's.
    package init?(_ rawValue: UInt32) {
        guard 1...0xFFFF ~= rawValue else { return nil }
        self.rawValue = rawValue
    }

    /// In the order of their numbers.
    package static func < (left: ControllerID, right: ControllerID) -> Bool { left.rawValue < right.rawValue }
}

/// A member's number, 0x10000 and more (3.6.1).
package struct MemberID: Hashable, Sendable, Comparable {
    /// The number.
    package let rawValue: UInt32

    /// Nil for what is a controller's.
    package init?(_ rawValue: UInt32) {
        guard rawValue >= 0x1_0000 else { return nil }
        self.rawValue = rawValue
    }

    /// In the order of their numbers.
    package static func < (left: MemberID, right: MemberID) -> Bool { left.rawValue < right.rawValue }
}
