extension XMLElement {
    /// Parses a document and, if that fails for its markup, once more with the commonest mistakes of devices
    /// undone: a `&` that starts no reference, and control characters within text.
    ///
    /// What is repaired is only how bytes stand in text; nothing that was markup before becomes other markup.
    init(repairing bytes: some Sequence<UInt8>, limits: XMLLimits) throws(XMLError) {
        // One byte beyond the limit is enough to have the parser refuse the document.
        let bytes = Array(bytes.prefix(min(max(limits.bytes, 0), Int.max - 1) + 1))
        do throws(XMLError) {
            self = try XMLElement(parsing: bytes, limits: limits)
        } catch {
            switch error {
            case .malformed, .forbiddenCharacter:
                guard let repaired = XMLRepair.repaired(bytes) else { throw error }
                do throws(XMLError) {
                    self = try XMLElement(parsing: repaired, limits: limits)
                } catch let second {
                    // Of the two the first is about what the device sent, unless a limit was met.
                    if case .limit = second { throw second }
                    throw error
                }
            default: throw error
            }
        }
    }
}

enum XMLRepair {
    /// The document with the mistakes undone; nil when there are none. Documents in UTF-16 have none of these.
    static func repaired(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.first != 0xFE, bytes.first != 0xFF else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + 64)
        var isRepaired = false
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "&"), !isReference(bytes[(index + 1)...]) {
                output += "&amp;".utf8
                isRepaired = true
            } else if byte < 0x20, !XMLText.isWhiteSpace(byte), byte != 0 {
                isRepaired = true
            } else {
                output.append(byte)
            }
        }
        return isRepaired ? output : nil
    }

    /// Whether what follows a `&` makes it a reference that XML knows without a DTD.
    private static func isReference(_ rest: ArraySlice<UInt8>) -> Bool {
        guard let end = rest.prefix(12).firstIndex(of: UInt8(ascii: ";")) else { return false }
        let name = rest[rest.startIndex..<end]
        guard name.first == UInt8(ascii: "#") else {
            return ["amp", "lt", "gt", "quot", "apos"].contains { $0.utf8.elementsEqual(name) }
        }
        let digits = name.dropFirst()
        if let first = digits.first, first == UInt8(ascii: "x") {
            return digits.count > 1 && digits.dropFirst().allSatisfy(URLText.isHexDigit)
        }
        return !digits.isEmpty && digits.allSatisfy(URLText.isDigit)
    }
}

enum URLRepair {
    /// The reference without white space around it, and with percent-encoding for what a URL cannot hold.
    static func repaired(_ reference: String) -> String {
        let text = XMLText.trimmed(reference)
        guard !text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !unsafe.contains($0) }) else { return text }
        var output: [UInt8] = []
        for byte in text.utf8 {
            if byte > 0x20, byte < 0x7F, !unsafe.contains(byte) {
                output.append(byte)
            } else {
                let hex = String(byte, radix: 16, uppercase: true)
                output += "%\(hex.utf8.count < 2 ? "0" : "")\(hex)".utf8
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static let unsafe = Array("\"<>\\^`{|}".utf8)
}
