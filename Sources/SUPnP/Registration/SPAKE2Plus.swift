import CLibCrypto
import Crypto
package import GroupKeys

/// SPAKE2+ over P-256 with SHA-256, HKDF-SHA256 and HMAC-SHA256 (RFC 9383): what both roles have in common.
package enum SPAKE2Plus {
    /// What names a run: it goes into the transcript, and both sides have to agree on it (RFC 9383 §3.2).
    package struct Identities: Hashable, Sendable {
        /// The context.
        package var context: [UInt8]
        /// idProver: the DEVICE_ID.
        package var prover: [UInt8]
        /// idVerifier: the GROUP_ID.
        package var verifier: [UInt8]

        /// Makes the names.
        package init(context: [UInt8], prover: [UInt8], verifier: [UInt8]) {
            self.context = context
            self.prover = prover
            self.verifier = verifier
        }
    }

    /// Why a run ends.
    package enum Failure: Error, Hashable, Sendable {
        /// w0 or w1 is zero modulo the order, or L is no point.
        case secret
        /// The peer's share is no point of the curve, or leads to the point at infinity.
        case share
        /// The peer's confirmation is not the one expected: it does not know the code.
        case confirmation
    }

    /// The points M and N of RFC 9383 §4 for P-256, compressed.
    package static let m: [UInt8] = [
        0x02, 0x88, 0x6E, 0x2F, 0x97, 0xAC, 0xE4, 0x6E, 0x55, 0xBA, 0x9D, 0xD7, 0x24, 0x25, 0x79, 0xF2, 0x99,
        0x3B, 0x64, 0xE1, 0x6E, 0xF3, 0xDC, 0xAB, 0x95, 0xAF, 0xD4, 0x97, 0x33, 0x3D, 0x8F, 0xA1, 0x2F,
    ]
    /// The point N.
    package static let n: [UInt8] = [
        0x03, 0xD8, 0xBB, 0xD6, 0xC6, 0x39, 0xC6, 0x29, 0x37, 0xB0, 0x4D, 0x99, 0x7F, 0x38, 0xC3, 0x77, 0x07,
        0x19, 0xC6, 0x29, 0xD7, 0x01, 0x4D, 0x49, 0xA2, 0x4B, 0x4F, 0x98, 0xBA, 0xA1, 0x29, 0x2B, 0x49,
    ]

    /// The bytes with their count before them: eight bytes, little-endian as RFC 9383 §3.3 has it.
    package static func counted(_ bytes: [UInt8]) -> [UInt8] { count(of: bytes.count) + bytes }

    static func count(of bytes: Int) -> [UInt8] {
        var count: [UInt8] = []
        count.append(bigEndian: UInt64(bytes).byteSwapped)
        return count
    }

    /// The keys of a run (RFC 9383 §3.4).
    struct Keys {
        let confirmP: [UInt8]
        let confirmV: [UInt8]
        let shared: SecretBytes

        init(
            _ identities: Identities, shareP: [UInt8], shareV: [UInt8], z: SecretBytes, v: SecretBytes,
            w0: SecretBytes
        ) {
            let m = P256Point.decode(SPAKE2Plus.m)?.encoded ?? []
            let n = P256Point.decode(SPAKE2Plus.n)?.encoded ?? []
            var hash = SHA256()
            for part in [identities.context, identities.prover, identities.verifier, m, n, shareP, shareV] {
                hash.update(data: SPAKE2Plus.counted(part))
            }
            for secret in [z, v, w0] {
                hash.update(data: SPAKE2Plus.count(of: secret.count))
                secret.withUnsafeBytes { hash.update(bufferPointer: $0) }
            }
            let main = SymmetricKey(data: hash.finalize())
            let confirmation = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: main, info: Array("ConfirmationKeys".utf8), outputByteCount: 64)
            (confirmP, confirmV) = confirmation.withUnsafeBytes { bytes in
                let keyP = SymmetricKey(data: UnsafeRawBufferPointer(rebasing: bytes[..<32]))
                let keyV = SymmetricKey(data: UnsafeRawBufferPointer(rebasing: bytes[32...]))
                return (
                    Array(HMAC<SHA256>.authenticationCode(for: shareV, using: keyP)),
                    Array(HMAC<SHA256>.authenticationCode(for: shareP, using: keyV))
                )
            }
            let key = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: main, info: Array("SharedKey".utf8), outputByteCount: 32)
            shared = key.withUnsafeBytes { bytes in SecretBytes(count: 32) { $0.copyMemory(from: bytes) } }
        }
    }

    static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }
}

/// The device's side of a run. It is used up by its one answer.
package struct SPAKE2PlusProver: ~Copyable {
    private let identities: SPAKE2Plus.Identities
    private let secrets: ProverSecrets
    private let x: SecretBytes
    /// SHARE_P, 65 bytes.
    package let share: [UInt8]

    /// Begins a run with a fresh x.
    package init(
        _ identities: SPAKE2Plus.Identities, secrets: ProverSecrets, using random: inout some RandomNumberGenerator
    ) throws(SPAKE2Plus.Failure) {
        guard let x = P256Scalar.random(using: &random) else { throw .secret }
        try self.init(identities, secrets: secrets, x: x.bytes)
    }

    /// Begins a run with a given x: for the vectors of RFC 9383 alone.
    package init(
        _ identities: SPAKE2Plus.Identities, secrets: ProverSecrets, x: SecretBytes
    ) throws(SPAKE2Plus.Failure) {
        guard let scalar = P256Scalar.reducing(x), let w0 = P256Scalar.reducing(secrets.w0),
            let own = P256Point.base(times: scalar), let mask = P256Point.decode(SPAKE2Plus.m)?.times(w0),
            let share = own.plus(mask)?.encoded
        else { throw .secret }
        self.identities = identities
        self.secrets = secrets
        self.x = x
        self.share = share
    }

    /// What the prover has in the end.
    package struct Proof: Sendable {
        /// CONFIRM_P, 32 bytes.
        package let confirmP: [UInt8]
        /// K_shared.
        package let sharedKey: SecretBytes
    }

    /// Checks the verifier's share and confirmation; only then is there a proof to send.
    ///
    /// `checking` off takes any confirmation: only to show what the check is for.
    package consuming func finish(
        shareV: [UInt8], confirmV: [UInt8], checking: Bool = true
    ) throws(SPAKE2Plus.Failure) -> Proof {
        guard let peer = P256Point.decode(shareV) else { throw .share }
        guard let x = P256Scalar.reducing(x), let w0 = P256Scalar.reducing(secrets.w0),
            let w1 = P256Scalar.reducing(secrets.w1), let mask = P256Point.decode(SPAKE2Plus.n)?.times(w0)
        else { throw .secret }
        guard let bare = peer.minus(mask), !bare.isInfinity, let z = bare.times(x)?.secretEncoding,
            let v = bare.times(w1)?.secretEncoding
        else { throw .share }
        let keys = SPAKE2Plus.Keys(identities, shareP: share, shareV: shareV, z: z, v: v, w0: secrets.w0)
        guard !checking || SPAKE2Plus.isSame(keys.confirmV, confirmV) else { throw .confirmation }
        return Proof(confirmP: keys.confirmP, sharedKey: keys.shared)
    }
}

/// The key manager's side of a run. It is used up by its one answer.
package struct SPAKE2PlusVerifier: ~Copyable {
    private let identities: SPAKE2Plus.Identities
    private let record: VerifierRecord
    private let y: SecretBytes

    /// Begins a run. `y` is 32 to 64 random bytes, used for this run alone.
    package init(_ identities: SPAKE2Plus.Identities, record: VerifierRecord, y: SecretBytes) {
        self.identities = identities
        self.record = record
        self.y = y
    }

    /// What the verifier says, and what it waits for.
    package struct Answer: Sendable {
        /// SHARE_V, 65 bytes.
        package let shareV: [UInt8]
        /// CONFIRM_V, 32 bytes.
        package let confirmV: [UInt8]
        private let confirmP: [UInt8]
        private let sharedKey: SecretBytes

        fileprivate init(shareV: [UInt8], keys: SPAKE2Plus.Keys) {
            self.shareV = shareV
            confirmV = keys.confirmV
            confirmP = keys.confirmP
            sharedKey = keys.shared
        }

        /// K_shared, if the confirmation is the prover's. Ask once: a wrong one ends the run.
        package func accept(_ confirmP: [UInt8]) -> SecretBytes? {
            SPAKE2Plus.isSame(self.confirmP, confirmP) ? sharedKey : nil
        }
    }

    /// Answers the prover's share.
    package consuming func answer(shareP: [UInt8]) throws(SPAKE2Plus.Failure) -> Answer {
        guard let peer = P256Point.decode(shareP) else { throw .share }
        guard let y = P256Scalar.reducing(y), let w0 = P256Scalar.reducing(record.w0),
            let own = P256Point.base(times: y), let mask = P256Point.decode(SPAKE2Plus.n)?.times(w0),
            let shareV = own.plus(mask)?.encoded, let hidden = P256Point.decode(SPAKE2Plus.m)?.times(w0),
            let l = P256Point.decode(record.l)
        else { throw .secret }
        guard let bare = peer.minus(hidden), !bare.isInfinity, let z = bare.times(y)?.secretEncoding,
            let v = l.times(y)?.secretEncoding
        else { throw .share }
        let keys = SPAKE2Plus.Keys(identities, shareP: shareP, shareV: shareV, z: z, v: v, w0: record.w0)
        return Answer(shareV: shareV, keys: keys)
    }
}
