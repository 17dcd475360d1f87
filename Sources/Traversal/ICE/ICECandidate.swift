package import NetworkTypes

/// An address at which an end may be reached over UDP (RFC 8445 §5.1). Of one component: everything of a session shares
/// one path.
package struct ICECandidate: Hashable, Sendable {
    /// How the address came about.
    package enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        /// It is the socket's own.
        case host = 0
        /// A STUN server saw it: what a NAT has made of the socket's own.
        case serverReflexive = 1
        /// The peer saw it, or was seen at it, in a check.
        case peerReflexive = 2
        /// A TURN server forwards what arrives there.
        case relayed = 3

        /// The recommended preference (§5.1.2.2).
        package var preference: UInt32 {
            switch self {
            case .host: 126
            case .peerReflexive: 110
            case .serverReflexive: 100
            case .relayed: 0
            }
        }
    }

    package let kind: Kind
    /// Where the peer sends to.
    package let address: SocketEndpoint
    /// From where this end sends: the socket's own address, or the relayed one. A peer's candidate has its address here.
    package let base: SocketEndpoint
    /// Larger is better; 1 to 2³¹ - 1.
    package let priority: UInt32
    /// The same for candidates of which one is likely to work if another does: 1 to 32 characters of letters, digits, + and /.
    package let foundation: String

    /// The longest foundation (RFC 8839 §5.1).
    package static let longestFoundation = 32

    /// Makes an own candidate.
    /// - Parameter preference: Among those of one kind; larger is better.
    package init(
        _ kind: Kind, address: SocketEndpoint, base: SocketEndpoint, preference: UInt16, foundation: String
    ) {
        self.kind = kind
        self.address = address
        self.base = base
        self.priority = Self.priority(kind, preference: preference)
        self.foundation = foundation
    }

    /// Takes a peer's candidate; nil where priority or foundation is none.
    package init?(_ kind: Kind, address: SocketEndpoint, priority: UInt32, foundation: String) {
        guard (1...0x7FFF_FFFF).contains(priority), (1...Self.longestFoundation).contains(foundation.utf8.count),
            foundation.utf8.allSatisfy(\.isICECharacter)
        else { return nil }
        self.kind = kind
        self.address = address
        self.base = address
        self.priority = priority
        self.foundation = foundation
    }

    /// The priority of a kind's candidate for component 1 (§5.1.2.1).
    package static func priority(_ kind: Kind, preference: UInt16) -> UInt32 {
        kind.preference << 24 | UInt32(preference) << 8 | 255
    }

    /// The PRIORITY of a check from this candidate: what it would be worth if the peer saw another address (§7.1.1).
    var reflexivePriority: UInt32 { Kind.peerReflexive.preference << 24 | priority & 0x00FF_FFFF }
}

extension UInt8 {
    /// Letters, digits, + and / (RFC 8839 §5.1).
    var isICECharacter: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2F: true
        default: false
        }
    }
}
