package import AccessPolicy
package import Foundation
import GRDB
package import TrustCore

extension SQLiteGatewayStore: PolicyStore {
    package func storedPolicy() async throws -> StoredPolicy? {
        try await state.read { [path = state.path] in try PolicyRows(database: $0, path: path).newest(1).first }
    }

    package func replacePolicy(
        text: String, expecting version: Int?, author: String, now: Date
    ) async throws -> StoredPolicy {
        try await state.write { [self] database in
            let rows = PolicyRows(database: database, path: state.path)
            let policy = try PolicyChanges.next(
                after: rows.newest(1).first, text: text, expecting: version, author: author, now: now)
            try database.execute(
                sql: "INSERT INTO policies (version, text, author, stored_at, sha256) VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    policy.version, policy.text, policy.author, policy.storedAt.timeIntervalSinceReferenceDate,
                    policy.sha256,
                ])
            try database.execute(
                sql: "DELETE FROM policies WHERE version <= ?",
                arguments: [policy.version - PolicyStoreLimits.versions])
            try state.advance(database)
            // The text's hash and not the text: which version it was is in the store.
            let detail = "version \(policy.version) by \(policy.author), SHA-256 \(policy.sha256)"
            try auditRows(database).append([AuditEvent(.policyChanged, detail: detail)], now: now)
            return policy
        }
    }

    package func policyVersions(limit: Int) async throws -> [StoredPolicy] {
        try await state.read { [path = state.path] in try PolicyRows(database: $0, path: path).newest(max(limit, 0)) }
    }

    package func consents() async throws -> [PolicyConsent] {
        try await state.read { [path = state.path] in try PolicyRows(database: $0, path: path).consents() }
    }

    package func recordConsent(rule: String, subject: SubjectID, author: String, now: Date) async throws {
        try await state.write { [self] database in
            let known = try Int.fetchOne(
                database, sql: "SELECT 1 FROM consents WHERE rule = ? AND subject = ?",
                arguments: [rule, subject.rawValue])
            if known != nil { return }
            let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM consents") ?? 0
            try PolicyChanges.checkConsent(rule: rule, author: author, count: count)
            try database.execute(
                sql: "INSERT INTO consents (rule, subject, author, given_at) VALUES (?, ?, ?, ?)",
                arguments: [rule, subject.rawValue, author, now.timeIntervalSinceReferenceDate])
            try state.advance(database)
            let event = AuditEvent(
                .consent, subject: subject.rawValue, client: try Self.name(of: subject, database), rule: rule,
                detail: "given by \(author)")
            try auditRows(database).append([event], now: now)
        }
    }

    package func withdrawConsent(rule: String, subject: SubjectID) async throws {
        try await state.write { [self] database in
            try database.execute(
                sql: "DELETE FROM consents WHERE rule = ? AND subject = ?", arguments: [rule, subject.rawValue])
            guard database.changesCount > 0 else { return }
            try state.advance(database)
            let event = AuditEvent(
                .consent, subject: subject.rawValue, client: try Self.name(of: subject, database), rule: rule,
                detail: "withdrawn")
            try auditRows(database).append([event], now: Date())
        }
    }

    package func policyChanges() -> AsyncStream<StoreRevision> { changes() }

    private static func name(of subject: SubjectID, _ database: Database) throws -> String? {
        try String.fetchOne(database, sql: "SELECT name FROM subjects WHERE id = ?", arguments: [subject.rawValue])
    }
}

extension StateDatabase {
    /// Tells the watchers of the store that something changed, once the transaction is committed.
    func advance(_ database: Database) throws {
        let rows = rows(database)
        try rows.setRevision(try rows.revision().next)
    }
}

private struct PolicyRows {
    let database: Database
    let path: String

    func newest(_ limit: Int) throws -> [StoredPolicy] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM policies ORDER BY version DESC LIMIT ?", arguments: [limit]
        ).map { row in
            let policy = StoredPolicy(
                version: try row.read("version"), text: try row.read("text"), author: try row.read("author"),
                storedAt: date(try row.read("stored_at")), sha256: try row.read("sha256"))
            guard PolicyChanges.digest(of: policy.text) == policy.sha256 else {
                throw StoreError.damagedFile(path, "version \(policy.version) of the policy is not what was stored")
            }
            return policy
        }
    }

    func consents() throws -> [PolicyConsent] {
        try Row.fetchAll(database, sql: "SELECT * FROM consents ORDER BY rule, subject").map { row in
            guard let subject = SubjectID(try row.read("subject", as: String.self)) else {
                throw StoreError.damagedFile(path, "a consent is of nobody")
            }
            return PolicyConsent(
                rule: try row.read("rule"), subject: subject, author: try row.read("author"),
                givenAt: date(try row.read("given_at")))
        }
    }
}
