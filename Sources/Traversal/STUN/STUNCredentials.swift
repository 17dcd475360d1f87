/// A user's long-term credentials at a client (RFC 8489 §9.2): the first request goes without, the server's refusal says
/// for which realm and with which nonce, and later ones are proved.
///
///     bare ──401 with REALM and NONCE──▶ proved ──438 with NONCE──▶ proved again
///                                           └──401──▶ refused: the password is wrong
package struct STUNCredentials: Sendable {
    private struct Challenge: Hashable, Sendable {
        var realm: String
        var nonce: [UInt8]
        /// PASSWORD-ALGORITHMS as it came, which goes back unchanged, and what was chosen of it.
        var algorithms: (offered: [UInt8], chosen: STUNKey.Algorithm)?

        static func == (left: Challenge, right: Challenge) -> Bool {
            left.realm == right.realm && left.nonce == right.nonce
                && left.algorithms?.offered == right.algorithms?.offered
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(realm)
            hasher.combine(nonce)
        }
    }

    /// What follows from an answer.
    package enum Verdict: Hashable, Sendable {
        /// It is proved, or no refusal that has to do with credentials.
        case taken
        /// Make the request anew, with ``prove(_:)`` and another transaction.
        case again
        /// The server does not know this user or password, or would not say how to prove them.
        case refused
        /// It is not from the server that knows the password: as if nothing had come.
        case ignored
    }

    /// A nonce begins with it when the server has something to say in it (§9.2).
    private static let nonceCookie = Array("obMatJos2".utf8)
    /// The longest of realm and nonce, in bytes (§14.9, §14.10).
    private static let longest = 763

    private let username: String
    private let password: String
    private var challenge: Challenge?
    /// Stale nonces in a row: a server that gives nothing else would be asked for ever.
    private var stale = 0

    /// Both in the form of `OpaqueString` (RFC 8265), at most 508 bytes.
    package init(username: String, password: String) {
        self.username = username
        self.password = password
    }

    /// The key of the moment; nil before the server has asked for one.
    package var key: STUNKey? {
        challenge.map { challenge in
            STUNKey(
                username: username, realm: challenge.realm, password: password,
                algorithm: challenge.algorithms?.chosen ?? .md5,
                hash: challenge.algorithms == nil ? .sha1 : .sha256)
        }
    }

    /// Whether requests bear this nonce at the moment: others are from before a refusal.
    package func uses(nonce: [UInt8]?) -> Bool { challenge?.nonce == nonce }

    /// Adds what names the user, and returns the key to encode the request with; nil while none is known.
    package func prove(_ request: inout STUNMessage) -> STUNKey? {
        guard let challenge else { return nil }
        request.append(.username, Array(username.utf8))
        request.append(.realm, Array(challenge.realm.utf8))
        request.append(.nonce, challenge.nonce)
        if let (offered, chosen) = challenge.algorithms {
            request.append(.passwordAlgorithms, offered)
            request.append(.passwordAlgorithm, [0, UInt8(chosen.rawValue), 0, 0])
        }
        return key
    }

    /// Looks at the answer to a request that was made with what ``prove(_:)`` gave at that time.
    package mutating func receive(_ answer: STUNDatagram) -> Verdict {
        let failure = answer.message.failure?.code
        if let key, answer.isProtected {
            guard answer.isAuthentic(key) else { return .ignored }
        } else if challenge != nil, failure != 401, failure != 438 {
            // Somebody else on the way can say that, too; the request is repeated (§9.2.5).
            return .ignored
        }
        switch failure {
        case 401:
            guard let next = Self.challenge(in: answer.message), challenge == nil else { return .refused }
            challenge = next
            return .again
        case 438:
            guard let next = Self.challenge(in: answer.message), stale < 3, next.realm == challenge?.realm ?? next.realm
            else { return .refused }
            stale += 1
            challenge = next
            return .again
        default:
            stale = 0
            return .taken
        }
    }

    private static func challenge(in message: STUNMessage) -> Challenge? {
        guard let realm = message.text(.realm), let nonce = message[.nonce], !nonce.isEmpty, nonce.count <= longest,
            realm.utf8.count <= longest
        else { return nil }
        let offered = message[.passwordAlgorithms]
        // A server that can do better says so in the nonce, which nobody on the way can change unnoticed: a list that is
        // missing then was taken out.
        if promisesAlgorithms(nonce), offered == nil { return nil }
        guard let offered else { return Challenge(realm: realm, nonce: nonce) }
        guard let chosen = choose(from: offered) else { return nil }
        return Challenge(realm: realm, nonce: nonce, algorithms: (offered, chosen))
    }

    /// Bit 0 of the 24 that follow the cookie in base64, counted from the most significant one.
    private static func promisesAlgorithms(_ nonce: [UInt8]) -> Bool {
        guard nonce.starts(with: nonceCookie), nonce.count >= nonceCookie.count + 4 else { return false }
        let first = nonce[nonceCookie.count]
        // The first of four base64 digits has the upper six bits: 32 and more are g…z, 0…9, + and /.
        return switch first {
        case 0x67...0x7A, 0x30...0x39, 0x2B, 0x2F: true
        default: false
        }
    }

    /// SHA-256 where both are offered (RFC 8656 §6); entries are number, length of parameters, parameters.
    private static func choose(from list: [UInt8]) -> STUNKey.Algorithm? {
        var found: Set<STUNKey.Algorithm> = []
        var offset = 0
        while offset + 4 <= list.count {
            let number = UInt16(list[offset]) << 8 | UInt16(list[offset + 1])
            let parameters = Int(list[offset + 2]) << 8 | Int(list[offset + 3])
            if parameters == 0, let algorithm = STUNKey.Algorithm(rawValue: number) { found.insert(algorithm) }
            offset += 4 + (parameters + 3) / 4 * 4
        }
        guard offset == list.count else { return nil }
        return found.contains(.sha256) ? .sha256 : found.first
    }
}
