internal import Crypto
package import NetworkTypes

/// What proves that a datagram on a link is of one search for a path: keys that follow from what both ends have told each
/// other on a way that is secret and proved, so that nobody else has them, and no other search.
package struct LinkProofKeys: Sendable, CustomStringConvertible {
    /// The dynamic ports (RFC 6335 §6), of which one is the search's.
    private static let ports: ClosedRange<UInt16> = 49_152...65_535

    let question: SymmetricKey
    let answer: SymmetricKey
    /// Where questions are sent to: another one for each search, which only its ends know before the first question.
    package let port: UInt16

    /// - Parameters:
    ///   - asker: The credentials of the end that asks, the controlling one (RFC 8445 §5.3).
    ///   - witness: Those of the end that answers.
    package init(asker: ICECredentials, witness: ICECredentials) {
        let secret = SymmetricKey(data: Self.joined(asker.password, witness.password))
        let names = Self.joined(asker.fragment, witness.fragment)
        func key(_ label: String, _ count: Int) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: secret, salt: Array("latchkey-link-proof/1".utf8),
                info: Self.joined(label) + names, outputByteCount: count)
        }
        question = key("question", 32)
        answer = key("answer", 32)
        let number = key("port", 4).withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(as: UInt32.self)) }
        port = Self.ports.lowerBound + UInt16(number % UInt32(Self.ports.count))
    }

    /// Each with its length before it, so that no two lists are one.
    private static func joined(_ texts: String...) -> [UInt8] {
        texts.flatMap { text in [UInt8(clamping: text.utf8.count)] + Array(text.utf8) }
    }

    /// The group on a link that questions are sent to: SSDP's, which switches pass on to the gateway already, at a port where
    /// no device listens.
    package func group(on link: InterfaceAddress) -> SocketEndpoint {
        switch link.address {
        case .v4: SocketEndpoint(.v4(IPv4Address(239, 255, 255, 250)), port: port)
        case .v6: SocketEndpoint(.v6(IPv6Address(high: 0xFF02 << 48, low: 0xC)), port: port, zone: link.index)
        }
    }

    /// The port alone.
    package var description: String { "link proof at port \(port)" }
}

/// A question or an answer of a link proof: eight bytes that name it, a nonce, and what proves it. The addresses that it goes
/// between are proved too, and are not written: whoever receives it sees them.
struct LinkProofMessage: Hashable, Sendable {
    /// All of it, for both: an answer is never larger than its question.
    static let length = 8 + nonceLength + proofLength
    static let nonceLength = 16
    private static let proofLength = 32
    private static let questionMark = Array("LKlink?1".utf8)
    private static let answerMark = Array("LKlink!1".utf8)

    /// What is proved beside the nonce.
    struct Ends: Hashable, Sendable {
        /// Where the question came from.
        let asker: SocketEndpoint
        /// Who answers; nil in a question, which goes to a group.
        let witness: IPAddress?
    }

    /// Makes a question, or the answer to it.
    static func encode(_ nonce: [UInt8], _ ends: Ends, _ keys: LinkProofKeys) -> [UInt8] {
        let head = (ends.witness == nil ? questionMark : answerMark) + nonce
        let key = ends.witness == nil ? keys.question : keys.answer
        return head + Array(HMAC<SHA256>.authenticationCode(for: head + bytes(ends), using: key))
    }

    /// Whether it looks like one; nothing is proved by that, and nothing was computed.
    static func looksLikeQuestion(_ bytes: [UInt8]) -> Bool {
        bytes.count == length && bytes.starts(with: questionMark)
    }

    static func looksLikeAnswer(_ bytes: [UInt8]) -> Bool { bytes.count == length && bytes.starts(with: answerMark) }

    static func nonce(of bytes: [UInt8]) -> [UInt8] { Array(bytes[8..<8 + nonceLength]) }

    /// Whether what looks like one is proved, between these ends.
    static func isProved(_ bytes: [UInt8], _ ends: Ends, _ keys: LinkProofKeys) -> Bool {
        let head = Array(bytes.prefix(8 + nonceLength))
        return HMAC<SHA256>.isValidAuthenticationCode(
            Array(bytes.suffix(proofLength)), authenticating: head + Self.bytes(ends),
            using: ends.witness == nil ? keys.question : keys.answer)
    }

    private static func bytes(_ ends: Ends) -> [UInt8] {
        bytes(ends.asker.address) + [UInt8(ends.asker.port >> 8), UInt8(ends.asker.port & 255)]
            + (ends.witness.map(bytes) ?? [])
    }

    private static func bytes(_ address: IPAddress) -> [UInt8] {
        switch address.unmapped {
        case .v4(let v4): [4] + (0..<4).map { UInt8(truncatingIfNeeded: v4.rawValue >> UInt32(24 - 8 * $0)) }
        case .v6(let v6):
            [6]
                + [v6.high, v6.low].flatMap { half in
                    (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * $0)) }
                }
        }
    }
}
