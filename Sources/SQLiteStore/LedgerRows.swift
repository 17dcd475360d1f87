import Foundation
import GRDB
import TrustCore

/// Reads and writes the ledger's rows. A value that no version of ours can have written is `damaged`.
struct LedgerRows {
    let database: Database
    let seal: SecretSeal
    let path: String

    func revision() throws -> StoreRevision {
        guard let revision = try Int64.fetchOne(database, sql: "SELECT revision FROM state WHERE id = 1") else {
            throw StoreError.damagedFile(path, "the revision is missing")
        }
        return StoreRevision(revision)
    }

    func setRevision(_ revision: StoreRevision) throws {
        try database.execute(sql: "UPDATE state SET revision = ? WHERE id = 1", arguments: [revision.rawValue])
    }

    func ledger() throws -> TrustLedger {
        TrustLedger(
            revision: try revision(),
            subjects: try rows("SELECT * FROM subjects ORDER BY number", subject),
            credentials: try rows("SELECT * FROM credentials ORDER BY number", credential),
            grants: try rows("SELECT * FROM grants ORDER BY number", grant),
            pairings: try rows("SELECT * FROM pairings ORDER BY number", pairing)
        )
    }

    /// Writes what differs between two states of the ledger.
    func write(_ after: TrustLedger, over before: TrustLedger) throws {
        let old = Dictionary(uniqueKeysWithValues: before.subjects.map { ($0.id, $0) })
        let kept = Set(after.subjects.map(\.id))
        for subject in before.subjects where !kept.contains(subject.id) {
            try database.execute(sql: "DELETE FROM subjects WHERE id = ?", arguments: [subject.id.rawValue])
        }
        for subject in after.subjects where old[subject.id] != subject {
            try write(subject, isNew: old[subject.id] == nil)
        }
        let credentials = Set(after.credentials)
        for credential in before.credentials where !credentials.contains(credential) {
            try database.execute(
                sql: "DELETE FROM credentials WHERE fingerprint = ?",
                arguments: [Data(credential.fingerprint.bytes)]
            )
        }
        let oldCredentials = Set(before.credentials)
        for credential in after.credentials where !oldCredentials.contains(credential) { try insert(credential) }
        try write(grants: after.grants, over: before.grants)
        try write(pairings: after.pairings, over: before.pairings)
        if after.revision != before.revision { try setRevision(after.revision) }
    }

    private func rows<Value>(_ sql: String, _ decode: (Row) throws -> Value?) throws -> [Value] {
        try Row.fetchAll(database, sql: sql).map { row in
            guard let value = try decode(row) else {
                throw StoreError.damagedFile(path, "a row cannot be read: \(sql)")
            }
            return value
        }
    }
}

extension LedgerRows {
    private func subject(_ row: Row) throws -> Subject? {
        guard let id = SubjectID(try row.read("id", as: String.self)) else { return nil }
        return Subject(
            id: id, name: try row.read("name"), createdAt: date(try row.read("created_at")),
            revokedAt: dateOrNil(try row.read("revoked_at")))
    }

    private func write(_ subject: Subject, isNew: Bool) throws {
        let arguments: StatementArguments = [
            subject.name, subject.createdAt.timeIntervalSinceReferenceDate,
            subject.revokedAt?.timeIntervalSinceReferenceDate, subject.id.rawValue,
        ]
        let sql =
            isNew
            ? "INSERT INTO subjects (name, created_at, revoked_at, id) VALUES (?, ?, ?, ?)"
            : "UPDATE subjects SET name = ?, created_at = ?, revoked_at = ? WHERE id = ?"
        try database.execute(sql: sql, arguments: arguments)
    }

    private func credential(_ row: Row) throws -> Credential? {
        guard let fingerprint = CertificateFingerprint(bytes: try row.read("fingerprint", as: Data.self)),
            let subject = SubjectID(try row.read("subject", as: String.self)),
            let kind = Credential.Kind(rawValue: try row.read("kind"))
        else { return nil }
        return Credential(
            fingerprint: fingerprint, subject: subject, kind: kind, deviceName: try row.read("device_name"),
            notBefore: date(try row.read("not_before")), notAfter: date(try row.read("not_after"))
        )
    }

    private func insert(_ credential: Credential) throws {
        try database.execute(
            sql: """
                INSERT INTO credentials (fingerprint, subject, kind, device_name, not_before, not_after)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Data(credential.fingerprint.bytes), credential.subject.rawValue, credential.kind.rawValue,
                credential.deviceName, credential.notBefore.timeIntervalSinceReferenceDate,
                credential.notAfter.timeIntervalSinceReferenceDate,
            ]
        )
    }

    private func grant(_ row: Row) throws -> Grant? {
        guard let subject = SubjectID(try row.read("subject", as: String.self)),
            let scope = ScopeText.decode(try row.read("scope"))
        else {
            return nil
        }
        return Grant(
            subject: subject, scope: scope, sharing: try row.read("sharing"), pass: try pass(try row.read("pass")))
    }

    private func write(grants after: [Grant], over before: [Grant]) throws {
        let new = Set(after)
        for grant in before where !new.contains(grant) {
            try database.execute(sql: "DELETE FROM grants WHERE subject = ?", arguments: [grant.subject.rawValue])
        }
        let old = Set(before)
        for grant in after where !old.contains(grant) {
            try database.execute(
                sql: "INSERT INTO grants (subject, scope, sharing, pass) VALUES (?, ?, ?, ?)",
                arguments: [
                    grant.subject.rawValue, try ScopeText.encode(grant.scope), grant.sharing,
                    try PassText.encode(grant.pass),
                ]
            )
        }
    }
}

extension LedgerRows {
    private func pairing(_ row: Row) throws -> PendingPairing? {
        guard let id = PairingCodeID(bytes: try row.read("id", as: Data.self)),
            let subject = SubjectID(try row.read("subject", as: String.self)),
            let scope = ScopeText.decode(try row.read("scope")),
            let state = PendingPairing.State(rawValue: try row.read("state"))
        else { return nil }
        var key: PairingKey?
        if let sealed = try row.read("sealed_key", as: Data?.self) {
            key = PairingKey(bytes: try seal.open(sealed, as: Self.purpose(id)))
            guard key != nil else { return nil }
        }
        return PendingPairing(
            id: id, subject: subject, name: try row.read("name"), scope: scope, sharing: try row.read("sharing"),
            pass: try pass(try row.read("pass")), key: key,
            createdAt: date(try row.read("created_at")), expiresAt: date(try row.read("expires_at")),
            wrongGuesses: try row.read("wrong_guesses"), state: state
        )
    }

    private func write(pairings after: [PendingPairing], over before: [PendingPairing]) throws {
        let old = Dictionary(uniqueKeysWithValues: before.map { ($0.id, $0) })
        let kept = Set(after.map(\.id))
        for pairing in before where !kept.contains(pairing.id) {
            try database.execute(sql: "DELETE FROM pairings WHERE id = ?", arguments: [Data(pairing.id.bytes)])
        }
        for pairing in after where old[pairing.id] != pairing {
            if old[pairing.id] == nil { try insert(pairing) } else { try update(pairing) }
        }
    }

    private func insert(_ pairing: PendingPairing) throws {
        let sealed = try pairing.key.map { Data(try seal.seal($0.bytes, as: Self.purpose(pairing.id))) }
        try database.execute(
            sql: """
                INSERT INTO pairings (id, subject, name, scope, sharing, sealed_key, created_at, expires_at,
                    wrong_guesses, state, pass)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Data(pairing.id.bytes), pairing.subject.rawValue, pairing.name, try ScopeText.encode(pairing.scope),
                pairing.sharing, sealed, pairing.createdAt.timeIntervalSinceReferenceDate,
                pairing.expiresAt.timeIntervalSinceReferenceDate, pairing.wrongGuesses, pairing.state.rawValue,
                try PassText.encode(pairing.pass),
            ]
        )
    }

    private func update(_ pairing: PendingPairing) throws {
        try database.execute(
            sql: """
                UPDATE pairings SET wrong_guesses = ?, state = ?,
                    sealed_key = CASE WHEN ? THEN sealed_key ELSE NULL END
                WHERE id = ?
                """,
            arguments: [
                pairing.wrongGuesses, pairing.state.rawValue, pairing.key != nil, Data(pairing.id.bytes),
            ]
        )
    }

    /// A guest's limits that cannot be read must not be taken for none.
    private func pass(_ text: String?) throws -> GuestPass? {
        guard let text else { return nil }
        guard let pass = PassText.decode(text) else {
            throw StoreError.damagedFile(path, "a guest pass cannot be read")
        }
        return pass
    }

    private static func purpose(_ id: PairingCodeID) -> String { "key of pairing code \(id)" }
}

func date(_ seconds: Double) -> Date { Date(timeIntervalSinceReferenceDate: seconds) }
func dateOrNil(_ seconds: Double?) -> Date? { seconds.map(date) }

/// A guest's limits as JSON.
enum PassText {
    static func encode(_ pass: GuestPass?) throws -> String? {
        guard let pass else { return nil }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(pass), as: UTF8.self)
    }

    static func decode(_ text: String) -> GuestPass? {
        try? JSONDecoder().decode(GuestPass.self, from: Data(text.utf8))
    }
}

/// A grant's scope as JSON: `{"preset":"media"}` or `{"deviceTypes":["urn:…"]}`.
enum ScopeText {
    private struct Stored: Codable {
        var preset: String?
        var deviceTypes: [String]?
    }

    static func encode(_ scope: Grant.Scope) throws -> String {
        let stored =
            switch scope {
            case .preset(let name): Stored(preset: name, deviceTypes: nil)
            case .deviceTypes(let types): Stored(preset: nil, deviceTypes: types)
            }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(stored), as: UTF8.self)
    }

    static func decode(_ text: String) -> Grant.Scope? {
        guard let stored = try? JSONDecoder().decode(Stored.self, from: Data(text.utf8)) else { return nil }
        switch (stored.preset, stored.deviceTypes) {
        case (let name?, nil): return .preset(name)
        case (nil, let types?): return .deviceTypes(types)
        default: return nil
        }
    }
}
