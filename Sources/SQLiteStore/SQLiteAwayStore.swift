package import AccessPolicy
import Foundation
import GRDB
package import TrustCore

/// An away client's state in `away.sqlite`, with the same promises as `SQLiteGatewayStore`.
package final class SQLiteAwayStore: AwayStore {
    private static let fileName = "away.sqlite"

    private let state: StateDatabase
    private let limits: StoreLimits

    /// Opens the state of a folder, and makes it when there is none. Blocks for some milliseconds.
    ///
    /// Throws `StoreError`: `damaged`, `newerVersion` or `unavailable`, and leaves such a file as it is.
    package init(folder: String, limits: StoreLimits = .init()) throws {
        self.limits = limits
        self.state = try StateDatabase(folder: PrivateFolder(path: folder), name: Self.fileName, migrator: Schema.away)
        { database in
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM gateways) OR EXISTS (SELECT 1 FROM secrets)"
            ) ?? true
        }
    }

    /// Whether the folder holds an away client's state, without making one.
    package static func exists(in folder: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(folder)/\(fileName)")
    }

    /// Closes the files. Later calls throw, and the streams of `changes()` end within three seconds.
    package func close() throws {
        try state.pool.close()
    }

    package func gateways() async throws -> [PairedGateway] {
        try await state.read { [state] in try GatewayRows(database: $0, state: state).all() }
    }

    package func save(_ gateway: PairedGateway) async throws {
        try gateway.check()
        try await state.write { [state, limits] database in
            let rows = GatewayRows(database: database, state: state)
            let known = try rows.one(gateway.id)
            guard known != gateway else { return }
            if known == nil, try rows.count() >= limits.gateways {
                throw StoreError.tooManyGateways(limits.gateways)
            }
            try rows.write(gateway)
            try rows.bumpRevision()
        }
    }

    package func update(
        _ id: GatewayID, name: String?, addresses: [GatewayAddress]?, pins: [KeyPin]?
    ) async throws {
        try await state.write { [state] database in
            let rows = GatewayRows(database: database, state: state)
            guard let known = try rows.one(id) else { throw StoreError.gatewayNotFound }
            let updated = known.updated(name: name, addresses: addresses, pins: pins)
            try updated.check()
            guard updated != known else { return }
            try rows.write(updated)
            try rows.bumpRevision()
        }
    }

    package func remove(_ id: GatewayID) async throws {
        try await state.write { [state] database in
            try database.execute(sql: "DELETE FROM gateways WHERE id = ?", arguments: [id.rawValue])
            if database.changesCount > 0 { try GatewayRows(database: database, state: state).bumpRevision() }
        }
    }

    package func secret(named name: String, orStore fresh: [UInt8]) async throws -> [UInt8] {
        try await state.secret(named: name, orStore: fresh)
    }

    /// Keeps the DeviceProtection identity by which this client was introduced to a gateway, in place of an earlier one.
    package func keep(_ identity: StoredDeviceIdentity, of gateway: GatewayID) async throws {
        let identities = SQLiteDeviceProtectionStore(state)
        try await identities.removeDeviceIdentity(named: "gateway:\(gateway)")
        _ = try await identities.deviceIdentity(named: "gateway:\(gateway)") { identity }
    }

    /// The DeviceProtection identity by which this client was introduced to a gateway; nil when it was paired by a code.
    package func identity(of gateway: GatewayID) async throws -> StoredDeviceIdentity? {
        try await SQLiteDeviceProtectionStore(state).knownIdentity(named: "gateway:\(gateway)")
    }

    package func auditHeads(of gateway: GatewayID) async throws -> [AuditCheckpoint] {
        try await state.read { [state] database in
            try String.fetchAll(
                database, sql: "SELECT checkpoint FROM audit_heads WHERE gateway = ? ORDER BY number",
                arguments: [gateway.rawValue]
            ).map { text in
                guard let checkpoint = AuditCheckpoint(text) else {
                    throw StoreError.damagedFile(state.path, "the head of an audit log cannot be read")
                }
                return checkpoint
            }
        }
    }

    package func keepAuditHead(_ checkpoint: AuditCheckpoint) async throws {
        try await state.write { [state] database in
            guard try GatewayRows(database: database, state: state).one(checkpoint.gateway) != nil else {
                throw StoreError.gatewayNotFound
            }
            try database.execute(
                sql: "INSERT INTO audit_heads (gateway, checkpoint) VALUES (?, ?)",
                arguments: [checkpoint.gateway.rawValue, checkpoint.description])
            try database.execute(
                sql: """
                    DELETE FROM audit_heads WHERE gateway = ? AND number NOT IN
                        (SELECT number FROM audit_heads WHERE gateway = ? ORDER BY number DESC LIMIT ?)
                    """,
                arguments: [
                    checkpoint.gateway.rawValue, checkpoint.gateway.rawValue, AuditCheckpoint.heldByClients,
                ])
        }
    }

    package func revision() async throws -> StoreRevision {
        try await state.read { [state] in try state.rows($0).revision() }
    }

    package func changes() -> AsyncStream<StoreRevision> {
        RevisionPoll.stream { [self] in try await revision() }
    }
}

private struct GatewayRows {
    let database: Database
    let state: StateDatabase

    func all() throws -> [PairedGateway] {
        try Row.fetchAll(database, sql: "SELECT * FROM gateways ORDER BY number").map(decode)
    }

    func one(_ id: GatewayID) throws -> PairedGateway? {
        try Row.fetchOne(database, sql: "SELECT * FROM gateways WHERE id = ?", arguments: [id.rawValue])
            .map(decode)
    }

    func count() throws -> Int {
        try Int.fetchOne(database, sql: "SELECT count(*) FROM gateways") ?? 0
    }

    func bumpRevision() throws {
        let rows = state.rows(database)
        try rows.setRevision(rows.revision().next)
    }

    func write(_ gateway: PairedGateway) throws {
        let sealed = Data(try state.seal.seal(gateway.key.rawRepresentation, as: Self.purpose(gateway.id)))
        try database.execute(
            sql: """
                INSERT INTO gateways (id, name, addresses, pins, subject_name, sealed_key, chain, paired_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET name = excluded.name, addresses = excluded.addresses,
                    pins = excluded.pins, subject_name = excluded.subject_name,
                    sealed_key = excluded.sealed_key, chain = excluded.chain, paired_at = excluded.paired_at
                """,
            arguments: [
                gateway.id.rawValue, gateway.name, try text(gateway.addresses.map(\.description)),
                try text(gateway.pins.map(\.description)), gateway.subjectName, sealed,
                try text(gateway.chain.map(\.pem)), gateway.pairedAt.timeIntervalSinceReferenceDate,
            ]
        )
    }

    private func decode(_ row: Row) throws -> PairedGateway {
        guard let id = GatewayID(try row.read("id", as: String.self)),
            let addresses = list(try row.read("addresses"), { GatewayAddress($0) }),
            let pins = list(try row.read("pins"), { KeyPin(base64URL: $0) }),
            let chain = list(try row.read("chain"), { try? IssuedCertificate(pem: $0) })
        else { throw StoreError.damagedFile(state.path, "the record of a gateway cannot be read") }
        let raw = try state.seal.open(try row.read("sealed_key", as: Data.self), as: Self.purpose(id))
        do {
            return PairedGateway(
                id: id, name: try row.read("name"), addresses: addresses, pins: pins,
                subjectName: try row.read("subject_name"),
                key: try IdentityKey(rawRepresentation: raw), chain: chain, pairedAt: date(try row.read("paired_at"))
            )
        } catch let error as TrustError {
            throw StoreError.damagedFile(state.path, error.message)
        }
    }

    private static func purpose(_ id: GatewayID) -> String { "client key for gateway \(id)" }

    private func text(_ list: [String]) throws -> String {
        String(decoding: try JSONEncoder().encode(list), as: UTF8.self)
    }

    private func list<Value>(_ text: String, _ decode: (String) -> Value?) -> [Value]? {
        guard let texts = try? JSONDecoder().decode([String].self, from: Data(text.utf8)) else { return nil }
        let values = texts.compactMap(decode)
        return values.count == texts.count ? values : nil
    }
}
