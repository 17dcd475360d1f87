/// Writes big-endian fields into memory of the exact size; a field beyond it is our own mistake and traps.
struct SecretWriter {
    private var rest: Slice<UnsafeMutableRawBufferPointer>

    init(_ target: UnsafeMutableRawBufferPointer) { rest = target[...] }

    mutating func write(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { write($0) }
    }

    mutating func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { write($0) }
    }

    mutating func write(_ secret: SecretBytes) {
        secret.withUnsafeBytes { write($0) }
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= rest.count, "the fields are longer than their place")
        UnsafeMutableRawBufferPointer(rebasing: rest[rest.startIndex..<rest.startIndex + bytes.count])
            .copyMemory(from: bytes)
        rest = rest.dropFirst(bytes.count)
    }
}

/// Reads big-endian fields whose length the caller has compared with what there is; one beyond it traps.
struct SecretReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// How many bytes are unread.
    var count: Int { bytes.count - offset }

    mutating func byte() -> UInt8 {
        defer { offset += 1 }
        return bytes[offset]
    }

    mutating func half() -> UInt16 {
        precondition(count >= 2, "a field beyond the end")
        defer { offset += 2 }
        return UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    mutating func word() -> UInt32 {
        precondition(count >= 4, "a field beyond the end")
        defer { offset += 4 }
        return UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    mutating func secret(_ length: Int) -> SecretBytes {
        let field = raw(length)
        return SecretBytes(count: length) { $0.copyMemory(from: field) }
    }

    mutating func raw(_ length: Int) -> UnsafeRawBufferPointer {
        precondition(length <= count, "a field beyond the end")
        defer { offset += length }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
    }
}
