package import Foundation
import GRDB
package import TrustCore

/// A gateway's state in `gateway.sqlite`: WAL, every commit synchronised before its call returns, safe for
/// several processes.
package final class SQLiteGatewayStore: GatewayStore {
    private static let fileName = "gateway.sqlite"

    let state: StateDatabase
    /// The store of the secure group, in the same file: closed with this one.
    package let groups: SQLiteGroupStore
    /// ACLs and DeviceProtection identities, in the same file: closed with this one.
    package let deviceProtection: SQLiteDeviceProtectionStore
    private let limits: StoreLimits
    let auditLimits: AuditLimits

    /// Opens the state of a folder, and makes it when there is none. Blocks for some milliseconds.
    ///
    /// Throws `StoreError`: `damaged`, `newerVersion` or `unavailable`, and leaves such a file as it is.
    package init(folder: String, limits: StoreLimits = .init(), audit: AuditLimits = .init()) throws {
        self.limits = limits
        self.auditLimits = audit
        let folder = try PrivateFolder(path: folder)
        self.state = try StateDatabase(
            folder: folder, name: Self.fileName, migrator: Schema.gateway
        ) { database in
            try Bool.fetchOne(
                database,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM identity) OR EXISTS (SELECT 1 FROM secrets)
                        OR EXISTS (SELECT 1 FROM pairings WHERE sealed_key IS NOT NULL)
                        OR EXISTS (SELECT 1 FROM group_identity) OR EXISTS (SELECT 1 FROM group_credentials)
                        OR EXISTS (SELECT 1 FROM device_protection_acls)
                        OR EXISTS (SELECT 1 FROM device_protection_identities)
                        OR EXISTS (SELECT 1 FROM remote_access)
                    """
            ) ?? true
        }
        groups = SQLiteGroupStore(state, folder: folder, limits: limits)
        deviceProtection = SQLiteDeviceProtectionStore(state)
    }

    /// Whether the folder holds a gateway's state, without making one.
    package static func exists(in folder: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(folder)/\(fileName)")
    }

    /// Closes the files. Later calls throw, and the streams of `changes()` end within three seconds.
    package func close() throws {
        try state.pool.close()
    }

    package func identity() async throws -> StoredIdentity? {
        try await state.read { [state] in try IdentityRow(database: $0, state: state).load() }
    }

    package func establish(_ identity: GatewayIdentity) async throws -> StoredIdentity {
        try await state.write { [self] database in
            let row = IdentityRow(database: database, state: state)
            if let stored = try row.load() { return stored }
            let stored = try row.store(identity)
            try auditRows(database).append([AuditEvent(.established, detail: identity.name)], now: Date())
            return stored
        }
    }

    package func replace(
        _ identity: GatewayIdentity, expecting revision: StoreRevision
    ) async throws -> StoredIdentity {
        try await state.write { [self] database in
            let row = IdentityRow(database: database, state: state)
            guard let old = try row.load(), old.revision == revision else { throw StoreError.identityConflict }
            let stored = try row.store(identity)
            try auditRows(database).append([.of(identity, over: old.identity)], now: Date())
            return stored
        }
    }

    package func secret(named name: String, orStore fresh: [UInt8]) async throws -> [UInt8] {
        try await state.secret(named: name, orStore: fresh)
    }

    package func ledger() async throws -> TrustLedger {
        try await state.read { [state] in try state.rows($0).ledger() }
    }

    package func revision() async throws -> StoreRevision {
        try await state.read { [state] in try state.rows($0).revision() }
    }

    package func changes() -> AsyncStream<StoreRevision> {
        RevisionPoll.stream { [self] in try await revision() }
    }

    package func addPairing(
        _ draft: PairingDraft, id: PairingCodeID, newSubject: SubjectID, now: Date, expiresAt: Date
    ) async throws -> PendingPairing {
        try await change(at: now) { [limits] ledger in
            try ledger.addPairing(
                draft, id: id, newSubject: newSubject, now: now, expiresAt: expiresAt, limits: limits
            )
        }
    }

    package func cancelPairing(_ id: PairingCodeID) async throws {
        try await change { $0.cancelPairing(id) }
    }

    package func recordWrongGuess(_ id: PairingCodeID) async throws -> PendingPairing? {
        try await change { [limits] in $0.recordWrongGuess(id, limits: limits) }
    }

    package func redeem(_ redemption: Redemption, now: Date) async throws -> RedemptionOutcome {
        try await change(at: now) { [limits] in try $0.redeem(redemption, now: now, limits: limits) }
    }

    package func addCredential(
        _ credential: Credential, renewing: CertificateFingerprint?, now: Date
    ) async throws {
        try await change(at: now) { [limits] in
            try $0.addCredential(credential, renewing: renewing, limits: limits)
        }
    }

    package func setGrant(_ grant: Grant, expecting revision: StoreRevision?) async throws {
        try await change { try $0.setGrant(grant, expecting: revision) }
    }

    package func revoke(_ subject: SubjectID, now: Date) async throws -> Subject {
        try await change(at: now) { [limits] in try $0.revoke(subject, now: now, limits: limits) }
    }

    package func record(_ sightings: [DeviceSighting]) async throws {
        try await state.write { [limits] database in
            for sighting in sightings {
                try database.execute(
                    sql: """
                        INSERT INTO devices (udn, name, device_type, last_seen) VALUES (?, ?, ?, ?)
                        ON CONFLICT (udn) DO UPDATE SET name = excluded.name,
                            device_type = excluded.device_type, last_seen = excluded.last_seen
                        WHERE excluded.last_seen >= devices.last_seen
                        """,
                    arguments: [
                        sighting.udn, sighting.name, sighting.deviceType,
                        sighting.lastSeen.timeIntervalSinceReferenceDate,
                    ]
                )
            }
            try database.execute(
                sql: """
                    DELETE FROM devices WHERE udn IN
                        (SELECT udn FROM devices ORDER BY last_seen DESC, udn LIMIT -1 OFFSET ?)
                    """,
                arguments: [limits.devices]
            )
        }
    }

    package func devices() async throws -> [DeviceSighting] {
        try await state.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM devices ORDER BY udn").map { row in
                DeviceSighting(
                    udn: try row.read("udn"), name: try row.read("name"), deviceType: try row.read("device_type"),
                    lastSeen: date(try row.read("last_seen"))
                )
            }
        }
    }

    /// One transaction: the ledger as it is, the change, and what differs. Such changes are rare (a pairing,
    /// a revocation), so that reading the whole ledger costs nothing that matters, and its rules are written
    /// down once for all stores. What the change is to the audit log is written with it.
    private func change<Value: Sendable>(
        at now: Date? = nil, _ body: @escaping @Sendable (inout TrustLedger) throws -> Value
    ) async throws -> Value {
        try await state.write { [self] database in
            let rows = state.rows(database)
            let before = try rows.ledger()
            var after = before
            let value = try body(&after)
            try rows.write(after, over: before)
            try auditRows(database).append(AuditEvent.of(after, over: before), now: now ?? Date())
            return value
        }
    }
}

/// The one row of the gateway's identity.
struct IdentityRow {
    let database: Database
    let state: StateDatabase

    func load() throws -> StoredIdentity? {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM identity WHERE id = 1") else { return nil }
        do {
            let authority = try CertificateAuthority(
                key: key(try row.read("authority_key"), "authority's key"),
                certificate: IssuedCertificate(der: try row.read("authority_certificate", as: Data.self))
            )
            return StoredIdentity(
                identity: GatewayIdentity(
                    name: try row.read("name"), authority: authority,
                    currentServerKey: try key(try row.read("current_server_key"), "current server key"),
                    nextServerKey: try key(try row.read("next_server_key"), "next server key")
                ),
                revision: StoreRevision(try row.read("revision"))
            )
        } catch let error as TrustError {
            throw StoreError.damagedFile(state.path, error.message)
        }
    }

    func store(_ identity: GatewayIdentity) throws -> StoredIdentity {
        let rows = state.rows(database)
        let revision = try rows.revision().next
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO identity (id, revision, name, authority_certificate, authority_key,
                    current_server_key, next_server_key)
                VALUES (1, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                revision.rawValue, identity.name, Data(identity.authority.certificate.der),
                try sealed(identity.authority.key, "authority's key"),
                try sealed(identity.currentServerKey, "current server key"),
                try sealed(identity.nextServerKey, "next server key"),
            ]
        )
        try rows.setRevision(revision)
        return StoredIdentity(identity: identity, revision: revision)
    }

    private func key(_ sealed: Data, _ purpose: String) throws -> IdentityKey {
        try IdentityKey(rawRepresentation: state.seal.open(sealed, as: purpose))
    }

    private func sealed(_ key: IdentityKey, _ purpose: String) throws -> Data {
        Data(try state.seal.seal(key.rawRepresentation, as: purpose))
    }
}

extension StateDatabase {
    func rows(_ database: Database) -> LedgerRows {
        LedgerRows(database: database, seal: seal, path: path)
    }

    func groupRows(_ database: Database) -> GroupRows {
        GroupRows(database: database, seal: seal, path: path)
    }

    /// The same table in both databases.
    func secret(named name: String, orStore fresh: [UInt8]) async throws -> [UInt8] {
        try StoreError.checkSecret(fresh)
        let purpose = "secret \(name)"
        let stored = try await read { database in
            try Data.fetchOne(database, sql: "SELECT sealed FROM secrets WHERE name = ?", arguments: [name])
        }
        if let stored { return try seal.open(stored, as: purpose) }
        let sealed = Data(try seal.seal(fresh, as: purpose))
        let winner = try await write { database in
            try database.execute(
                sql: "INSERT INTO secrets (name, sealed) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
                arguments: [name, sealed]
            )
            return try Data.fetchOne(database, sql: "SELECT sealed FROM secrets WHERE name = ?", arguments: [name])
        }
        return try seal.open(winner ?? sealed, as: purpose)
    }
}
