/// An element of a control body: `u16 tag ‖ u16 length ‖ value` (3.3).
package struct TLV: Hashable, Sendable {
    /// What it is.
    package var tag: Tag
    /// Its value, at most 65,535 bytes.
    package var value: [UInt8]

    /// Makes an element.
    package init(_ tag: Tag, _ value: [UInt8]) {
        self.tag = tag
        self.value = value
    }
}

/// Why bytes are no control body.
package enum ControlError: Error, Hashable, Sendable {
    /// No two bytes for the type.
    case noType
    /// The type is unknown.
    case unknownType(UInt16)
    /// The body of this type is no list of TLVs.
    case fixedLayout(MessageType)
    /// The bytes end within the element that begins at this offset.
    case truncated(offset: Int)
    /// The tag is not higher than the one before it.
    case order(Tag)
    /// A critical tag that is not known.
    case unknownCritical(Tag)
    /// A value that the tag does not have.
    case value(Tag)
}

/// Reads the elements of a control body one by one, and refuses every order but the canonical one.
package struct TLVReader: Sendable {
    private var bytes: ByteReader
    private var last: Tag?

    /// Reads the elements that begin at `offset`.
    package init(_ body: [UInt8], from offset: Int = 0) {
        bytes = ByteReader(body, from: offset)
    }

    /// The next element; nil when the bytes end after the one before.
    package mutating func next() throws(ControlError) -> TLV? {
        guard bytes.remaining > 0 else { return nil }
        let start = bytes.offset
        guard let raw: UInt16 = bytes.read(), let count: UInt16 = bytes.read(),
            let value = bytes.read(count: Int(count))
        else { throw .truncated(offset: start) }
        let tag = Tag(rawValue: raw)
        if let last, tag <= last { throw .order(tag) }
        last = tag
        return TLV(tag, value)
    }
}

/// Writes elements one after another.
package struct TLVWriter: Sendable {
    /// What was written.
    package private(set) var bytes: [UInt8] = []
    private var last: Tag?

    /// Has written nothing yet.
    package init() {}

    /// Appends an element. Its tag has to be higher than the one before, its value at most 65,535 bytes.
    package mutating func append(_ tag: Tag, _ value: [UInt8]) {
        precondition(last.map { $0 < tag } ?? true, "tags ascend")
        precondition(value.count <= Int(UInt16.max), "a value has at most 65,535 bytes")
        last = tag
        bytes.append(bigEndian: tag.rawValue)
        bytes.append(bigEndian: UInt16(value.count))
        bytes += value
    }
}
