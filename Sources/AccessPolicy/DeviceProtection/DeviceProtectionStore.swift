package import FoundationEssentials
package import TrustCore

/// A key and its certificate chain, by which a device or a control point of ours is known to others' ACLs.
package struct StoredDeviceIdentity: Hashable, Sendable, CustomStringConvertible {
    /// The certificates in DER: the leaf, and its self-signed root.
    package let chainDER: [[UInt8]]
    /// The leaf's key in PKCS #8: a secret.
    package let privateKeyDER: [UInt8]

    /// Takes a chain of exactly two certificates and the leaf's key.
    package init(chainDER: [[UInt8]], privateKeyDER: [UInt8]) throws(StoreError) {
        guard chainDER.count == 2, chainDER.allSatisfy({ (1...IssuedCertificate.maximumBytes).contains($0.count) }),
            (1...4096).contains(privateKeyDER.count)
        else { throw StoreError(.invalid, "a DeviceProtection identity is a leaf, its root, and the leaf's key") }
        self.chainDER = chainDER
        self.privateKeyDER = privateKeyDER
    }

    /// Makes a fresh one.
    /// - Parameter commonName: The name in its certificate, which ACLs show; 1 to 64 characters.
    package init(commonName: String, now: Date) throws {
        var random = SystemRandomNumberGenerator()
        let made = try DeviceProtectionCertificate.make(commonName: commonName, now: now, using: &random)
        try self.init(chainDER: made.chainDER, privateKeyDER: made.privateKeyDER)
    }

    /// The name of the identity in ACLs.
    package var id: DeviceProtectionID { DeviceProtectionID(certificateDER: chainDER.first ?? []) }

    /// The identity, never the key.
    package var description: String { "identity \(id)" }
}

/// An ACL and the revision at which it was written.
package struct StoredAccessControlList: Hashable, Sendable {
    /// The ACL.
    package let acl: AccessControlList
    /// To be passed to `replace`.
    package let revision: Int

    /// Makes a pair.
    package init(acl: AccessControlList, revision: Int) {
        self.acl = acl
        self.revision = revision
    }
}

/// Where a device's ACL and our own identities are kept. One conformance suite holds for every implementation.
///
/// A call that returned has its effect on durable storage; secrets are sealed at rest. Errors are `StoreError`.
package protocol DeviceProtectionStore: Sendable {
    /// The ACL of a device, nil before the first was written.
    /// - Parameter device: The device's UDN, or another name of at most 128 bytes that stays.
    func accessControlList(of device: String) async throws -> StoredAccessControlList?
    /// Replaces the ACL unless it was changed since `revision`; nil for the first one. Throws `conflict`.
    func replaceAccessControlList(
        _ acl: AccessControlList, of device: String, expecting revision: Int?
    ) async throws -> StoredAccessControlList
    /// Forgets a device's ACL: a factory reset.
    func removeAccessControlList(of device: String) async throws
    /// The identity of that name (at most 128 bytes); on the first call `fresh` is stored and returned.
    func deviceIdentity(
        named name: String, orStore fresh: @Sendable () throws -> StoredDeviceIdentity
    ) async throws -> StoredDeviceIdentity
    /// Forgets the identity of that name; the next one is a stranger to every ACL.
    func removeDeviceIdentity(named name: String) async throws
}

extension DeviceProtectionStore {
    /// What is wrong with a device's or an identity's name.
    package static func check(name: String) throws(StoreError) {
        guard (1...128).contains(name.utf8.count) else {
            throw StoreError(.invalid, "the name of an ACL or of an identity must have 1 to 128 bytes")
        }
    }
}

/// Where the certificate of somebody else's device is remembered, among a gateway's secrets.
package enum DevicePin {
    /// How the names of such secrets begin.
    package static let prefix = "device-protection "

    /// The name of the secret that holds the identity of a device.
    package static func name(ofDevice udn: String) -> String { prefix + udn }
}
