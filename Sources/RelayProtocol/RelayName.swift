internal import NetworkTypes

/// What a relay knows a gateway by: the SHA-256 of its server key's SubjectPublicKeyInfo, which is the pin that its
/// clients hold. Nobody else can prove to own a name, and no registry gives names out.
///
/// In the server name of a ClientHello it is the first label: 52 characters of base 32 (RFC 4648 §6) in lower case
/// without padding, which fits the 63 of a label (RFC 1035 §2.3.4).
package struct RelayName: Hashable, Sendable {
    /// How long the label is.
    package static let characters = 52

    // Four words and no array: a relay keeps ten thousand of them.
    let words: (UInt64, UInt64, UInt64, UInt64)

    init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// Takes the digest; nil unless it is 32 bytes long.
    package init?(keyDigest: some Collection<UInt8>) {
        guard keyDigest.count == 32 else { return nil }
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, byte) in keyDigest.enumerated() { words[index / 8] = words[index / 8] << 8 | UInt64(byte) }
        self.words = (words[0], words[1], words[2], words[3])
    }

    /// Reads the first label of a server name; nil when that is no gateway's.
    package init?(serverName: some StringProtocol) {
        guard let label = serverName.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).first,
            label.utf8.count == Self.characters, let digest = Base32.decode(label)
        else { return nil }
        self.init(keyDigest: digest)
    }

    /// The digest, 32 bytes.
    package var keyDigest: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
        }
    }

    /// The server name by which this gateway is asked for at `relay`: the label before the relay's own name, or before
    /// a name that cannot exist (RFC 6761 §6.4) where the relay is known by an address alone.
    package func serverName(at relay: String) -> String {
        let whole = "\(self).\(relay)"
        return IPAddress(relay) == nil && whole.utf8.count <= 253 ? whole : "\(self).relay.invalid"
    }

    package static func == (left: RelayName, right: RelayName) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}

extension RelayName: CustomStringConvertible {
    /// The label.
    package var description: String { Base32.encode(keyDigest).lowercased() }
}
