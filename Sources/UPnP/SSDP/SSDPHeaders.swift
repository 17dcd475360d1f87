/// The start line and header fields of a datagram, read leniently: bare LF ends a line, the space after a
/// colon is optional, a line without a colon is skipped, the blank line at the end may be missing.
struct SSDPHeaders {
    let startLine: [Substring]
    private var fields: [String: ArraySlice<UInt8>] = [:]

    init(parsing bytes: [UInt8]) {
        var lines = bytes.split(separator: 0x0A, maxSplits: SSDPLimits.headerCount, omittingEmptySubsequences: false)
            .makeIterator()
        let first = lines.next().map(Self.trimmed) ?? []
        self.startLine = String(decoding: first.prefix(128), as: UTF8.self).split(whereSeparator: \.isWhitespace)
        var count = 0
        while count < SSDPLimits.headerCount, let line = lines.next() {
            count += 1
            let line = Self.trimmed(line)
            if line.isEmpty { break }
            guard let colon = line.firstIndex(of: 0x3A), colon - line.startIndex <= 64 else { continue }
            let name = String(decoding: Self.trimmed(line[..<colon]), as: UTF8.self).uppercased()
            // A repeated header must not override what another parser has already believed.
            if fields[name] == nil { fields[name] = Self.trimmed(line[(colon + 1)...]) }
        }
    }

    /// A value that decides something or is echoed: UTF-8 without control characters, within `limit` bytes.
    func required(_ name: String, limit: Int = SSDPLimits.nameBytes) throws(SSDPError) -> String {
        guard let raw = fields[name] else { throw .missingHeader(name) }
        guard !raw.isEmpty, raw.count <= limit, raw.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
            let text = String(validating: raw, as: UTF8.self)
        else { throw .malformedHeader(name) }
        return text
    }

    /// A value that only informs: cut to size, control characters dropped, bad UTF-8 repaired.
    func text(_ name: String) -> String? {
        guard let raw = fields[name] else { return nil }
        let clean = Self.trimmed(raw.filter { $0 >= 0x20 && $0 != 0x7F }[...])
        return String(decoding: clean.prefix(SSDPLimits.textBytes), as: UTF8.self)
    }

    /// Whether the header is there at all.
    func has(_ name: String) -> Bool { fields[name] != nil }

    /// A decimal number; leading zeros do not count, more digits than a number can hold give the largest.
    func number(_ name: String) -> Int? {
        fields[name].flatMap { Self.decimal($0) }
    }

    /// BOOTID or CONFIGID; nil when absent or out of range, because cheap stacks send nonsense here
    /// (upnp.md §3.11) and are still devices.
    func id(_ name: String) -> UInt32? {
        guard let value = number(name), value <= Int(SSDPLimits.largestID) else { return nil }
        return UInt32(value)
    }

    /// SEARCHPORT, UDA 2.0 §1.2.2: 49152 to 65535.
    func port(_ name: String) -> UInt16? {
        guard let value = number(name), (49_152...65_535).contains(value) else { return nil }
        return UInt16(value)
    }

    /// The seconds of `max-age`, with blanks anywhere around `=`; the default when it is missing or unreadable.
    func maxAge() -> Int {
        guard let value = text("CACHE-CONTROL") else { return SSDPLimits.defaultMaxAge }
        for directive in value.lowercased().split(separator: ",") {
            let parts = directive.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].filter({ !$0.isWhitespace }) == "max-age" else { continue }
            let digits = parts[1].filter { !$0.isWhitespace && $0 != "\"" }
            guard let seconds = Self.decimal(Array(digits.utf8)[...]) else { break }
            return min(seconds, SSDPLimits.longestMaxAge)
        }
        return SSDPLimits.defaultMaxAge
    }

    private static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.count <= 64 else { return nil }
        var value = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = min(value * 10 + Int(digit - 0x30), 1 << 40)
        }
        return value
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while let last = bytes.last, last == 0x0D || last == 0x20 || last == 0x09 { bytes.removeLast() }
        while let first = bytes.first, first == 0x0D || first == 0x20 || first == 0x09 { bytes.removeFirst() }
        return bytes
    }
}
