/// The body of a control message: `u16 type ‖ TLV*`, tags strictly ascending (3.3).
///
/// Each message has exactly one encoding and each encoding one message: elements with unknown tags are kept, so what
/// was decoded encodes to the same bytes.
package struct ControlMessage: Hashable, Sendable {
    /// The type.
    package let type: MessageType
    /// The elements, tags ascending.
    package private(set) var elements: [TLV]

    /// Makes a message of elements in any order.
    package init(_ type: MessageType, _ elements: [Tag: [UInt8]] = [:]) {
        self.type = type
        self.elements = elements.map { TLV($0.key, $0.value) }.sorted { $0.tag < $1.tag }
    }

    private init(_ type: MessageType, ascending elements: [TLV]) {
        self.type = type
        self.elements = elements
    }

    /// The value of a tag; nil when the message has none. Setting nil removes it.
    package subscript(tag: Tag) -> [UInt8]? {
        get { elements.first { $0.tag == tag }?.value }
        set {
            elements.removeAll { $0.tag == tag }
            guard let newValue else { return }
            let place = elements.firstIndex { $0.tag > tag } ?? elements.endIndex
            elements.insert(TLV(tag, newValue), at: place)
        }
    }

    /// The integer of a tag, if the message has the tag and its value is of that size.
    package func integer<T: FixedWidthInteger & UnsignedInteger>(_ tag: Tag, as type: T.Type = T.self) -> T? {
        guard let value = self[tag], value.count == T.bitWidth / 8 else { return nil }
        var reader = ByteReader(value)
        return reader.read()
    }

    /// The bytes of the body.
    package var encoded: [UInt8] {
        var writer = TLVWriter()
        for element in elements { writer.append(element.tag, element.value) }
        var body: [UInt8] = []
        body.append(bigEndian: type.rawValue)
        return body + writer.bytes
    }

    /// The whole datagram in clear: base header and body.
    package func datagram(flags: HeaderFlags, suite: Suite, nonce: UInt16, keyID: UInt16 = 0) -> [UInt8] {
        let body = encoded
        return Header(flags: flags, suite: suite, keyID: keyID, nonce: nonce, bodyCount: body.count).encoded + body
    }

    /// Reads a body that begins at `offset` and ends with the bytes. Nothing but the canonical encoding is accepted.
    ///
    /// `checkingValues` off admits values that their tags do not have: only to show what that check is for.
    package static func decode(
        _ bytes: [UInt8], from offset: Int = 0, checkingValues: Bool = true
    ) throws(ControlError) -> ControlMessage {
        let type = try MessageType.read(bytes, at: offset)
        // The layout of a REKEY is fixed (3.9.5).
        guard type != .rekey else { throw .fixedLayout(type) }
        var reader = TLVReader(bytes, from: offset + 2)
        var elements: [TLV] = []
        while let element = try reader.next() {
            let accepted = element.tag.accepts(element.value)
            if accepted == nil, element.tag.isCritical { throw .unknownCritical(element.tag) }
            if accepted == false, checkingValues { throw .value(element.tag) }
            elements.append(element)
        }
        return ControlMessage(type, ascending: elements)
    }
}

extension MessageType {
    /// The type at the front of a body that begins at `offset`.
    package static func read(_ bytes: [UInt8], at offset: Int) throws(ControlError) -> MessageType {
        var reader = ByteReader(bytes, from: offset)
        guard let raw: UInt16 = reader.read() else { throw .noType }
        guard let type = MessageType(rawValue: raw) else { throw .unknownType(raw) }
        return type
    }
}
