/// Turns a document's bytes into UTF-8 in pieces: UTF-8 with or without a byte order mark, UTF-16, and
/// Latin-1 for whatever is neither.
///
/// libxml2 is given nothing but UTF-8 and told to ignore the declared encoding, so that no converter of
/// the C library is reached from the network and the bytes mean the same however they are cut.
struct XMLByteDecoder {
    enum Piece {
        case text([UInt8])
        /// A NUL follows the text.
        case textBeforeForbidden([UInt8])
        /// The document does not start with `<`.
        case notXML
    }

    private enum Encoding { case unknown, utf8, latin1, utf16BigEndian, utf16LittleEndian }

    static let pieceSize = 4096

    private var encoding = Encoding.unknown
    private var raw: [UInt8] = []
    private var isAtEnd = false
    private(set) var hasStarted = false

    /// How many bytes can be appended before ``take()`` is due.
    var room: Int { max(0, Self.pieceSize - raw.count) }

    /// Takes bytes, no more than there is room for.
    mutating func append(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) { raw += bytes }

    mutating func end() { isAtEnd = true }

    /// Decodes what can be decoded; an unfinished sequence at the end waits for the next piece.
    mutating func take() -> Piece {
        if encoding == .unknown { detect() }
        var output: [UInt8] = []
        output.reserveCapacity(raw.count * 2)
        var used = 0
        let isForbidden: Bool
        switch encoding {
        case .unknown, .utf8: isForbidden = decodeUTF8(into: &output, used: &used)
        case .latin1: isForbidden = decodeLatin1(into: &output, used: &used)
        case .utf16BigEndian: isForbidden = decodeUTF16(high: 0, into: &output, used: &used)
        case .utf16LittleEndian: isForbidden = decodeUTF16(high: 1, into: &output, used: &used)
        }
        raw.removeFirst(min(used, raw.count))
        if !hasStarted {
            output.removeFirst(output.firstIndex { !XMLText.isWhiteSpace($0) } ?? output.count)
            if let first = output.first {
                hasStarted = true
                guard first == UInt8(ascii: "<") else { return .notXML }
            }
        }
        return isForbidden ? .textBeforeForbidden(output) : .text(output)
    }

    private mutating func detect() {
        if raw.starts(with: [0xEF, 0xBB, 0xBF]) {
            raw.removeFirst(3)
            encoding = .utf8
        } else if raw.starts(with: [0xFE, 0xFF]) || raw.starts(with: [0x00, 0x3C]) {
            encoding = .utf16BigEndian
        } else if raw.starts(with: [0xFF, 0xFE]) || raw.starts(with: [0x3C, 0x00]) {
            encoding = .utf16LittleEndian
        } else {
            encoding = Self.declaresLatin1(raw) ? .latin1 : .utf8
        }
        if raw.starts(with: [0xFE, 0xFF]) || raw.starts(with: [0xFF, 0xFE]) { raw.removeFirst(2) }
    }

    /// Whether the XML declaration names Latin-1, or the Windows code page that is mistaken for it.
    private static func declaresLatin1(_ bytes: [UInt8]) -> Bool {
        let start = bytes.prefix(200).drop(while: XMLText.isWhiteSpace)
        let declaration = start.prefix { $0 != UInt8(ascii: ">") }
        guard isText(declaration.prefix(5), "<?xml") else { return false }
        // Every document passes here, so the bytes are looked at where they are.
        var value = declaration.startIndex
        for index in declaration.indices
        where declaration[index] == UInt8(ascii: "\"") || declaration[index] == UInt8(ascii: "'") {
            let text = declaration[value..<index]
            if isText(text, "iso-8859-1") || isText(text, "windows-1252") || isText(text, "latin1") { return true }
            value = index + 1
        }
        return false
    }

    /// Whether the bytes are that text, which is in lower case, in whatever case.
    private static func isText(_ bytes: ArraySlice<UInt8>, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        return zip(bytes, UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)).allSatisfy {
            ((0x41...0x5A).contains($0) ? $0 | 0x20 : $0) == $1
        }
    }

    private mutating func decodeLatin1(into output: inout [UInt8], used: inout Int) -> Bool {
        for byte in raw {
            if byte == 0 { return true }
            Self.appendLatin1(byte, to: &output)
            used += 1
        }
        return false
    }

    private static func appendLatin1(_ byte: UInt8, to output: inout [UInt8]) {
        if byte < 0x80 {
            output.append(byte)
        } else {
            output.append(0xC0 | byte >> 6)
            output.append(0x80 | byte & 0x3F)
        }
    }

    private mutating func decodeUTF8(into output: inout [UInt8], used: inout Int) -> Bool {
        while used < raw.count {
            let plain = raw[used...].prefix { $0 < 0x80 && $0 != 0 }
            output += plain
            used += plain.count
            guard used < raw.count else { return false }
            let byte = raw[used]
            if byte == 0 { return true }
            let length = Self.sequenceLength(byte)
            let sequence = raw[used...].prefix(length)
            if length > 0, sequence.count < length, !isAtEnd,
                sequence.dropFirst().allSatisfy({ $0 & 0xC0 == 0x80 })
            {
                return false
            }
            if length > 0, String(validating: sequence, as: UTF8.self) != nil {
                output += sequence
                used += length
            } else {
                Self.appendLatin1(byte, to: &output)
                used += 1
            }
        }
        return false
    }

    /// How many bytes a sequence has that starts so and is not ASCII; 0 for a byte that starts none.
    private static func sequenceLength(_ byte: UInt8) -> Int {
        switch byte {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 0
        }
    }

    private mutating func decodeUTF16(high: Int, into output: inout [UInt8], used: inout Int) -> Bool {
        func unit(_ at: Int) -> UInt16 { UInt16(raw[at + high]) << 8 | UInt16(raw[at + 1 - high]) }
        while used + 1 < raw.count {
            let first = unit(used)
            if first == 0 { return true }
            var scalar = Unicode.Scalar(first)
            var length = 2
            if first >> 10 == 0x36 {
                if used + 3 >= raw.count, !isAtEnd { return false }
                let second = used + 3 < raw.count ? unit(used + 2) : 0
                if second >> 10 == 0x37 {
                    scalar = Unicode.Scalar(0x10000 + (UInt32(first & 0x3FF) << 10 | UInt32(second & 0x3FF)))
                    length = 4
                }
            }
            // Half a pair has no meaning; the replacement character shows that something stood there.
            output += UTF8.encode(scalar ?? "\u{FFFD}").map { Array($0) } ?? []
            used += length
        }
        return false
    }
}
