/// A data message in clear (E clear), as the paper has it: nothing about it is proven or secret. Whoever takes one has been
/// told to (``ForwarderConfiguration/acceptsUnencrypted``, ``MemberConfiguration/acceptsUnencrypted``).
///
///     header(C E G X clear; suite 0; keyid 0; nonce free) ‖ data payload
///
/// What it is and which way it goes is one: a message that is thrown back at its sender is none.
package struct ClearData: Hashable, Sendable {
    /// What is said.
    package let payload: DataPayload

    /// The longest payload in bytes: there are no segments.
    package static let limit = WireSizes.defaultDatagram - WireSizes.header

    /// A message of 20 to ``limit`` bytes of payload.
    package init(_ payload: DataPayload) { self.payload = payload }

    /// Reads a datagram; nil unless it is exactly such a message.
    package init?(_ datagram: [UInt8]) {
        guard datagram.count <= WireSizes.defaultDatagram, let header = try? Header.decode(datagram),
            header.suite == .classic, header.keyID == 0,
            let payload = try? DataPayload(decoding: Array(datagram.dropFirst(WireSizes.header))),
            header.flags == Self.flags(payload)
        else { return nil }
        self.payload = payload
    }

    /// The datagram; nil for a payload that is none or too long. `nonce` is anything.
    package func datagram(nonce: UInt16 = 0) -> [UInt8]? {
        guard let body = try? payload.encoded(), body.count <= Self.limit else { return nil }
        let flags = Self.flags(payload)
        return Header(flags: flags, suite: .classic, nonce: nonce, bodyCount: body.count).encoded + body
    }

    private static func flags(_ payload: DataPayload) -> HeaderFlags {
        switch payload {
        case .request: []
        case .broadcast: [.broadcast, .forwarder]
        case .answer: [.response, .server]
        case .deliver, .accepted, .complete, .refused: [.response, .forwarder]
        }
    }
}

extension DataPayload.ForwardID {
    /// The bit of the numbers of requests that came in clear: they and those that came sealed are never the same, so that
    /// no answer to one can be taken for an answer to the other.
    static let unencryptedBit: UInt64 = 1 << 47

    /// Whether it is the number of a request that came in clear.
    package var isUnencrypted: Bool { rawValue & Self.unencryptedBit != 0 }
}
