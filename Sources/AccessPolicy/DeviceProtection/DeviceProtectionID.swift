package import TrustCore

/// Who a device or a control point is to DeviceProtection: a hash of its certificate, so that the certificate is
/// its name in every ACL (DeviceProtection:1, the section on identities).
///
/// It is the first 16 bytes of the SHA-256 of the leaf certificate's DER, with the bits of a UUID of version 5
/// set. There is no namespace and no name in it, unlike in RFC 9562's own version 5.
package struct DeviceProtectionID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The 16 bytes, in network order.
    package let bytes: [UInt8]

    /// The identity of a leaf certificate.
    package init(certificateDER: some Sequence<UInt8>) {
        self.init(CertificateFingerprint(certificateDER: certificateDER))
    }

    /// The identity of the certificate that has this fingerprint, of which it is the first half.
    package init(_ fingerprint: CertificateFingerprint) {
        var bytes = Array(fingerprint.bytes.prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x50
        bytes[8] = bytes[8] & 0x3F | 0x80
        self.bytes = bytes
    }

    /// Takes 16 bytes; nil for another number of them.
    package init?(bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes.prefix(17))
        guard bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Reads a UUID of any version, because the standard's own examples are of others; `uuid:` before it is
    /// let through.
    package init?(_ text: some StringProtocol) {
        var text = Substring(text)
        if text.lowercased().hasPrefix("uuid:") { text = text.dropFirst(5) }
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 36, groups.map(\.utf8.count) == [8, 4, 4, 4, 12] else { return nil }
        var bytes: [UInt8] = []
        for group in groups {
            var rest = Array(group.utf8)[...]
            while let pair = Optional(rest.prefix(2)), pair.count == 2 {
                guard let high = Self.digit(pair[pair.startIndex]), let low = Self.digit(pair[pair.startIndex + 1])
                else { return nil }
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            }
        }
        self.bytes = bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    /// As it is written in `<ID>`: a UUID in lower case, without `uuid:`.
    package var description: String {
        let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return [hex[0..<4], hex[4..<6], hex[6..<8], hex[8..<10], hex[10..<16]].map { $0.joined() }
            .joined(separator: "-")
    }

    /// In the order of their bytes.
    package static func < (left: DeviceProtectionID, right: DeviceProtectionID) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}
