internal import Crypto

/// The secret that a registration leaves behind: 32 bytes that only the gateway and its relay know, because they went
/// through TLS. It authenticates the standby connection, and answers to calls.
package struct StandbyKey: Hashable, Sendable {
    /// The length in bytes.
    package static let byteCount = 32
    // Four words and no array: a relay keeps ten thousand of them.
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Takes 32 bytes; nil for another number of them.
    package init?(bytes: some Collection<UInt8>) {
        guard let name = RelayName(keyDigest: bytes) else { return nil }
        self.words = name.words
    }

    /// Draws a key.
    package init(using random: inout some RandomNumberGenerator) {
        self.words = (random.next(), random.next(), random.next(), random.next())
    }

    /// The 32 bytes: a secret.
    package var bytes: [UInt8] { RelayName(words: words).keyDigest }

    /// The ticket with which a call is answered. A call is read by everybody on its way; only the two who have the key
    /// can say what answers it.
    package func answer(to call: RelayTicket) -> RelayTicket {
        let code = Array(authenticate(Array("latchkey relay answer".utf8) + call.bytes).prefix(RelayTicket.byteCount))
        // The prefix has the length of a ticket.
        return RelayTicket(bytes: code) ?? call
    }

    func authenticate(_ bytes: [UInt8]) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: self.bytes))
    }

    package static func == (left: StandbyKey, right: StandbyKey) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

extension StandbyKey: CustomStringConvertible {
    /// Its length, never its bytes.
    package var description: String { "standby key of \(Self.byteCount) bytes" }
}
