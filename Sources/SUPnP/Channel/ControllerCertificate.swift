package import Crypto
package import GroupKeys

/// What a controller may do in a group (specification 3.8).
package struct ControllerRoles: OptionSet, Hashable, Sendable {
    /// The octet `roles`.
    package let rawValue: UInt8

    /// Roles by their octet.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Signs REKEY and BEACON.
    package static let keyManager = ControllerRoles(rawValue: 1)
    /// Signs broadcasts.
    package static let forwarder = ControllerRoles(rawValue: 2)
    /// All roles there are.
    package static let all: ControllerRoles = [.keyManager, .forwarder]
}

/// A controller's certificate as it came, not verified (specification 3.8), 114 bytes:
/// `u32 controller ‖ u8 roles ‖ u8 0 ‖ u64 notAfter ‖ u32 serial ‖ key[32] ‖ sig[64]`.
package struct UnverifiedCertificate: Hashable, Sendable {
    /// The length of a certificate, in bytes.
    package static let length = 114
    /// What is signed of it, in bytes.
    static let signedLength = length - 64

    /// Why a certificate is refused.
    package enum Refusal: Error, Hashable, Sendable {
        /// It has not 114 bytes, a reserved octet that is not 0, no role or an unknown one, or no controller's number.
        case malformed
        /// The group's root key has not signed it.
        case signature
        /// It is out of date.
        case expired
        /// Its serial is on the list of the revoked.
        case revoked
    }

    /// The 114 bytes.
    package let bytes: [UInt8]
    private let controller: ControllerID
    private let roles: ControllerRoles
    private let notAfter: UInt64
    private let serial: UInt32

    /// Reads one certificate.
    package init(_ bytes: [UInt8]) throws(Refusal) {
        guard bytes.count == Self.length else { throw .malformed }
        var reader = ByteReader(bytes)
        guard let number: UInt32 = reader.read(), let controller = ControllerID(number),
            let roles: UInt8 = reader.read(), 1...ControllerRoles.all.rawValue ~= roles,
            let reserved: UInt8 = reader.read(), reserved == 0,
            let notAfter: UInt64 = reader.read(), let serial: UInt32 = reader.read()
        else { throw .malformed }
        self.bytes = bytes
        self.controller = controller
        self.roles = ControllerRoles(rawValue: roles)
        self.notAfter = notAfter
        self.serial = serial
    }

    /// Verifies it under the group's root key, at `time` seconds after the group's creation, and against the serials
    /// that the last BEACON has revoked.
    package func verified(
        root: Curve25519.Signing.PublicKey, group: GroupID, time: UInt64, revoked: Set<UInt32>
    ) throws(Refusal) -> ControllerCertificate {
        guard root.isValidSignature(Array(bytes.suffix(64)), for: Self.signedOctets(bytes, group: group)) else {
            throw .signature
        }
        guard time <= notAfter else { throw .expired }
        guard !revoked.contains(serial) else { throw .revoked }
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes[18..<50]) else { throw .malformed }
        return ControllerCertificate(
            controller: controller, roles: roles, notAfter: notAfter, serial: serial, key: key, bytes: bytes)
    }

    /// What the root key signs: `"supnp1 cert" ‖ GROUP_ID ‖` the first 50 bytes.
    fileprivate static func signedOctets(_ bytes: [UInt8], group: GroupID) -> [UInt8] {
        Array("supnp1 cert".utf8) + group.bytes + bytes.prefix(signedLength)
    }
}

/// A controller's certificate that the group's root key has signed (specification 3.8). It may have expired or been
/// revoked since: `isValid` says.
package struct ControllerCertificate: Sendable {
    /// Whose it is.
    package let controller: ControllerID
    /// What the controller may sign.
    package let roles: ControllerRoles
    /// The last second, from the group's creation on, at which it holds.
    package let notAfter: UInt64
    /// Its number, by which it is revoked.
    package let serial: UInt32
    /// The controller's Ed25519 key.
    package let key: Curve25519.Signing.PublicKey
    /// The 114 bytes.
    package let bytes: [UInt8]

    fileprivate init(
        controller: ControllerID, roles: ControllerRoles, notAfter: UInt64, serial: UInt32,
        key: Curve25519.Signing.PublicKey, bytes: [UInt8]
    ) {
        self.controller = controller
        self.roles = roles
        self.notAfter = notAfter
        self.serial = serial
        self.key = key
        self.bytes = bytes
    }

    /// Whether it holds at `time` seconds after the group's creation, for `role`, where these serials are revoked.
    package func isValid(for role: ControllerRoles, time: UInt64, revoked: Set<UInt32>) -> Bool {
        roles.contains(role) && time <= notAfter && !revoked.contains(serial)
    }

    /// Issues one: the key manager's side. `key` is the controller's, `root` the group's private key; `roles` is not
    /// empty.
    package static func issue(
        _ controller: ControllerID, roles: ControllerRoles, notAfter: UInt64, serial: UInt32,
        key: Curve25519.Signing.PublicKey, group: GroupID, root: Curve25519.Signing.PrivateKey
    ) throws -> ControllerCertificate {
        precondition(!roles.isEmpty && roles.isSubset(of: .all), "a certificate is for one role at least")
        var bytes: [UInt8] = []
        bytes.append(bigEndian: controller.rawValue)
        bytes.append(roles.rawValue)
        bytes.append(0)
        bytes.append(bigEndian: notAfter)
        bytes.append(bigEndian: serial)
        bytes.append(contentsOf: Array(key.rawRepresentation))
        bytes += try Array(root.signature(for: UnverifiedCertificate.signedOctets(bytes, group: group)))
        return ControllerCertificate(
            controller: controller, roles: roles, notAfter: notAfter, serial: serial, key: key, bytes: bytes)
    }
}
