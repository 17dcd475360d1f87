/// Characters and escaping of XML 1.0.
enum XMLText {
    static func isWhiteSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x9 || byte == 0xA || byte == 0xD }

    /// The text without XML white space at either end.
    static func trimmed(_ text: some StringProtocol) -> String {
        let text = Substring(text)
        let bytes = text.utf8
        guard let start = bytes.firstIndex(where: { !isWhiteSpace($0) }),
            let end = bytes.lastIndex(where: { !isWhiteSpace($0) })
        else { return "" }
        return String(text[start...end])
    }

    /// Appends `text` escaped; in attributes line ends and tabs too, because a parser would turn them into spaces.
    static func escape(_ text: String, attribute: Bool, into output: inout [UInt8]) {
        var text = text
        text.withUTF8 { bytes in
            var start = 0
            for index in bytes.indices where isSpecial[Int(bytes[index])] {
                guard let (replacement, length) = replacement(at: index, in: bytes, attribute: attribute) else {
                    continue
                }
                output += bytes[start..<index]
                output += replacement.utf8
                start = index + length
            }
            output += bytes[start...]
        }
    }

    /// The bytes that ``replacement(at:in:attribute:)`` has to look at.
    private static let isSpecial: [Bool] = (0...255).map { byte in
        byte < 0x20 || byte == 0xEF || "&<>\"".utf8.contains(byte)
    }

    private static func replacement(
        at index: Int, in bytes: UnsafeBufferPointer<UInt8>, attribute: Bool
    ) -> (text: String, length: Int)? {
        switch bytes[index] {
        case UInt8(ascii: "&"): ("&amp;", 1)
        case UInt8(ascii: "<"): ("&lt;", 1)
        case UInt8(ascii: ">"): ("&gt;", 1)
        case UInt8(ascii: "\""): ("&quot;", 1)
        // A bare carriage return is read back as a line feed.
        case UInt8(ascii: "\r"): ("&#13;", 1)
        case UInt8(ascii: "\n"): attribute ? ("&#10;", 1) : nil
        case UInt8(ascii: "\t"): attribute ? ("&#9;", 1) : nil
        // U+FFFE and U+FFFF.
        case 0xEF: bytes[index + 1] == 0xBF && bytes[index + 2] >= 0xBE ? ("\u{FFFD}", 3) : nil
        // The other control characters, which XML 1.0 §2.2 forbids even as references.
        default: ("\u{FFFD}", 1)
        }
    }

    /// The name, with `_` for every character that a name cannot hold, so that no name can inject markup.
    static func name(_ text: String) -> String {
        let isPlain = text.utf8.enumerated().allSatisfy { index, byte in
            URLText.isLetter(byte) || byte == UInt8(ascii: "_")
                || index > 0 && (URLText.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "."))
        }
        if isPlain, !text.isEmpty { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            let allowed = result.isEmpty ? isNameStart(scalar) : isNameStart(scalar) || isNameRest(scalar)
            result.unicodeScalars.append(allowed ? scalar : "_")
        }
        return result.isEmpty ? "_" : result
    }

    /// `NameStartChar` of XML 1.0 §2.3 without the colon.
    private static func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x41...0x5A, 0x5F, 0x61...0x7A, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2FF, 0x370...0x37D, 0x37F...0x1FFF,
            0x200C...0x200D, 0x2070...0x218F, 0x2C00...0x2FEF, 0x3001...0xD7FF, 0xF900...0xFDCF, 0xFDF0...0xFFFD,
            0x10000...0xEFFFF:
            true
        default: false
        }
    }

    private static func isNameRest(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2D, 0x2E, 0x30...0x39, 0xB7, 0x300...0x36F, 0x203F...0x2040: true
        default: false
        }
    }
}
