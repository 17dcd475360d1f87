internal import Crypto

/// The key by which a message is proved, and with which hash (RFC 8489 §9, §14.5, §14.6).
package struct STUNKey: Hashable, Sendable, CustomStringConvertible {
    /// The hash of an integrity attribute.
    package enum Hash: Hashable, Sendable {
        /// MESSAGE-INTEGRITY.
        case sha1
        /// MESSAGE-INTEGRITY-SHA256, whole.
        case sha256

        var attribute: STUNAttributeType {
            switch self {
            case .sha1: .messageIntegrity
            case .sha256: .messageIntegritySHA256
            }
        }

        var bytes: Int {
            switch self {
            case .sha1: 20
            case .sha256: 32
            }
        }
    }

    /// How a long-term key is made of a password (PASSWORD-ALGORITHM).
    package enum Algorithm: UInt16, Hashable, Sendable {
        case md5 = 1
        case sha256 = 2
    }

    /// The key: a secret.
    let bytes: [UInt8]
    /// The hash of requests that are made with it.
    package let hash: Hash

    /// A short-term key, such as ICE's: the password itself, which is plain ASCII there (§9.1.1).
    package init(password: String, hash: Hash = .sha1) {
        bytes = Array(password.utf8)
        self.hash = hash
    }

    /// A long-term key (§9.2.2, §18.5.1). Realm and password are in the form of `OpaqueString` (RFC 8265) already.
    package init(
        username: String, realm: String, password: String, algorithm: Algorithm, hash: Hash = .sha1
    ) {
        let text = Array("\(username):\(realm):\(password)".utf8)
        switch algorithm {
        // The standard's own choice, for servers that know nothing newer; the key never leaves this side.
        case .md5: bytes = Array(Insecure.MD5.hash(data: text))
        case .sha256: bytes = Array(SHA256.hash(data: text))
        }
        self.hash = hash
    }

    /// USERHASH, which stands for the username where that is not to be seen (§14.4).
    package static func userhash(username: String, realm: String) -> [UInt8] {
        Array(SHA256.hash(data: Array("\(username):\(realm)".utf8)))
    }

    func authenticator(_ bytes: [UInt8], _ hash: Hash) -> [UInt8] {
        let key = SymmetricKey(data: self.bytes)
        return switch hash {
        case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: bytes, using: key))
        case .sha256: Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
        }
    }

    /// Hides the key.
    package var description: String { "STUN key for \(hash)" }
}

extension STUNMessage {
    /// The bytes (§5, §14): header, attributes each padded with zeros to four bytes, then what was asked for.
    ///
    /// The caller keeps the attributes below ``maximumBody`` together; what does not fit is a programming error.
    /// - Parameters:
    ///   - key: Adds the integrity attribute of its hash.
    ///   - fingerprint: Adds FINGERPRINT, by which STUN is told from other protocols on one port.
    package func encoded(key: STUNKey? = nil, fingerprint: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: type)
        bytes.append(bigEndian: UInt16(0))
        bytes += Self.cookie
        bytes += transaction.bytes
        for attribute in attributes { bytes.append(attribute) }
        if let key {
            // The length counts the integrity attribute, the hash ends before it (§14.5).
            bytes.setLength(bytes.count + 4 + key.hash.bytes)
            bytes.append(Attribute(key.hash.attribute, key.authenticator(bytes, key.hash)))
        }
        if fingerprint {
            bytes.setLength(bytes.count + 8)
            bytes.append(Attribute(.fingerprint, Fingerprint.value(of: bytes)))
        }
        bytes.setLength(bytes.count)
        return bytes
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ attribute: STUNMessage.Attribute) {
        append(bigEndian: attribute.type.rawValue)
        append(bigEndian: UInt16(attribute.value.count))
        self += attribute.value
        while count % 4 != 0 { append(0) }
    }

    /// Writes the length of the body of a message that will have `total` bytes.
    mutating func setLength(_ total: Int) {
        let length = total - STUNMessage.headerBytes
        precondition(length <= STUNMessage.maximumBody, "a STUN message has at most 65,532 bytes of attributes")
        self[2] = UInt8(length >> 8)
        self[3] = UInt8(length & 0xFF)
    }

    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

/// FINGERPRINT: the CRC-32 of ITU V.42, with a constant that tells it from others' (§14.7).
enum Fingerprint {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(UInt32.max) { $0 >> 8 ^ table[Int(($0 ^ UInt32($1)) & 0xFF)] }
    }

    static func value(of bytes: some Sequence<UInt8>) -> [UInt8] {
        var value: [UInt8] = []
        value.append(bigEndian: checksum(bytes) ^ 0x5354_554E)
        return value
    }
}
