/// A cheap first look at a value: most values of a Browse result are titles, classes and numbers.
enum TextHints {
    /// Whether the value may hold a URI, an address, an escape or a document; false is certain.
    static func needsLook(_ text: String) -> Bool {
        var copy = text
        return copy.withUTF8(needsLook)
    }

    private static func needsLook(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var colons = 0
        var dottedDigits = 0
        for index in bytes.indices {
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            switch bytes[index] {
            case UInt8(ascii: "<"): return true
            case UInt8(ascii: "&"):
                if next == UInt8(ascii: "#") || next | 0x20 == UInt8(ascii: "l") || next | 0x20 == UInt8(ascii: "a") {
                    return true
                }
            case UInt8(ascii: "%"):
                if next.hexValue != nil { return true }
            case UInt8(ascii: "\\"):
                if next == UInt8(ascii: "u") || next == UInt8(ascii: "\\") || next == UInt8(ascii: "/") { return true }
            case UInt8(ascii: "/"):
                if next == UInt8(ascii: "/") || next == UInt8(ascii: "\\") { return true }
            case UInt8(ascii: ":"):
                colons += 1
                let follows = !next.isASCIISpace && next != 0
                if next == UInt8(ascii: ":") || colons >= 7 || follows && completesScheme(bytes[..<index]) {
                    return true
                }
            case UInt8(ascii: "."):
                if next.isASCIIDigit, index > 0, bytes[index - 1].isASCIIDigit { dottedDigits += 1 }
                if dottedDigits >= 3 { return true }
            default: break
            }
        }
        return false
    }

    /// Whether a scheme that is fetched even without slashes ends here.
    private static func completesScheme(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard let last = bytes.last else { return false }
        guard "psPS".utf8.contains(last) else { return false }
        return URIScanner.fetchedSchemes.contains { scheme in
            bytes.suffix(scheme.utf8.count).lazy.map(\.lowercasedASCII).elementsEqual(scheme.utf8)
        }
    }
}
