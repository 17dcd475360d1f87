/// Why bytes are no STUN message.
package enum STUNError: Error, Hashable, Sendable {
    /// Fewer than 20 bytes, or first bits that another protocol has.
    case notSTUN
    /// The cookie is another: RFC 3489, or something else.
    case cookie
    /// The length is no multiple of four, or not that of what is there.
    case length
    /// An attribute is longer than the message.
    case attribute
    /// There are more attributes than are read.
    case tooMany
    /// FINGERPRINT is not last, or wrong.
    case fingerprint
    /// An integrity attribute has a length that none has.
    case integrity
}

/// A STUN message as it came, with what is needed to check it.
package struct STUNDatagram: Sendable {
    /// The message: attributes behind an integrity attribute are left out, because nothing proves them (RFC 8489 §14.5).
    package let message: STUNMessage
    /// Whether there was a FINGERPRINT; it was right.
    package let hasFingerprint: Bool

    private let bytes: [UInt8]
    /// Where the integrity attributes begin, with their values' lengths.
    private var integrity: [STUNKey.Hash: (offset: Int, count: Int)] = [:]

    /// Whether bytes that came on a shared port may be STUN's: by the first two bits and the cookie (§5, RFC 7983).
    package static func looksLikeSTUN(_ bytes: some Collection<UInt8>) -> Bool {
        guard bytes.count >= STUNMessage.headerBytes, let first = bytes.first, first < 4 else { return false }
        return bytes.dropFirst(4).prefix(4).elementsEqual(STUNMessage.cookie)
    }

    /// Reads a datagram, or one message of a stream.
    package init(_ bytes: [UInt8]) throws(STUNError) {
        guard bytes.count >= STUNMessage.headerBytes, bytes[0] < 0x40,
            let transaction = STUNMessage.Transaction(bytes: bytes[8..<20])
        else { throw .notSTUN }
        guard bytes[4..<8].elementsEqual(STUNMessage.cookie) else { throw .cookie }
        let length = Int(bytes[2]) << 8 | Int(bytes[3])
        guard length % 4 == 0, length == bytes.count - STUNMessage.headerBytes else { throw .length }
        guard var message = STUNMessage(type: UInt16(bytes[0]) << 8 | UInt16(bytes[1]), transaction: transaction)
        else { throw .notSTUN }
        var hasFingerprint = false
        var offset = STUNMessage.headerBytes
        var read = 0
        while offset < bytes.count {
            guard !hasFingerprint else { throw .fingerprint }
            let type = STUNAttributeType(UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1]))
            let count = Int(bytes[offset + 2]) << 8 | Int(bytes[offset + 3])
            let start = offset + 4
            // Padding may hold anything (RFC 5769's own has blanks).
            let end = start + (count + 3) / 4 * 4
            guard end <= bytes.count else { throw .attribute }
            read += 1
            guard read <= STUNMessage.maximumAttributes else { throw .tooMany }
            switch type {
            case .fingerprint:
                guard count == 4, bytes[start..<end].elementsEqual(Fingerprint.value(of: bytes[..<offset])) else {
                    throw .fingerprint
                }
                hasFingerprint = true
            case .messageIntegrity where integrity.isEmpty:
                guard count == 20 else { throw .integrity }
                integrity[.sha1] = (offset, count)
            case .messageIntegritySHA256 where integrity[.sha256] == nil:
                guard (16...32).contains(count), count % 4 == 0 else { throw .integrity }
                integrity[.sha256] = (offset, count)
            default:
                if integrity.isEmpty { message.append(type, Array(bytes[start..<start + count])) }
            }
            offset = end
        }
        self.message = message
        self.hasFingerprint = hasFingerprint
        self.bytes = bytes
    }

    /// Whether anything proves it.
    package var isProtected: Bool { !integrity.isEmpty }

    /// Whether a key proves it: by the strongest integrity attribute that it has (§9.1.3), in constant time.
    /// - Parameter hash: The only one that is taken; nil for any.
    package func isAuthentic(_ key: STUNKey, only hash: STUNKey.Hash? = nil) -> Bool {
        let best: STUNKey.Hash = integrity[.sha256] != nil ? .sha256 : .sha1
        guard hash == nil || hash == best, let (offset, count) = integrity[best] else { return false }
        // A shortened one is for usages that agree on it, and ours have not.
        guard count == best.bytes else { return false }
        var covered = Array(bytes[..<offset])
        covered.setLength(offset + 4 + count)
        let expected = key.authenticator(covered, best)
        return zip(expected, bytes[(offset + 4)...]).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
