/// A domain name, absolute, in labels; at most 255 bytes on the wire (RFC 1035 §2.3.4).
package struct DNSName: Hashable, Sendable, CustomStringConvertible {
    /// Without the root's empty one; lower case, since names are compared so.
    package let labels: [[UInt8]]

    /// Parses `home.example.org`, with or without the last dot; letters, digits, hyphens and underscores.
    package init?(_ text: some StringProtocol) {
        var text = text[...]
        if text.last == "." { text = text.dropLast() }
        guard !text.isEmpty else {
            labels = []
            return
        }
        let parts = text.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        let isAllowed = parts.allSatisfy { part in
            (1...63).contains(part.utf8.count)
                && part.utf8.allSatisfy { byte in
                    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x5F
                }
        }
        guard isAllowed else { return nil }
        labels = parts.map { Array($0.utf8) }
        guard encoded.count <= 255 else { return nil }
    }

    init(labels: [[UInt8]]) { self.labels = labels }

    /// Uncompressed, as names are in UPDATE and are signed (RFC 8945 §4.3.3).
    package var encoded: [UInt8] { labels.flatMap { [UInt8($0.count)] + $0 } + [0] }

    /// Whether this is the other name or below it.
    package func isWithin(_ other: DNSName) -> Bool { labels.suffix(other.labels.count) == other.labels[...] }

    /// With dots, without the last.
    package var description: String {
        labels.isEmpty ? "." : labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
    }
}

/// Reads a message from its beginning to its end.
struct DNSReader {
    let bytes: [UInt8]
    var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func number(_ count: Int) throws(DNSError) -> UInt64 {
        try take(count).reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func take(_ count: Int) throws(DNSError) -> ArraySlice<UInt8> {
        guard count >= 0, bytes.count - offset >= count else { throw .truncated }
        defer { offset += count }
        return bytes[offset..<(offset + count)]
    }

    /// Follows compression (§4.1.4): each pointer leads further back than the one before, so that none is followed
    /// twice.
    mutating func name() throws(DNSError) -> DNSName {
        var labels: [[UInt8]] = []
        var total = 1
        var position = offset
        var furthest = offset
        var hasJumped = false
        while true {
            guard position < bytes.count else { throw .truncated }
            let length = Int(bytes[position])
            if length & 0xC0 == 0xC0 {
                guard position + 1 < bytes.count else { throw .truncated }
                let target = (length & 0x3F) << 8 | Int(bytes[position + 1])
                if !hasJumped { offset = position + 2 }
                guard target < furthest else { throw .name }
                hasJumped = true
                furthest = target
                position = target
                continue
            }
            guard length & 0xC0 == 0 else { throw .name }
            position += 1
            if length == 0 { break }
            guard position + length <= bytes.count else { throw .truncated }
            total += length + 1
            guard total <= 255 else { throw .name }
            labels.append(bytes[position..<(position + length)].map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 })
            position += length
        }
        if !hasJumped { offset = position }
        return DNSName(labels: labels)
    }
}
