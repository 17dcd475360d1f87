package import GroupKeys

/// What a device makes of its code (3.7.1): w0 and w1, 32 bytes each.
package struct ProverSecrets: Sendable {
    /// w0, which the key manager has as well.
    package let w0: SecretBytes
    /// w1, which it has not.
    package let w1: SecretBytes

    /// Takes both as they are; neither may be zero modulo the order of P-256.
    package init?(w0: SecretBytes, w1: SecretBytes) {
        guard let first = P256Scalar.reducing(w0), let second = P256Scalar.reducing(w1) else { return nil }
        self.w0 = first.bytes
        self.w1 = second.bytes
    }

    /// The halves of 80 bytes, each modulo the order of P-256.
    package init?(stretched: SecretBytes) {
        guard stretched.count == 80 else { return nil }
        let (first, second) = stretched.withUnsafeBytes { (SecretBytes($0.prefix(40)), SecretBytes($0.suffix(40))) }
        self.init(w0: first, w1: second)
    }

    /// What the key manager keeps of them.
    package var record: VerifierRecord? {
        guard let w1 = P256Scalar.reducing(w1), let l = P256Point.base(times: w1)?.encoded else { return nil }
        return VerifierRecord(w0: w0, l: l)
    }
}

/// What the key manager keeps of a code (3.7.1): enough to check a device, too little to be one.
package struct VerifierRecord: Equatable, Sendable {
    /// w0, 32 bytes.
    package let w0: SecretBytes
    /// L = w1·P, uncompressed, 65 bytes.
    package let l: [UInt8]

    /// Makes a record as a store has it; nil when w0 is zero or L is no point.
    package init?(w0: SecretBytes, l: [UInt8]) {
        guard P256Scalar.reducing(w0) != nil, P256Point.decode(l) != nil else { return nil }
        self.w0 = w0
        self.l = l
    }
}

/// How a code is stretched (KDF_ID, 3.7.1). Devices take these ids and no others, so that nobody else chooses what
/// a registration costs. Id 4 (Argon2id) is not built.
package enum PasswordDerivation: UInt8, Hashable, Sendable, CaseIterable {
    /// scrypt, N = 2^15, r = 8, p = 1: 33 MiB.
    case scrypt15 = 1
    /// scrypt, N = 2^17, r = 8, p = 1: 132 MiB.
    case scrypt17 = 2
    /// PBKDF2-HMAC-SHA256, 600,000 rounds: for devices without the memory.
    case pbkdf2 = 3
    /// scrypt, N = 2^4: for tests alone. A device refuses it unless its configuration says otherwise.
    case testOnly = 0xFE
}

/// One stretching of a code: the costly step of a device's registration, which its driver may do elsewhere.
package struct PasswordDerivationWork: Sendable {
    /// How.
    package let derivation: PasswordDerivation
    /// The record's salt, 16 bytes.
    package let salt: [UInt8]
    private let number: UInt64
    private let input: SecretBytes

    /// What came out.
    package struct Result: Sendable {
        /// Tells the works of one device apart: one that comes late is not taken for another.
        let number: UInt64
        /// The secrets; nil when the salt is empty or a half is zero.
        package let secrets: ProverSecrets?
    }

    /// Prepares the stretching of a code for a device in a group.
    package init(
        _ derivation: PasswordDerivation, code: SecretBytes, deviceID: [UInt8], groupID: [UInt8], salt: [UInt8],
        number: UInt64 = 0
    ) {
        self.derivation = derivation
        self.salt = salt
        self.number = number
        // The counts make it never empty, which swift-crypto's scrypt does not bear.
        let before = SPAKE2Plus.count(of: code.count)
        let after = SPAKE2Plus.counted(deviceID) + SPAKE2Plus.counted(groupID)
        input = SecretBytes(count: before.count + code.count + after.count) { target in
            target.copyBytes(from: before)
            let rest = UnsafeMutableRawBufferPointer(rebasing: target[before.count...])
            code.withUnsafeBytes { rest.copyMemory(from: $0) }
            UnsafeMutableRawBufferPointer(rebasing: rest[code.count...]).copyBytes(from: after)
        }
    }

    /// Does it: 30 to 400 ms.
    package func run() -> Result {
        guard !salt.isEmpty, let bytes = derivation.stretch(input, salt: salt) else {
            return Result(number: number, secrets: nil)
        }
        return Result(number: number, secrets: ProverSecrets(stretched: bytes))
    }
}
