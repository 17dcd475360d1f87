package import Foundation
import GRDB
package import TrustCore

/// The audit log's rows, inside one transaction. It does what `AuditBook` does, without holding the entries in memory.
struct AuditRows {
    let database: Database
    let state: StateDatabase
    let limits: AuditLimits

    /// Appends, signs and removes what is beyond the limits. Writes nothing before the gateway has an identity.
    @discardableResult
    func append(_ events: [AuditEvent], now: Date) throws -> AuditCheckpoint? {
        guard !events.isEmpty else { return try checkpoints().last }
        guard let identity = try IdentityRow(database: database, state: state).load()?.identity else { return nil }
        let authority = identity.authority
        let tip = try self.tip()
        var (sequence, head) = (tip.sequence, tip.head)
        var size = try self.size()
        var events = events
        if limits.areExceeded(entries: size.entries + events.count, bytes: size.bytes) {
            let removed = try prune(&size, adding: events.count, now: now, authority: authority)
            if removed > 0 { events.insert(AuditEvent(.pruned, count: UInt32(clamping: removed)), at: 0) }
        }
        for event in events {
            let entry = AuditEntry(event, sequence: sequence + 1, at: now, after: head)
            (sequence, head) = (entry.sequence, entry.head)
            let bytes = entry.encoding.count
            try insert(entry, bytes: bytes)
            size.entries += 1
            size.bytes += bytes
        }
        try database.execute(
            sql: "UPDATE audit_size SET entries = ?, bytes = ? WHERE id = 1", arguments: [size.entries, size.bytes])
        let checkpoint = try AuditCheckpoint(sequence: sequence, head: head, now: now, authority: authority)
        try insert(checkpoint)
        return checkpoint
    }

    /// Where the next entry goes.
    private func tip() throws -> (sequence: UInt64, head: AuditHead) {
        let row = try Row.fetchOne(
            database, sql: "SELECT sequence, head FROM audit_entries ORDER BY sequence DESC LIMIT 1")
        if let row { return (UInt64(bitPattern: try row.read("sequence", as: Int64.self)), try head(row)) }
        if let stub = try stub() { return (stub.through, stub.head) }
        return (0, .start)
    }

    private func size() throws -> (entries: Int, bytes: Int) {
        guard let row = try Row.fetchOne(database, sql: "SELECT entries, bytes FROM audit_size WHERE id = 1") else {
            throw damaged
        }
        return (try row.read("entries"), try row.read("bytes"))
    }

    /// Removes the oldest entries; answers how many.
    private func prune(
        _ size: inout (entries: Int, bytes: Int), adding: Int, now: Date, authority: CertificateAuthority
    ) throws -> Int {
        var last: AuditEntry?
        var removed = 0
        let cursor = try Row.fetchCursor(database, sql: "SELECT * FROM audit_entries ORDER BY sequence")
        while limits.needsCut(entries: size.entries + adding, bytes: size.bytes), let row = try cursor.next() {
            last = try entry(row)
            size.entries -= 1
            size.bytes -= try row.read("size", as: Int.self)
            removed += 1
        }
        guard let last else { return 0 }
        try database.execute(
            sql: "DELETE FROM audit_entries WHERE sequence <= ?", arguments: [Int64(bitPattern: last.sequence)])
        let stub = try AuditStub(through: last, now: now, authority: authority)
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO audit_stub (id, gateway, through, head, last_entry, pruned, signature)
                VALUES (1, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                stub.gateway.rawValue, Int64(bitPattern: stub.through), Data(stub.head.bytes),
                stub.lastEntryMilliseconds, stub.prunedMilliseconds, Data(stub.signature),
            ])
        return removed
    }

    private func insert(_ entry: AuditEntry, bytes: Int) throws {
        let event = entry.event
        try database.cachedStatement(
            sql: """
                INSERT INTO audit_entries (sequence, milliseconds, kind, outcome, subject, client, via, device,
                    service, action, rule, detail, count, size, head)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            Int64(bitPattern: entry.sequence), entry.milliseconds, event.kind.rawValue, event.outcome.rawValue,
            event.subject, event.client, event.via, event.device, event.service, event.action, event.rule,
            event.detail, Int64(event.count), bytes, Data(entry.head.bytes),
        ])
    }

    private func insert(_ checkpoint: AuditCheckpoint) throws {
        try database.execute(
            sql: """
                INSERT INTO audit_checkpoints (gateway, sequence, head, milliseconds, signature)
                VALUES (?, ?, ?, ?, ?)
                """,
            arguments: [
                checkpoint.gateway.rawValue, Int64(bitPattern: checkpoint.sequence), Data(checkpoint.head.bytes),
                checkpoint.milliseconds, Data(checkpoint.signature),
            ])
        try database.execute(
            sql: """
                DELETE FROM audit_checkpoints WHERE number NOT IN
                    (SELECT number FROM audit_checkpoints ORDER BY number DESC LIMIT ?)
                """, arguments: [AuditLimits.checkpoints])
    }
}

extension AuditRows {
    func checkpoints() throws -> [AuditCheckpoint] {
        try Row.fetchAll(database, sql: "SELECT * FROM audit_checkpoints ORDER BY number").map { row in
            guard let gateway = GatewayID(try row.read("gateway", as: String.self)) else { throw damaged }
            return AuditCheckpoint(
                gateway: gateway, sequence: UInt64(bitPattern: try row.read("sequence", as: Int64.self)),
                head: try head(row), milliseconds: try row.read("milliseconds"),
                signature: [UInt8](try row.read("signature", as: Data.self)))
        }
    }

    func stub() throws -> AuditStub? {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM audit_stub WHERE id = 1") else { return nil }
        guard let gateway = GatewayID(try row.read("gateway", as: String.self)) else { throw damaged }
        return AuditStub(
            gateway: gateway, through: UInt64(bitPattern: try row.read("through", as: Int64.self)),
            head: try head(row), lastEntryMilliseconds: try row.read("last_entry"),
            prunedMilliseconds: try row.read("pruned"), signature: [UInt8](try row.read("signature", as: Data.self)))
    }

    func entries(_ query: AuditQuery) throws -> [AuditEntry] {
        var sql = "SELECT * FROM audit_entries WHERE sequence > ?"
        var arguments: StatementArguments = [Int64(clamping: query.after)]
        func add(_ clause: String, _ values: (any DatabaseValueConvertible)?...) {
            guard values.allSatisfy({ $0 != nil }) else { return }
            sql += " AND \(clause)"
            arguments += StatementArguments(values)
        }
        add("(client = ? OR subject = ?)", query.client, query.client)
        add("device = ?", query.device)
        add("milliseconds >= ?", query.since?.auditMilliseconds)
        add("milliseconds <= ?", query.until?.auditMilliseconds)
        add("outcome = ?", query.outcome?.rawValue)
        add("action = ?", query.action)
        sql += " ORDER BY sequence \(query.newest ? "DESC" : "ASC") LIMIT ?"
        arguments += [query.limit]
        let found = try Row.fetchAll(database, sql: sql, arguments: arguments).map(entry)
        return query.newest ? found.reversed() : found
    }

    private func entry(_ row: Row) throws -> AuditEntry {
        guard let kind = AuditEvent.Kind(rawValue: try row.read("kind")),
            let outcome = AuditEvent.Outcome(rawValue: try row.read("outcome")),
            let count = UInt32(exactly: try row.read("count", as: Int64.self))
        else { throw damaged }
        let event = AuditEvent(
            kind, outcome, subject: try row.read("subject"), client: try row.read("client"),
            via: try row.read("via"), device: try row.read("device"), service: try row.read("service"),
            action: try row.read("action"), rule: try row.read("rule"), detail: try row.read("detail"), count: count)
        return AuditEntry(
            sequence: UInt64(bitPattern: try row.read("sequence", as: Int64.self)),
            milliseconds: try row.read("milliseconds"), event: event, head: try head(row))
    }

    private func head(_ row: Row) throws -> AuditHead {
        guard let head = AuditHead(bytes: try row.read("head", as: Data.self)) else { throw damaged }
        return head
    }

    private var damaged: StoreError {
        .damagedFile(state.path, "an entry of the audit log cannot be read")
    }
}

extension Row {
    /// A text that may be missing.
    fileprivate func read(_ column: String) throws -> String? { try decode(String?.self, forColumn: column) }
}

extension SQLiteGatewayStore {
    @discardableResult
    package func audit(_ events: [AuditEvent], now: Date) async throws -> AuditCheckpoint? {
        try await state.write { [self] in try auditRows($0).append(events, now: now) }
    }

    package func auditCheckpoints() async throws -> [AuditCheckpoint] {
        try await state.read { [self] in try auditRows($0).checkpoints() }
    }

    package func auditStub() async throws -> AuditStub? {
        try await state.read { [self] in try auditRows($0).stub() }
    }

    package func auditEntries(_ query: AuditQuery) async throws -> [AuditEntry] {
        try await state.read { [self] in try auditRows($0).entries(query) }
    }

    /// The log's rows, to be written to in a transaction of another change.
    func auditRows(_ database: Database) -> AuditRows {
        AuditRows(database: database, state: state, limits: auditLimits)
    }
}
