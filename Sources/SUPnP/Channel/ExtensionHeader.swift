/// Who has sealed a message: the field `sender` of the extension header (specification 3.6.1).
package enum SenderID: Hashable, Sendable {
    /// A controller, 1...0xFFFF.
    case controller(ControllerID)
    /// A member, 0x10000 and more.
    case member(MemberID)

    /// Nil for 0, which is nobody.
    package init?(_ rawValue: UInt32) {
        if let controller = ControllerID(rawValue) {
            self = .controller(controller)
        } else if let member = MemberID(rawValue) {
            self = .member(member)
        } else {
            return nil
        }
    }

    /// The number on the wire.
    package var rawValue: UInt32 {
        switch self {
        case .controller(let controller): controller.rawValue
        case .member(let member): member.rawValue
        }
    }
}

/// The 20 bytes after the base header of a hardened message (specification 3.6.1):
/// `u32 epoch ‖ u32 sender ‖ u64 counter ‖ u8 keyType ‖ u8 0 ‖ u16 gidHint`.
package struct ExtensionHeader: Hashable, Sendable {
    /// What kind of key has sealed the message.
    package enum KeyKind: UInt8, CaseIterable, Hashable, Sendable {
        /// `pair`: of one member and one controller process.
        case pairwise = 1
        /// `gsnd`: of one forwarder process in one epoch.
        case groupSender = 2
    }

    /// A key dies before its counter reaches this.
    package static let counterLimit: UInt64 = 1 << 48

    /// The group's epoch, or the generation of the pairwise key.
    package let epoch: UInt32
    /// Who has sealed the message.
    package let sender: SenderID
    /// How many messages the key has sealed before this one; below 2^48.
    package let counter: UInt64
    /// What kind of key.
    package let keyKind: KeyKind
    /// The first 16 bits of GROUP_ID.
    package let groupHint: UInt16

    /// An extension header; `counter` must lie below 2^48.
    package init(epoch: UInt32, sender: SenderID, counter: UInt64, keyKind: KeyKind, groupHint: UInt16) {
        precondition(counter < Self.counterLimit, "a key dies at 2^48 messages")
        self.epoch = epoch
        self.sender = sender
        self.counter = counter
        self.keyKind = keyKind
        self.groupHint = groupHint
    }

    /// Appends the 20 bytes.
    package func encode(into bytes: inout [UInt8]) {
        var words = (
            epoch.bigEndian, sender.rawValue.bigEndian, UInt32(truncatingIfNeeded: counter >> 32).bigEndian,
            UInt32(truncatingIfNeeded: counter).bigEndian,
            (UInt32(keyKind.rawValue) << 24 | UInt32(groupHint)).bigEndian
        )
        withUnsafeBytes(of: &words) { bytes.append(contentsOf: $0) }
    }

    /// Reads the 20 bytes that follow the base header of `datagram`.
    package static func decode(_ datagram: [UInt8]) throws(EnvelopeError) -> ExtensionHeader {
        guard datagram.count >= WireSizes.sealedHeader else { throw .short }
        let fields = datagram.withUnsafeBytes { bytes in
            let at = bytes.baseAddress.map { UnsafeRawBufferPointer(start: $0 + WireSizes.header, count: 20) } ?? bytes
            return (
                epoch: UInt32(bigEndian: at.loadUnaligned(fromByteOffset: 0, as: UInt32.self)),
                sender: UInt32(bigEndian: at.loadUnaligned(fromByteOffset: 4, as: UInt32.self)),
                counter: UInt64(bigEndian: at.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                kind: at[16], reserved: at[17],
                hint: UInt16(bigEndian: at.loadUnaligned(fromByteOffset: 18, as: UInt16.self))
            )
        }
        guard let kind = KeyKind(rawValue: fields.kind) else { throw .keyKind(fields.kind) }
        guard fields.reserved == 0 else { throw .reserved }
        guard let sender = SenderID(fields.sender) else { throw .sender }
        guard fields.counter < counterLimit else { throw .counter }
        return ExtensionHeader(
            epoch: fields.epoch, sender: sender, counter: fields.counter, keyKind: kind, groupHint: fields.hint)
    }
}

extension WireSizes {
    /// Both headers of a hardened message, which its AEAD authenticates.
    package static let sealedHeader = header + extensionHeader
    /// What a hardened message adds to its plaintext.
    package static let sealedOverhead = sealedHeader + aeadTag
}
