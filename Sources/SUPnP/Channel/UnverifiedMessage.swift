/// A hardened datagram whose headers are canonical, and of which nothing has been proven: the first of the steps
/// raw bytes → `UnverifiedMessage` → `OpenedMessage` → `WholeMessage`. Only a key makes the second of it, only a
/// signature lets a broadcast pass, and only `MessageAssembler` makes the third.
package struct UnverifiedMessage: Sendable {
    /// The base header.
    package let header: Header
    /// The extension header.
    package let envelope: ExtensionHeader
    /// The whole datagram.
    let bytes: [UInt8]

    /// Checks everything about a datagram that needs no key (specification 3.2 and 3.6.1), the cheapest first.
    package init(_ datagram: [UInt8]) throws(ChannelRefusal) {
        try self.init(datagram, Header.refusing(datagram))
    }

    /// Checks what follows a base header that has been taken off `datagram`.
    init(_ datagram: [UInt8], _ header: Header) throws(ChannelRefusal) {
        guard header.flags.contains(.encrypted) else { throw .clear }
        guard header.suite.isHardened else { throw .suite }
        guard header.flags.contains(.extended) else { throw .envelope(.flags) }
        guard datagram.count >= WireSizes.sealedOverhead else { throw .envelope(.short) }
        do {
            envelope = try ExtensionHeader.decode(datagram)
            try Self.check(header, envelope)
        } catch {
            throw .envelope(error)
        }
        self.header = header
        bytes = datagram
    }

    private static func check(_ header: Header, _ envelope: ExtensionHeader) throws(EnvelopeError) {
        guard header.nonce == UInt16(truncatingIfNeeded: envelope.counter) else { throw .nonce }
        let chosen: HeaderFlags =
            switch envelope.keyKind {
            case .pairwise: [.control, .response, .server]
            case .groupSender: [.control]
            }
        let implied = KeyScope.flags(envelope.keyKind, from: envelope.sender)
        guard header.flags.subtracting(chosen) == implied else { throw .flags }
        switch envelope.keyKind {
        case .pairwise:
            guard 1...0xFFFE ~= header.keyID else { throw .keyID }
        case .groupSender:
            guard case .controller = envelope.sender else { throw .sender }
            guard header.keyID == UInt16(truncatingIfNeeded: envelope.epoch) else { throw .keyID }
        }
    }
}

extension Header {
    /// The base header of a datagram that claims to be sealed, or the refusal that says what is wrong with it.
    static func refusing(_ datagram: [UInt8]) throws(ChannelRefusal) -> Header {
        do {
            return try decode(datagram)
        } catch {
            throw .header(error)
        }
    }
}
