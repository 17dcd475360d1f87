internal import Crypto

/// What a gateway says in its registration's TLS, in which its certificate has proved its name.
package struct RegistrationRequest: Hashable, Sendable {
    /// The length in bytes.
    package static let byteCount = 66
    /// The SHA-256 of the SubjectPublicKeyInfo of the relay that the gateway believes to speak to. A relay refuses what
    /// was said to another.
    package var audience: [UInt8]
    /// Proof of an invitation; nil without one.
    package var invitation: [UInt8]?

    /// Makes a request; both have 32 bytes.
    package init(audience: [UInt8], invitation: [UInt8]? = nil) {
        self.audience = audience
        self.invitation = invitation
    }

    /// Reads a request; nil when it is none of this version.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount, bytes[0] == 1, bytes[1] <= 1 else { return nil }
        self.init(audience: Array(bytes[2..<34]), invitation: bytes[1] == 1 ? Array(bytes[34...]) : nil)
    }

    /// The version, whether there is a proof, the audience, and the proof or zeros.
    package var bytes: [UInt8] {
        [1, invitation == nil ? 0 : 1] + audience + (invitation ?? Array(repeating: 0, count: 32))
    }

    /// What proves an invitation's token to one relay for one gateway. The token itself is never sent, and the proof
    /// is worth nothing to the relay that gets it, at another relay.
    package static func proof(token: String, audience: [UInt8], name: RelayName) -> [UInt8] {
        Array(
            HMAC<SHA256>.authenticationCode(
                for: Array("latchkey relay invitation".utf8) + audience + name.keyDigest,
                using: SymmetricKey(data: Array(token.utf8))))
    }
}

/// What the relay answers.
package enum RegistrationAnswer: Hashable, Sendable {
    /// The standby connection is to be opened with this ticket and key within ten seconds; the gateway is to be heard
    /// every so many seconds.
    case accepted(ticket: RelayTicket, key: StandbyKey, keepalive: UInt16)
    /// The gateway is not taken.
    case refused(RelayRefusal)

    /// The length of an acceptance in bytes; a refusal is shorter, and the end of the connection tells.
    package static let byteCount = 51

    /// The answer's bytes.
    package var bytes: [UInt8] {
        switch self {
        case .accepted(let ticket, let key, let keepalive):
            [0] + ticket.bytes + key.bytes + [UInt8(keepalive >> 8), UInt8(keepalive & 0xFF)]
        case .refused(let refusal): [refusal.rawValue]
        }
    }

    /// Reads an answer; nil when it is none, or not complete.
    package init?(bytes: [UInt8]) {
        guard let status = bytes.first else { return nil }
        guard status == 0 else {
            self = .refused(RelayRefusal(rawValue: status) ?? .busy)
            return
        }
        guard bytes.count == Self.byteCount, let ticket = RelayTicket(bytes: bytes[1..<17]),
            let key = StandbyKey(bytes: bytes[17..<49])
        else { return nil }
        self = .accepted(ticket: ticket, key: key, keepalive: UInt16(bytes[49]) << 8 | UInt16(bytes[50]))
    }
}

/// Why a relay does not take somebody.
package enum RelayRefusal: UInt8, Error, Hashable, Sendable, CaseIterable {
    /// A limit of the relay as a whole is reached.
    case busy = 1
    /// A limit of this source, or of this gateway, is reached.
    case tooMany = 2
    /// It takes invited gateways only.
    case notInvited = 3
    /// The request was made for another relay.
    case wrongAudience = 4
    /// It is about to stop.
    case draining = 5
    /// No gateway of that name is registered.
    case unknownName = 6
    /// It makes no sense.
    case malformed = 7
    /// The gateway did not come.
    case unanswered = 8

    /// A sentence for a person, without a final stop.
    package var sentence: String {
        switch self {
        case .busy: "the relay is full"
        case .tooMany: "the relay takes no more from here at the moment"
        case .notInvited: "the relay takes invited gateways only: ask whoever runs it for an invitation"
        case .wrongAudience: "what answers at the relay's address is not the relay that was meant"
        case .draining: "the relay is about to stop"
        case .unknownName: "the gateway is not registered at the relay"
        case .malformed: "the relay does not understand this version of Latchkey"
        case .unanswered: "the gateway did not answer the relay's call"
        }
    }
}

/// Who may register.
package struct InviteList: Hashable, Sendable {
    /// Gateways by name.
    package var names: Set<RelayName> = []
    /// Secrets; whoever has one may register any gateway.
    package var tokens: [String] = []

    /// Makes an empty list: nobody is invited.
    package init() {}

    /// Reads a file: a line for each gateway's name, and `token SECRET` for each secret of 16 characters or more;
    /// `#` begins a comment. Throws the number of a line that is neither.
    package init(text: String) throws(InviteListFault) {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            switch (words.count, words.first) {
            case (0, _): continue
            case (1, let word?):
                guard let name = RelayName(serverName: word), word.utf8.count == RelayName.characters else {
                    throw InviteListFault(line: index + 1)
                }
                names.insert(name)
            case (2, "token"):
                guard (16...128).contains(words[1].utf8.count) else { throw InviteListFault(line: index + 1) }
                tokens.append(String(words[1]))
            default: throw InviteListFault(line: index + 1)
            }
        }
    }

    /// Whether a gateway is invited by its name or by a secret that it proves to have.
    package func admits(_ name: RelayName, _ request: RegistrationRequest) -> Bool {
        if names.contains(name) { return true }
        guard let proof = request.invitation else { return false }
        return tokens.contains { token in
            StandbyCodec.equal(proof, RegistrationRequest.proof(token: token, audience: request.audience, name: name))
        }
    }
}

/// A line of an invite list that is neither a name nor a token.
package struct InviteListFault: Error, Hashable, Sendable {
    /// Counted from 1.
    package let line: Int

    /// Makes a fault.
    package init(line: Int) { self.line = line }
}
