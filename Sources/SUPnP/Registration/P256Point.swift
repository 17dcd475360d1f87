import CLibCrypto
import GroupKeys

/// The curve P-256 as libcrypto has it.
final class P256Curve: Sendable {
    static let shared = P256Curve()

    // Made once, only read afterwards, and libcrypto's functions on points take it as constant.
    nonisolated(unsafe) let group: OpaquePointer

    private init() {
        guard let group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1) else {
            preconditionFailure("libcrypto has no P-256")
        }
        self.group = group
    }
}

/// A point of P-256. It is overwritten when it goes.
struct P256Point: ~Copyable {
    private let point: OpaquePointer

    private init?(empty: Void = ()) {
        guard let point = EC_POINT_new(P256Curve.shared.group) else { return nil }
        self.point = point
    }

    deinit { EC_POINT_clear_free(point) }

    /// Decodes an uncompressed point (65 bytes, the first is 4) or, for the constants of RFC 9383, a compressed one.
    /// Nil unless it is on the curve and not the point at infinity.
    static func decode(_ bytes: [UInt8]) -> P256Point? {
        guard bytes.count == 65 && bytes[0] == 4 || bytes.count == 33 && (bytes[0] == 2 || bytes[0] == 3),
            let decoded = P256Point(empty: ())
        else { return nil }
        let group = P256Curve.shared.group
        guard EC_POINT_oct2point(group, decoded.point, bytes, bytes.count, nil) == 1, !decoded.isInfinity,
            EC_POINT_is_on_curve(group, decoded.point, nil) == 1
        else {
            ERR_clear_error()
            return nil
        }
        return decoded
    }

    /// The base point, times a scalar.
    static func base(times scalar: borrowing P256Scalar) -> P256Point? {
        guard let product = P256Point(empty: ()),
            inContext({ EC_POINT_mul(P256Curve.shared.group, product.point, scalar.number, nil, nil, $0) })
        else { return nil }
        return product
    }

    /// This point, times a scalar.
    borrowing func times(_ scalar: borrowing P256Scalar) -> P256Point? {
        guard let product = P256Point(empty: ()) else { return nil }
        let done = Self.inContext {
            EC_POINT_mul(P256Curve.shared.group, product.point, nil, point, scalar.number, $0)
        }
        guard done else { return nil }
        return product
    }

    /// The sum of both.
    borrowing func plus(_ other: borrowing P256Point) -> P256Point? {
        guard let sum = P256Point(empty: ()) else { return nil }
        let done = Self.inContext { EC_POINT_add(P256Curve.shared.group, sum.point, point, other.point, $0) }
        guard done else { return nil }
        return sum
    }

    /// This point less another.
    borrowing func minus(_ other: borrowing P256Point) -> P256Point? {
        guard let negative = P256Point(empty: ()), EC_POINT_copy(negative.point, other.point) == 1,
            Self.inContext({ EC_POINT_invert(P256Curve.shared.group, negative.point, $0) })
        else { return nil }
        return plus(negative)
    }

    /// Whether it is the point at infinity, which has no encoding of 65 bytes.
    var isInfinity: Bool { EC_POINT_is_at_infinity(P256Curve.shared.group, point) == 1 }

    /// The 65 bytes of the uncompressed encoding; nil for the point at infinity.
    var encoded: [UInt8]? {
        guard !isInfinity else { return nil }
        let bytes = [UInt8](unsafeUninitializedCapacity: 65) { buffer, count in
            count = EC_POINT_point2oct(
                P256Curve.shared.group, point, POINT_CONVERSION_UNCOMPRESSED, buffer.baseAddress, 65, nil)
        }
        return bytes.count == 65 ? bytes : nil
    }

    /// The same for a point that both sides alone have: it is overwritten when it goes.
    var secretEncoding: SecretBytes? {
        guard !isInfinity else { return nil }
        var length = 0
        let bytes = SecretBytes(count: 65) { target in
            length = EC_POINT_point2oct(
                P256Curve.shared.group, point, POINT_CONVERSION_UNCOMPRESSED,
                target.baseAddress?.assumingMemoryBound(to: UInt8.self), 65, nil)
        }
        return length == 65 ? bytes : nil
    }

    private static func inContext(_ body: (OpaquePointer) -> Int32) -> Bool {
        guard let context = BN_CTX_secure_new() else { return false }
        defer { BN_CTX_free(context) }
        return body(context) == 1
    }
}
