import NetworkTypes
import UPnP

/// The compact bytes inside a token.
///
/// ```
/// flags (1)  bit 0: the UDN is a UUID in 16 bytes   bit 1: https   bits 2-3: host is 0 IPv4, 1 IPv6, 2 a name
/// UDN        16 bytes, or length (1) and text
/// host       4 or 16 bytes, or length (1) and text
/// port (2)   big-endian
/// rest       path and query, to the end
/// ```
enum ResourceCodec {
    private static let uuidFlag: UInt8 = 1
    private static let httpsFlag: UInt8 = 2

    static func encoded(_ resource: SealedResource) throws(TokenError) -> [UInt8] {
        let url = resource.url
        let rest = url.pathAndQuery.utf8
        guard rest.count <= 2048 else { throw .tooLong }
        var flags: UInt8 = url.scheme == "https" ? httpsFlag : 0
        var bytes: [UInt8] = [0]
        bytes.reserveCapacity(40 + rest.count)
        if let uuid = uuid(resource.udn) {
            flags |= uuidFlag
            bytes += uuid
        } else {
            try append(resource.udn.utf8, to: &bytes)
        }
        switch url.ipAddress {
        case .v4(let address):
            append(UInt64(address.rawValue), bytes: 4, to: &bytes)
        case .v6(let address):
            flags |= 1 << 2
            append(address.high, bytes: 8, to: &bytes)
            append(address.low, bytes: 8, to: &bytes)
        case nil:
            flags |= 2 << 2
            try append(url.host.utf8, to: &bytes)
        }
        append(UInt64(url.port), bytes: 2, to: &bytes)
        bytes += rest
        bytes[0] = flags
        return bytes
    }

    static func decoded(_ bytes: [UInt8], kind: ResourceKind) -> SealedResource? {
        var rest = bytes[...]
        guard let flags = rest.popFirst(), flags < 12 else { return nil }
        let udn: String
        if flags & uuidFlag != 0 {
            guard let uuid = take(16, from: &rest) else { return nil }
            udn = text(uuid: uuid)
        } else {
            guard let name = takeText(from: &rest) else { return nil }
            udn = name
        }
        let host: String
        switch flags >> 2 {
        case 0:
            guard let value = number(4, from: &rest) else { return nil }
            host = IPv4Address(rawValue: UInt32(truncatingIfNeeded: value)).description
        case 1:
            guard let high = number(8, from: &rest), let low = number(8, from: &rest) else { return nil }
            host = IPAddress.v6(IPv6Address(high: high, low: low)).uriHost
        default:
            guard let name = takeText(from: &rest) else { return nil }
            host = name
        }
        guard let port = number(2, from: &rest) else { return nil }
        let scheme = flags & httpsFlag != 0 ? "https" : "http"
        guard let url = HTTPURL("\(scheme)://\(host):\(port)\(String(decoding: rest, as: UTF8.self))") else {
            return nil
        }
        return SealedResource(udn: udn, url: url, kind: kind)
    }

    // MARK: - Pieces

    private static func append(_ value: UInt64, bytes count: Int, to bytes: inout [UInt8]) {
        for shift in stride(from: (count - 1) * 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    private static func append(_ text: String.UTF8View, to bytes: inout [UInt8]) throws(TokenError) {
        guard let length = UInt8(exactly: text.count) else { throw .tooLong }
        bytes.append(length)
        bytes += text
    }

    private static func take(_ count: Int, from rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private static func takeText(from rest: inout ArraySlice<UInt8>) -> String? {
        guard let length = rest.popFirst(), let bytes = take(Int(length), from: &rest) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func number(_ count: Int, from rest: inout ArraySlice<UInt8>) -> UInt64? {
        take(count, from: &rest)?.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static let dashes: Set<Int> = [8, 13, 18, 23]

    /// The 16 bytes of `uuid:` and a canonical lower-case UUID; nil for anything else, so that every
    /// UDN comes back letter for letter.
    private static func uuid(_ udn: String) -> [UInt8]? {
        guard udn.utf8.count == 41, udn.hasPrefix("uuid:") else { return nil }
        var result: [UInt8] = []
        var high: UInt8?
        for (index, byte) in udn.utf8.dropFirst(5).enumerated() {
            if dashes.contains(index) {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let value = byte.hexValue, byte.lowercasedASCII == byte else { return nil }
            if let first = high {
                result.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return result
    }

    private static func text(uuid: ArraySlice<UInt8>) -> String {
        let hex = Array("0123456789abcdef".utf8)
        var text = Array("uuid:".utf8)
        for (index, byte) in uuid.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text.append(hex[Int(byte >> 4)])
            text.append(hex[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
