import Crypto
package import FoundationEssentials
import NetworkTypes

/// Names a pairing code: random, and known only to those who have seen the code.
package struct PairingCodeID: Hashable, Sendable, CustomStringConvertible {
    /// How many bytes an id has.
    package static let byteCount = 8
    /// 8 bytes.
    package let bytes: [UInt8]

    /// Takes an id that was stored or received; nil unless it is 8 bytes long.
    package init?(bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Parses 16 hexadecimal digits.
    package init?(hex: some StringProtocol) {
        guard let bytes = Hexadecimal.decode(hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// Makes a random id.
    package init(using random: inout some RandomNumberGenerator) {
        self.bytes = random.bytes(Self.byteCount)
    }

    /// 16 lower-case hexadecimal digits.
    package var description: String { Hexadecimal.encode(bytes) }
}

/// The one-time secret inside a pairing code, 128 bits. It is never sent and never stored: the gateway keeps
/// only the key that is derived from it.
package struct PairingSecret: Hashable, Sendable, CustomStringConvertible {
    /// How many bytes a secret has.
    package static let byteCount = 16
    let bytes: [UInt8]

    init?(bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Makes a random secret. Pass the system's random source, except in tests.
    package init(using random: inout some RandomNumberGenerator) {
        self.bytes = random.bytes(Self.byteCount)
    }

    /// The key of the request's HMAC: HKDF-SHA256 (RFC 5869) of the secret, salted with the code's id.
    package func requestKey(for id: PairingCodeID) -> PairingKey {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: bytes),
            salt: id.bytes,
            info: Array("latchkey pairing 1".utf8),
            outputByteCount: PairingKey.byteCount
        )
        return PairingKey(key.withUnsafeBytes { Array($0) })
    }

    /// Only its length.
    package var description: String { "secret of \(bytes.count) bytes" }
}

/// The key that authenticates one pairing request. Its description hides it.
package struct PairingKey: Hashable, Sendable, CustomStringConvertible {
    /// How many bytes a key has.
    package static let byteCount = 32
    /// 32 bytes: a secret.
    package let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Takes a key that was stored; nil unless it is 32 bytes long.
    package init?(bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Only its length.
    package var description: String { "key of \(bytes.count) bytes" }
}

/// A pairing code as the gateway keeps it.
package struct PendingPairing: Hashable, Sendable {
    /// What became of a code.
    package enum State: String, Hashable, Sendable, CaseIterable {
        /// It can be used until it expires.
        case outstanding
        /// A client was paired with it.
        case used
        /// Too many wrong guesses.
        case burnt
        /// The gateway's owner took it back.
        case cancelled
    }

    /// Which code.
    package let id: PairingCodeID
    /// Whom it will pair: an existing subject of this name, or one to be made.
    package let subject: SubjectID
    /// The subject's name.
    package let name: String
    /// What the subject is given; it replaces what it had.
    package let scope: Grant.Scope
    /// Whether the grant allows neighbours of the client.
    package let sharing: Bool
    /// What limits the grant besides, for a guest.
    package let pass: GuestPass?
    /// The key of the request's HMAC; nil as soon as the code is no longer outstanding.
    package var key: PairingKey?
    /// When it was made.
    package let createdAt: Date
    /// When it ends by itself.
    package let expiresAt: Date
    /// How many requests named it with a wrong HMAC.
    package var wrongGuesses: Int
    /// What became of it.
    package var state: State

    /// Makes the record of a draft.
    package init(
        id: PairingCodeID, draft: PairingDraft, subject: SubjectID, createdAt: Date, expiresAt: Date
    ) {
        self.init(
            id: id, subject: subject, name: draft.name, scope: draft.scope, sharing: draft.sharing,
            pass: draft.pass, key: draft.key, createdAt: createdAt, expiresAt: expiresAt, wrongGuesses: 0,
            state: .outstanding
        )
    }

    /// Takes a record from storage.
    package init(
        id: PairingCodeID, subject: SubjectID, name: String, scope: Grant.Scope, sharing: Bool,
        pass: GuestPass? = nil, key: PairingKey?, createdAt: Date, expiresAt: Date, wrongGuesses: Int, state: State
    ) {
        self.id = id
        self.subject = subject
        self.name = name
        self.scope = scope
        self.sharing = sharing
        self.pass = pass
        self.key = key
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.wrongGuesses = wrongGuesses
        self.state = state
    }

    /// Whether a client can still be paired with it.
    package func isOpen(at now: Date) -> Bool { state == .outstanding && now < expiresAt }

    /// The grant that using the code gives.
    package var grant: Grant { Grant(subject: subject, scope: scope, sharing: sharing, pass: pass) }
}
