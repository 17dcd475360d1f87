import CLibCrypto
import Crypto
import NetworkTypes

/// Diffie-Hellman's group 5: the 1536-bit MODP group of RFC 3526 §2, generator 2. The bits of a private number decide
/// no branch, and libcrypto overwrites its copies of it.
enum DHGroup5 {
    /// The bytes of a private and a public number and of a shared secret.
    static let byteCount = 192

    /// Draws a private number.
    static func privateKey(using random: inout some RandomNumberGenerator) -> SymmetricKey {
        SymmetricKey(data: random.bytes(byteCount))
    }

    /// The public number of a private one, big-endian, padded; nil when libcrypto has no memory.
    static func publicKey(of secret: SymmetricKey) -> [UInt8]? {
        guard let generator = BN_new() else { return nil }
        defer { BN_free(generator) }
        guard BN_set_word(generator, 2) == 1 else { return nil }
        return power(generator, secret)
    }

    /// The shared secret with a peer's public number, big-endian, padded. Nil for a number that is not one of the
    /// group's: of another length, or 0, 1, p - 1 or more, which would make the secret known to everybody.
    static func shared(_ secret: SymmetricKey, with peer: [UInt8]) -> [UInt8]? {
        guard peer.count == byteCount, let number = BN_new() else { return nil }
        defer { BN_clear_free(number) }
        guard BN_bin2bn(peer, Int32(peer.count), number) != nil, let limit = BN_get_rfc3526_prime_1536(nil) else {
            return nil
        }
        defer { BN_free(limit) }
        guard BN_is_zero(number) == 0, BN_is_one(number) == 0, BN_sub_word(limit, 1) == 1, BN_cmp(number, limit) < 0
        else { return nil }
        return power(number, secret)
    }

    private static func power(_ base: OpaquePointer, _ secret: SymmetricKey) -> [UInt8]? {
        guard let exponent = BN_secure_new() else { return nil }
        defer { BN_clear_free(exponent) }
        BN_set_flags(exponent, BN_FLG_CONSTTIME)
        let taken = secret.withUnsafeBytes {
            BN_bin2bn($0.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32($0.count), exponent)
        }
        guard taken != nil, let prime = BN_get_rfc3526_prime_1536(nil) else { return nil }
        defer { BN_free(prime) }
        guard let context = BN_CTX_secure_new() else { return nil }
        defer { BN_CTX_free(context) }
        guard let result = BN_secure_new() else { return nil }
        defer { BN_clear_free(result) }
        guard BN_mod_exp_mont_consttime(result, base, exponent, prime, context, nil) == 1 else { return nil }
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            count = max(0, Int(BN_bn2binpad(result, buffer.baseAddress, Int32(byteCount))))
        }
        return bytes.count == byteCount ? bytes : nil
    }
}
