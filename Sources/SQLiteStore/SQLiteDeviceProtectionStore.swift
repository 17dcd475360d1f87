package import AccessPolicy
import Foundation
import GRDB
import TrustCore

/// ACLs and DeviceProtection identities in a gateway's own file, sealed each for its own place.
package struct SQLiteDeviceProtectionStore: DeviceProtectionStore {
    private let state: StateDatabase

    init(_ state: StateDatabase) {
        self.state = state
    }

    package func accessControlList(of device: String) async throws -> StoredAccessControlList? {
        try Self.check(name: device)
        return try await state.read { [state] in try Self.list(device, $0, state) }
    }

    package func replaceAccessControlList(
        _ acl: AccessControlList, of device: String, expecting revision: Int?
    ) async throws -> StoredAccessControlList {
        try Self.check(name: device)
        let bytes = try acl.stored()
        return try await state.write { [state] database in
            let known = try Int.fetchOne(
                database, sql: "SELECT revision FROM device_protection_acls WHERE device = ?", arguments: [device])
            guard known == revision else { throw StoreError.changedACL }
            let next = (revision ?? 0) + 1
            try database.execute(
                sql: """
                    INSERT INTO device_protection_acls (device, revision, sealed_acl) VALUES (?, ?, ?)
                    ON CONFLICT (device) DO UPDATE SET revision = excluded.revision, sealed_acl = excluded.sealed_acl
                    """,
                arguments: [device, next, Data(try state.seal.seal(bytes, as: Self.purpose(acl: device)))])
            return StoredAccessControlList(acl: acl, revision: next)
        }
    }

    package func removeAccessControlList(of device: String) async throws {
        try await state.write {
            try $0.execute(sql: "DELETE FROM device_protection_acls WHERE device = ?", arguments: [device])
        }
    }

    package func deviceIdentity(
        named name: String, orStore fresh: @Sendable () throws -> StoredDeviceIdentity
    ) async throws -> StoredDeviceIdentity {
        try Self.check(name: name)
        if let known = try await state.read({ [state] in try Self.identity(name, $0, state) }) { return known }
        let made = try fresh()
        return try await state.write { [state] database in
            if let known = try Self.identity(name, database, state) { return known }
            try database.execute(
                sql: """
                    INSERT INTO device_protection_identities (name, leaf, root, sealed_key) VALUES (?, ?, ?, ?)
                    """,
                arguments: [
                    name, Data(made.chainDER[0]), Data(made.chainDER[1]),
                    Data(try state.seal.seal(made.privateKeyDER, as: Self.purpose(identity: name))),
                ])
            return made
        }
    }

    /// The identity of that name, if there is one.
    func knownIdentity(named name: String) async throws -> StoredDeviceIdentity? {
        try await state.read { [state] in try Self.identity(name, $0, state) }
    }

    package func removeDeviceIdentity(named name: String) async throws {
        try await state.write {
            try $0.execute(sql: "DELETE FROM device_protection_identities WHERE name = ?", arguments: [name])
        }
    }

    private static func list(
        _ device: String, _ database: Database, _ state: StateDatabase
    ) throws -> StoredAccessControlList? {
        let found = try Row.fetchOne(
            database, sql: "SELECT * FROM device_protection_acls WHERE device = ?", arguments: [device])
        guard let found else { return nil }
        let bytes = try state.seal.open(try found.read("sealed_acl", as: Data.self), as: purpose(acl: device))
        return StoredAccessControlList(acl: try AccessControlList(stored: bytes), revision: try found.read("revision"))
    }

    private static func identity(
        _ name: String, _ database: Database, _ state: StateDatabase
    ) throws -> StoredDeviceIdentity? {
        let found = try Row.fetchOne(
            database, sql: "SELECT * FROM device_protection_identities WHERE name = ?", arguments: [name])
        guard let found else { return nil }
        let key = try state.seal.open(try found.read("sealed_key", as: Data.self), as: purpose(identity: name))
        return try StoredDeviceIdentity(
            chainDER: [Array(try found.read("leaf", as: Data.self)), Array(try found.read("root", as: Data.self))],
            privateKeyDER: key)
    }

    private static func purpose(acl device: String) -> String { "DeviceProtection ACL of \(device)" }
    private static func purpose(identity name: String) -> String { "key of the DeviceProtection identity \(name)" }
}

extension Schema {
    /// Names of devices and certificates are in clear; an ACL, with what passwords are checked by, and private keys
    /// are sealed.
    static func registerDeviceProtection(_ migrator: inout DatabaseMigrator) {
        migrator.registerMigration("gateway-5-device-protection") { database in
            try database.execute(
                sql: """
                    CREATE TABLE device_protection_acls (
                        device TEXT PRIMARY KEY,
                        revision INTEGER NOT NULL,
                        sealed_acl BLOB NOT NULL
                    ) STRICT;

                    \(identities)
                    """
            )
        }
    }

    /// An away client's own identities, one for each gateway that it was introduced to.
    static func registerIntroductions(_ migrator: inout DatabaseMigrator) {
        migrator.registerMigration("away-3-introductions") { try $0.execute(sql: identities) }
    }

    private static let identities = """
        CREATE TABLE device_protection_identities (
            name TEXT PRIMARY KEY,
            leaf BLOB NOT NULL,
            root BLOB NOT NULL,
            sealed_key BLOB NOT NULL
        ) STRICT;
        """
}
