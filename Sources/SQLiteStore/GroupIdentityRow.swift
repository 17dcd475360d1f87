import Crypto
import Foundation
import GRDB
import GroupKeys
import SUPnP
import TrustCore

/// The one row of the group's identity.
struct GroupIdentityRow {
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
