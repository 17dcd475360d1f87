package import AccessPolicy
import FoundationEssentials
import TrustCore

/// What every `DeviceProtectionStore` promises. Each case takes a store that is fresh.
package enum DeviceProtectionStoreConformance {
    /// All cases.
    package static let cases: [ConformanceCase<any DeviceProtectionStore>] = [
        .init("an ACL is kept as it was written, secrets, aliases and own roles included") { store in
            try expectEqual(try await store.accessControlList(of: "uuid:lock"), nil)
            let acl = try sample()
            let written = try await store.replaceAccessControlList(acl, of: "uuid:lock", expecting: nil)
            try expectEqual(try await store.accessControlList(of: "uuid:lock"), written)
            try expectEqual(try await store.accessControlList(of: "uuid:lock")?.acl, acl)
            try expectEqual(try await store.accessControlList(of: "uuid:other"), nil)
        },
        .init("whoever read an older ACL does not overwrite a newer one") { store in
            let first = try await store.replaceAccessControlList(sample(), of: "d", expecting: nil)
            var changed = first.acl
            try changed.remove(.user(try name("Ann")))
            let second = try await store.replaceAccessControlList(changed, of: "d", expecting: first.revision)
            try await expectStoreError(.conflict) {
                _ = try await store.replaceAccessControlList(first.acl, of: "d", expecting: first.revision)
            }
            try await expectStoreError(.conflict) {
                _ = try await store.replaceAccessControlList(first.acl, of: "d", expecting: nil)
            }
            try expectEqual(try await store.accessControlList(of: "d"), second)
        },
        .init("a factory reset leaves nothing of an ACL") { store in
            _ = try await store.replaceAccessControlList(sample(), of: "d", expecting: nil)
            try await store.removeAccessControlList(of: "d")
            try await store.removeAccessControlList(of: "d")
            try expectEqual(try await store.accessControlList(of: "d"), nil)
        },
        .init("an identity is made once, by name, and is another one after it was forgotten") { store in
            let first = try await store.deviceIdentity(named: "role:Basic") { try identity(1) }
            let again = try await store.deviceIdentity(named: "role:Basic") { try identity(2) }
            try expectEqual(again, first)
            try expectEqual(again.privateKeyDER, try identity(1).privateKeyDER)
            let other = try await store.deviceIdentity(named: "role:Admin") { try identity(3) }
            try expectHolds(other.id != first.id)
            try await store.removeDeviceIdentity(named: "role:Basic")
            let fresh = try await store.deviceIdentity(named: "role:Basic") { try identity(2) }
            try expectHolds(fresh.id != first.id)
        },
        .init("names that are empty or too long are refused") { store in
            try await expectStoreError(.invalid) { _ = try await store.accessControlList(of: "") }
            try await expectStoreError(.invalid) {
                _ = try await store.deviceIdentity(named: String(repeating: "x", count: 129)) { try identity(1) }
            }
        },
    ]

    private static func name(_ text: String) throws -> UserName {
        guard let name = UserName(text) else { throw BrokenPromise(description: "\(text) is no name") }
        return name
    }

    private static func sample() throws -> AccessControlList {
        var acl = AccessControlList()
        let ann = try name("Ann")
        try acl.put(
            AccessControlList.User(
                name: ann, roles: [.basic, .admin],
                secret: LoginSecret(stored: .init(repeating: 7, count: 16), salt: .init(repeating: 8, count: 16))))
        try acl.add(users: [try name("Nobody yet")], controlPoints: [])
        try acl.put(
            AccessControlList.ControlPoint(
                id: DeviceProtectionID(certificateDER: [1, 2, 3]), name: "Ann's <phone>", alias: "Télé",
                introduced: true, roles: [.guest]))
        return acl
    }

    private static func identity(_ seed: UInt8) throws -> StoredDeviceIdentity {
        try StoredDeviceIdentity(
            chainDER: [[seed, 1, 2], [seed, 3]], privateKeyDER: .init(repeating: seed, count: 40))
    }
}
