import CLibCrypto
import GroupKeys

/// A number modulo the order of P-256, kept by libcrypto. Its bits decide no branch (BN_FLG_CONSTTIME), and it is
/// overwritten when it goes.
struct P256Scalar: ~Copyable {
    let number: OpaquePointer

    private init(_ number: OpaquePointer) { self.number = number }

    /// The big-endian bytes modulo the order; nil for zero, or when libcrypto has no memory.
    static func reducing(_ bytes: SecretBytes) -> P256Scalar? {
        guard let number = BN_secure_new() else { return nil }
        let scalar = P256Scalar(number)
        guard let context = BN_CTX_secure_new() else { return nil }
        defer { BN_CTX_free(context) }
        guard let wide = BN_secure_new() else { return nil }
        defer { BN_clear_free(wide) }
        BN_set_flags(wide, BN_FLG_CONSTTIME)
        BN_set_flags(number, BN_FLG_CONSTTIME)
        let order = EC_GROUP_get0_order(P256Curve.shared.group)
        guard
            bytes.withUnsafeBytes({
                BN_bin2bn($0.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32($0.count), wide)
            }) != nil,
            BN_nnmod(number, wide, order, context) == 1, BN_is_zero(number) == 0
        else { return nil }
        return scalar
    }

    /// A random scalar. 40 bytes are drawn, so the bias of reducing them is below 2^-64.
    static func random(using random: inout some RandomNumberGenerator) -> P256Scalar? {
        reducing(SecretBytes(count: 40, using: &random))
    }

    deinit { BN_clear_free(number) }

    /// Its 32 bytes.
    var bytes: SecretBytes {
        SecretBytes(count: 32) { target in
            _ = BN_bn2binpad(number, target.baseAddress?.assumingMemoryBound(to: UInt8.self), 32)
        }
    }
}
