/// What part of a resource a `Range` field asks for (RFC 9110 §14).
enum ByteRange: Hashable {
    /// All of it: no range, one that is not of the form, or several, which a server may answer whole.
    case whole
    /// These bytes; never empty.
    case part(Range<Int64>)
    /// No byte of it is there: 416.
    case unsatisfiable

    /// Reads the field for a resource of `size` bytes.
    init(_ field: String?, size: Int64) {
        self = .whole
        guard let field, field.utf8.count <= 128 else { return }
        let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].lowercased() == "bytes" else { return }
        let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.position(ends[0]), let last = Self.position(ends[1]) else { return }
        switch (first, last) {
        case (nil, nil): return
        case (nil, let suffix?):
            self = suffix == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - suffix)..<size)
        case (let first?, let last):
            if let last, last < first { return }
            self = first >= size ? .unsatisfiable : .part(first..<min(size, (last ?? size - 1) + 1))
        }
    }

    /// Outer nil: not a number. Inner nil: left out. Larger than any file: the largest that is one.
    private static func position(_ text: Substring) -> Int64?? {
        if text.isEmpty { return .some(nil) }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return .some(min(Int64(text) ?? .max, .max - 1))
    }
}
