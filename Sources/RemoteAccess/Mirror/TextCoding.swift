/// Base64url without padding (RFC 4648 §5), canonical form only: exactly one text for each value.
enum Base64URL {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, digit) in digits.enumerated() { table[Int(digit)] = UInt8(value) }
        return table
    }()

    static func isDigit(_ byte: UInt8) -> Bool { values[Int(byte)] != 0xFF }

    static func encoded(_ bytes: some Collection<UInt8>) -> String {
        let length = (bytes.count * 8 + 5) / 6
        return String(unsafeUninitializedCapacity: length) { output in
            var buffer: UInt32 = 0
            var bits: UInt32 = 0
            var next = 0
            for byte in bytes {
                buffer = buffer << 8 | UInt32(byte)
                bits += 8
                while bits >= 6 {
                    bits -= 6
                    output[next] = digits[Int(buffer >> bits & 63)]
                    next += 1
                }
            }
            if bits > 0 {
                output[next] = digits[Int(buffer << (6 - bits) & 63)]
                next += 1
            }
            return next
        }
    }

    /// The bytes; nil for another character, an impossible length or spare bits that are not zero
    /// (they would make a second text for the same token).
    static func decoded(_ text: some StringProtocol) -> [UInt8]? {
        let input = text.utf8
        guard input.count % 4 != 1 else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(input.count * 3 / 4)
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for digit in input {
            let value = values[Int(digit)]
            guard value != 0xFF else { return nil }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(truncatingIfNeeded: buffer >> bits))
            }
        }
        guard buffer & (1 << bits - 1) == 0 else { return nil }
        return result
    }
}

/// Percent-coding (RFC 3986 §2.1) on bytes.
enum PercentCoding {
    /// Each valid `%XX` replaced by its byte; everything else kept.
    static func decoded(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let high = rest.first?.hexValue,
                let low = rest.dropFirst().first?.hexValue
            {
                rest = rest.dropFirst(2)
                result.append(high << 4 | low)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    /// Encodes what RFC 3986 does not allow in a URL (spaces, quotes, non-ASCII, control characters)
    /// and leaves the rest, existing escapes included, alone.
    static func encodingIllegal(_ text: String) -> String {
        let legal = Set("!#$%&'()*+,-./:;=?@[]_~".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            if byte.isASCIILetterOrDigit || legal.contains(byte) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)
}

extension UInt8 {
    var isASCIIDigit: Bool { self &- 0x30 < 10 }
    var isASCIILetter: Bool { (self | 0x20) &- 0x61 < 26 }
    var isASCIILetterOrDigit: Bool { isASCIIDigit || isASCIILetter }
    var isASCIISpace: Bool { self == 0x20 || self &- 9 < 5 }
    var lowercasedASCII: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// The value of a hexadecimal digit.
    var hexValue: UInt8? {
        switch self {
        case 0x30...0x39: self &- 0x30
        case 0x41...0x46: self &- 0x37
        case 0x61...0x66: self &- 0x57
        default: nil
        }
    }
}
