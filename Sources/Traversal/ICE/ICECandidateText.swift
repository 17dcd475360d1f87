internal import NetworkTypes

// A candidate as a line, by the grammar of RFC 8839 §5.1: what other implementations read, and people.

extension ICECandidate {
    /// The longest line that is read, in bytes.
    package static let longestText = 256

    /// `1 1 udp 2130706431 192.0.2.1 5000 typ host`, without the related address, which nobody needs.
    package var text: String {
        "\(foundation) 1 udp \(priority) \(address.address) \(address.port) typ \(kind.name)"
    }

    /// Reads a line with or without `candidate:`; attributes that follow the type are left out. Nil for names (mDNS's
    /// among them), for TCP and for other components than the first.
    package init?(text: some StringProtocol) {
        guard text.utf8.count <= Self.longestText else { return nil }
        let line = text.hasPrefix("candidate:") ? text.dropFirst("candidate:".count) : text[...]
        let words = line.split(separator: " ", maxSplits: 8)
        guard words.count >= 8, words[1] == "1", words[2].lowercased() == "udp", let priority = UInt32(words[3]),
            let address = IPAddress(words[4]), let port = UInt16(words[5]), words[6] == "typ",
            let kind = Kind.allCases.first(where: { $0.name == words[7] })
        else { return nil }
        self.init(
            kind, address: SocketEndpoint(address, port: port), priority: priority, foundation: String(words[0]))
    }
}

extension ICECandidate.Kind {
    /// `host`, `srflx`, `prflx` or `relay`.
    package var name: String {
        switch self {
        case .host: "host"
        case .serverReflexive: "srflx"
        case .peerReflexive: "prflx"
        case .relayed: "relay"
        }
    }
}
