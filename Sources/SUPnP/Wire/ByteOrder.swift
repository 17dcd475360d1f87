extension [UInt8] {
    /// Appends an integer, its most significant byte first, as every integer of this protocol is written (3).
    package mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

/// Reads integers and runs of bytes from the front of an array. Each read gives nil where too few bytes are left, and
/// then has not moved.
package struct ByteReader: Sendable {
    private let bytes: [UInt8]
    /// Where the next read begins.
    package private(set) var offset: Int

    /// Reads `bytes` from `offset` on, which is brought within them.
    package init(_ bytes: [UInt8], from offset: Int = 0) {
        self.bytes = bytes
        self.offset = min(max(offset, 0), bytes.count)
    }

    /// How many bytes are left.
    package var remaining: Int { bytes.count - offset }

    /// The next integer, most significant byte first.
    package mutating func read<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type = T.self) -> T? {
        let size = T.bitWidth / 8
        guard remaining >= size else { return nil }
        var value: T = 0
        for index in offset..<offset + size { value = value << 8 | T(truncatingIfNeeded: bytes[index]) }
        offset += size
        return value
    }

    /// The next `count` bytes.
    package mutating func read(count: Int) -> [UInt8]? {
        guard count >= 0, remaining >= count else { return nil }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    /// The next `count` bytes where they lie.
    mutating func readSlice(count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, remaining >= count else { return nil }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    /// All bytes that are left.
    package mutating func readRest() -> [UInt8] {
        defer { offset = bytes.count }
        return Array(bytes[offset...])
    }
}
