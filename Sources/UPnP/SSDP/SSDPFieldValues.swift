extension SSDPFields {
    /// A value that decides something or is echoed: UTF-8 without control characters, within `limit` bytes.
    func required(
        _ field: SSDPField, in bytes: Span<UInt8>, limit: Int = SSDPLimits.nameBytes
    ) throws(SSDPError) -> String {
        guard let range = self[field] else { throw .missingHeader("\(field.name)") }
        guard let text = bytes.extracting(range).cleanText(limit: limit) else {
            throw .malformedHeader("\(field.name)")
        }
        return text
    }

    /// The same for a value that the message can do without; nil also when it is malformed.
    func optional(_ field: SSDPField, in bytes: Span<UInt8>, limit: Int = SSDPLimits.nameBytes) -> String? {
        self[field].flatMap { bytes.extracting($0).cleanText(limit: limit) }
    }

    /// A value that only informs: cut to size, control characters dropped, bad UTF-8 repaired.
    func text(_ field: SSDPField, in bytes: Span<UInt8>) -> String? {
        guard let range = self[field] else { return nil }
        let value = bytes.extracting(range)
        if value.isEmpty { return "" }
        if let text = value.cleanText(limit: SSDPLimits.textBytes) { return text }
        var clean: [UInt8] = []
        for index in value.indices where value[index] >= 0x20 && value[index] != 0x7F { clean.append(value[index]) }
        let trimmed = clean.span.trimmed(0..<clean.count)
        var scalars = String(decoding: clean[trimmed].prefix(SSDPLimits.textBytes), as: UTF8.self).unicodeScalars
        // A byte that is repaired becomes three, and a cut may leave a blank at the end.
        while String(scalars).utf8.count > SSDPLimits.textBytes || scalars.last == " " || scalars.last == "\t" {
            scalars.removeLast()
        }
        return String(scalars)
    }

    /// A decimal number; leading zeros do not count, more digits than a number can hold give a very large one.
    func number(_ field: SSDPField, in bytes: Span<UInt8>) -> Int? {
        self[field].flatMap { bytes.decimal(in: $0) }
    }

    /// BOOTID or CONFIGID; nil when absent or out of range, because cheap stacks send nonsense here
    /// (upnp.md §3.11) and are still devices.
    func id(_ field: SSDPField, in bytes: Span<UInt8>) -> UInt32? {
        guard let value = number(field, in: bytes), value <= Int(SSDPLimits.largestID) else { return nil }
        return UInt32(value)
    }

    /// SEARCHPORT and TCPPORT, UDA 2.0 §1.2.2 and §1.3.2: 49152 to 65535.
    func port(_ field: SSDPField, in bytes: Span<UInt8>) -> UInt16? {
        guard let value = number(field, in: bytes), (49_152...65_535).contains(value) else { return nil }
        return UInt16(value)
    }

    /// The seconds of `max-age`, with blanks anywhere around `=`; the default when it is missing or unreadable.
    func maxAge(in bytes: Span<UInt8>) -> Int {
        guard let range = self[.cacheControl] else { return SSDPLimits.defaultMaxAge }
        var start = range.lowerBound
        while start < range.upperBound {
            var end = start
            var equals: Int?
            while end < range.upperBound, bytes[end] != 0x2C {
                if bytes[end] == 0x3D { equals = equals ?? end }
                end += 1
            }
            if let equals, bytes.extracting(bytes.trimmed(start..<equals)).matches("max-age") {
                var value = bytes.trimmed(equals + 1..<end)
                if value.count >= 2, bytes[value.lowerBound] == 0x22, bytes[value.upperBound - 1] == 0x22 {
                    value = bytes.trimmed(value.lowerBound + 1..<value.upperBound - 1)
                }
                guard let seconds = bytes.decimal(in: value) else { break }
                return min(seconds, SSDPLimits.longestMaxAge)
            }
            start = end + 1
        }
        return SSDPLimits.defaultMaxAge
    }
}

extension Span<UInt8> {
    /// The bytes as text, when they are UTF-8 without control characters and neither empty nor too long.
    func cleanText(limit: Int) -> String? {
        guard !isEmpty, count <= limit, !hasControlCharacters, let text = try? UTF8Span(validating: self) else {
            return nil
        }
        return String(copying: text)
    }

    private var hasControlCharacters: Bool {
        for index in indices where self[index] < 0x20 || self[index] == 0x7F { return true }
        return false
    }

    /// A number of decimal digits; nil when there is anything else, or nothing.
    func decimal(in range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        var value = 0
        for index in range {
            guard self[index].isASCIIDigit else { return nil }
            value = Swift.min(value * 10 + Int(self[index] - 0x30), 1 << 40)
        }
        return value
    }
}
