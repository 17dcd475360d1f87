/// Why a device is not registered: the value of REASON in REG_FAIL.
package enum RegistrationReason: UInt16, Error, Hashable, Sendable, CaseIterable {
    /// No offered suite is allowed.
    case suite = 1
    /// The proof is wrong, or the device unknown: the two are one on the wire (F20).
    case proof = 2
    /// The device may not act in the role it asks for.
    case role = 3
    /// The group is full.
    case capacity = 4
    /// The key manager is busy; try later.
    case busy = 5
}

/// The contents of REG_DONE: TLVs without a type before them (3.5, 3.7.2).
package struct DoneContents: Hashable, Sendable {
    private var message: ControlMessage

    /// Makes the contents. MEMBER_ID and KEYID have to be among them.
    package init(_ elements: [Tag: [UInt8]]) {
        message = ControlMessage(.registrationDone, elements)
    }

    /// The value of a tag.
    package subscript(tag: Tag) -> [UInt8]? { message[tag] }

    /// The integer of a tag.
    package func integer<T: FixedWidthInteger & UnsignedInteger>(_ tag: Tag, as type: T.Type = T.self) -> T? {
        message.integer(tag)
    }

    /// The bytes that are sealed.
    package var encoded: [UInt8] { Array(message.encoded.dropFirst(2)) }

    /// Reads opened bytes. Nil unless they are canonical and name the member and its key.
    package init?(decoding bytes: [UInt8]) {
        var body: [UInt8] = []
        body.append(bigEndian: MessageType.registrationDone.rawValue)
        guard let message = try? ControlMessage.decode(body + bytes),
            let member: UInt32 = message.integer(.memberID), member >= 0x10000,
            let key: UInt16 = message.integer(.keyID), (1...0xFFFE).contains(key)
        else { return nil }
        self.message = message
    }
}
