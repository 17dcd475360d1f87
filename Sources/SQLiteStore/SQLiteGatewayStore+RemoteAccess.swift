import Foundation
import GRDB
package import TrustCore

extension Schema {
    /// What the Remote Access services keep. Every document is sealed, since one of them has a password and the
    /// others tell who may see what.
    static func registerRemoteAccess(_ migrator: inout DatabaseMigrator) {
        migrator.registerMigration("gateway-6-remote-access") { database in
            try database.execute(
                sql: """
                    CREATE TABLE remote_access (
                        name TEXT PRIMARY KEY,
                        revision INTEGER NOT NULL,
                        sealed BLOB NOT NULL
                    ) STRICT;
                    """
            )
        }
    }
}

extension SQLiteGatewayStore {
    package func remoteAccessDocument(_ name: RemoteAccessDocumentName) async throws -> StoredDocument {
        try await state.read { [state] in try Self.load(name, in: $0, state) }
    }

    package func replaceRemoteAccessDocument(
        _ name: RemoteAccessDocumentName, with bytes: [UInt8], expecting revision: UInt64
    ) async throws -> StoredDocument {
        try await state.write { [state] database in
            let stored = try Self.load(name, in: database, state)
            try StoreError.checkReplacement(of: stored, with: bytes, expecting: revision)
            let next = StoredDocument(revision: stored.revision + 1, bytes: bytes)
            try database.execute(
                sql: "INSERT OR REPLACE INTO remote_access (name, revision, sealed) VALUES (?, ?, ?)",
                arguments: [
                    name.rawValue, Int64(next.revision),
                    Data(try state.seal.seal(bytes, as: Self.purpose(name, next.revision))),
                ])
            return next
        }
    }

    /// The revision is part of it, so that no older document can be put in a newer one's place.
    private static func purpose(_ name: RemoteAccessDocumentName, _ revision: UInt64) -> String {
        "remote access document \(name.rawValue) \(revision)"
    }

    private static func load(
        _ name: RemoteAccessDocumentName, in database: Database, _ state: StateDatabase
    ) throws -> StoredDocument {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT * FROM remote_access WHERE name = ?", arguments: [name.rawValue])
        else { return .none }
        let revision = UInt64(clamping: try row.read("revision", as: Int64.self))
        return StoredDocument(
            revision: revision,
            bytes: try state.seal.open(try row.read("sealed", as: Data.self), as: purpose(name, revision)))
    }
}
