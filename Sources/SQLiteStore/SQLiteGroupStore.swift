import Crypto
package import Foundation
import GRDB
import GroupKeys
package import SUPnP
package import TrustCore

/// A secure group's durable state, its identity, and whose its devices are, in the gateway's database.
package final class SQLiteGroupStore: GroupStore {
    let state: StateDatabase
    let folder: PrivateFolder
    private let limits: StoreLimits

    init(_ state: StateDatabase, folder: PrivateFolder, limits: StoreLimits) {
        self.state = state
        self.folder = folder
        self.limits = limits
    }

    package func load() async throws -> (state: GroupState, revision: UInt64) {
        throw StoreError(.unavailable, "the group's state cannot be read yet")
    }

    package func commit(_ changes: [StateChange], expectedRevision: UInt64) async throws -> UInt64? {
        throw StoreError(.unavailable, "the group's state cannot be written yet")
    }
}

// The group's identity.
extension SQLiteGroupStore {
    /// The group's identity; nil as long as there is no group.
    package func identity() async throws -> GroupIdentity? {
        try await state.read { [state] in try GroupIdentityRow(database: $0, state: state).load() }
    }

    /// Makes the group, unless there is one. Gives the one that there is: another process's if that was first.
    package func establish(_ identity: GroupIdentity) async throws -> GroupIdentity {
        try await state.write { [state] database in
            let row = GroupIdentityRow(database: database, state: state)
            if let stored = try row.load() { return stored }
            try row.store(identity)
            return identity
        }
    }
}

// Whose the devices are.
extension SQLiteGroupStore {
    /// Whose a device is; nil for one that nobody has taken, or whose subject was forgotten long after its revocation.
    package func owner(of device: DeviceID) async throws -> SubjectID? {
        try await owners(where: "device = ?", [Data(device.bytes)])[device]
    }

    /// All devices that are somebody's.
    package func owners() async throws -> [DeviceID: SubjectID] {
        try await owners(where: "subject IS NOT NULL", [])
    }

    /// A subject's devices, sorted.
    package func devices(of subject: SubjectID) async throws -> [DeviceID] {
        try await owners(where: "subject = ?", [subject.rawValue]).keys.sorted()
    }

    /// Makes devices somebody's, all in one transaction: each goes to the active subject of its owner's name, or to a
    /// new one, which has neither credentials nor grants. Throws `invalid` for a name that no subject may have, and
    /// `full` when there are too many subjects.
    package func setOwners(_ names: [DeviceID: String], now: Date) async throws -> [DeviceID: Subject] {
        try await state.write { [state, limits] database in
            let rows = state.rows(database)
            let before = try rows.ledger()
            var after = before
            var random = SystemRandomNumberGenerator()
            var owners: [DeviceID: Subject] = [:]
            for (device, name) in names.sorted(by: { $0.key < $1.key }) {
                owners[device] = try after.subject(
                    named: name, orNew: SubjectID(using: &random), now: now, limits: limits)
            }
            try rows.write(after, over: before)
            for (device, owner) in owners {
                try database.execute(
                    sql: """
                        INSERT INTO group_devices (device, subject) VALUES (?, ?)
                        ON CONFLICT (device) DO UPDATE SET subject = excluded.subject
                        """,
                    arguments: [Data(device.bytes), owner.id.rawValue])
            }
            return owners
        }
    }

    /// The devices that are enrolled, or have a member, and whose subject is revoked, or was and is forgotten. Sorted.
    ///
    /// It follows from the ledger, so it is true from the transaction of the revocation on. What it asks for is done
    /// when it is empty again.
    package func revokedDevices() async throws -> [DeviceID] {
        try await state.read { [path = state.path] database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT d.device FROM group_devices d LEFT JOIN subjects s ON s.id = d.subject
                    WHERE (s.id IS NULL OR s.revoked_at IS NOT NULL)
                        AND (EXISTS (SELECT 1 FROM group_credentials c WHERE c.device = d.device)
                            OR EXISTS (SELECT 1 FROM group_members m WHERE m.device = d.device))
                    ORDER BY d.device
                    """
            ).map { try deviceID($0, path) }
        }
    }

    private func owners(where condition: String, _ arguments: StatementArguments) async throws -> [DeviceID: SubjectID]
    {
        try await state.read { [path = state.path] database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT device, subject FROM group_devices WHERE \(condition)", arguments: arguments)
            var owners: [DeviceID: SubjectID] = [:]
            for row in rows {
                guard let text = try row.read("subject", as: String?.self) else { continue }
                guard let subject = SubjectID(text) else {
                    throw StoreError.damagedFile(path, "a device's owner has no subject's id")
                }
                owners[try deviceID(row, path)] = subject
            }
            return owners
        }
    }
}

/// The device that a row is of.
func deviceID(_ row: Row, _ path: String) throws -> DeviceID {
    guard let device = DeviceID(Array(try row.read("device", as: Data.self))) else {
        throw StoreError.damagedFile(path, "a device of the group has no name")
    }
    return device
}

/// The one row of the group's identity.
private struct GroupIdentityRow {
    let database: Database
    let state: StateDatabase

    func load() throws -> GroupIdentity? {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM group_identity WHERE id = 1") else { return nil }
        guard let id = GroupID(try row.read("group_id", as: Data.self)),
            let suite = Suite(rawValue: try row.read("suite")), suite.isHardened
        else { throw StoreError.damagedFile(state.path, "the group's identity cannot be read") }
        let root = try state.seal.open(try row.read("sealed_root", as: Data.self), as: Self.purpose("root key", id))
        let fake = try state.seal.open(try row.read("sealed_fake_key", as: Data.self), as: Self.purpose("fake key", id))
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: root), fake.count == 32 else {
            throw StoreError.damagedFile(state.path, "the group's keys cannot be read")
        }
        return GroupIdentity(
            groupID: id, root: key, fakeKey: SecretBytes(fake), createdAt: try row.read("created_at"), suite: suite)
    }

    func store(_ identity: GroupIdentity) throws {
        guard identity.fakeKey.count == 32, identity.suite.isHardened else {
            throw StoreError(.invalid, "a group has a fake key of 32 bytes and a hardened suite")
        }
        let id = identity.groupID
        let root = try state.seal.seal(Array(identity.root.rawRepresentation), as: Self.purpose("root key", id))
        let fake = try state.seal.seal(identity.fakeKey.exposed, as: Self.purpose("fake key", id))
        try database.execute(
            sql: """
                INSERT INTO group_identity (id, group_id, suite, created_at, sealed_root, sealed_fake_key)
                VALUES (1, ?, ?, ?, ?, ?)
                """,
            arguments: [Data(id.bytes), identity.suite.rawValue, identity.createdAt, Data(root), Data(fake)])
    }

    private static func purpose(_ what: String, _ group: GroupID) -> String {
        "\(what) of the group \(Hexadecimal.encode(group.bytes))"
    }
}
