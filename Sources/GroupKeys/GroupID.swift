/// The name of a group: 16 octets, drawn once when the group is made (GROUP_ID on the wire).
package struct GroupID: Hashable, Sendable {
    /// How many octets a name has.
    package static let byteCount = 16

    /// The octets.
    package let bytes: [UInt8]

    /// The name in these octets; nil unless there are exactly 16.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
    }

    /// A fresh name.
    package init(using random: inout some RandomNumberGenerator) {
        bytes = SecretBytes(count: Self.byteCount, using: &random).exposed
    }

    /// The first two octets: with them a datagram of another group on the same address is told apart early.
    package var hint: UInt16 { UInt16(bytes[0]) << 8 | UInt16(bytes[1]) }
}
