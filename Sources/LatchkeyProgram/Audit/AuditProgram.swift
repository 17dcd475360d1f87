import Foundation
import SQLiteStore
import TrustCore

/// `latchkey audit …`, beyond its arguments: reads the gateway's store, whether the gateway runs or not.
package enum AuditProgram {
    /// How many entries are held in memory at a time.
    private static let step = 2_000

    /// Checks the whole log; fails with a sentence for each thing that is wrong.
    ///
    /// `against`: a head that a client holds, as `latchkey away audit-head` prints it, or the name of a file with it.
    package static func verify(against: String?, _ invocation: Invocation) async throws {
        try await withStore(invocation) { store, identity in
            let held = try against.map(head)
            var log = try await check(store, identity, against: held)
            // A running gateway may have removed entries between two reads: what is wrong is so twice.
            if !log.findings.isEmpty { log = try await check(store, identity, against: held) }
            if invocation.json {
                try invocation.console.json(
                    Verdict(
                        intact: log.findings.isEmpty, entries: log.count, last: log.last, pruned: log.pruned,
                        head: log.head, findings: log.findings.map(\.description)))
            } else if log.findings.isEmpty {
                invocation.console.line(
                    "the log is intact: \(log.count) entries up to number \(log.last)"
                        + (log.pruned > 0 ? ", the first \(log.pruned) were removed with a signed stub" : "")
                        + (held.map { "; it extends the head of entry \($0.sequence) that was held elsewhere" } ?? ""))
            }
            guard log.findings.isEmpty else {
                throw ProgramError.failure(
                    "the audit log is NOT intact: " + log.findings.map(\.description).joined(separator: "; "))
            }
        }
    }

    /// Prints the log's state.
    package static func show(_ invocation: Invocation) async throws {
        try await withStore(invocation) { store, _ in
            var query = AuditQuery()
            query.limit = 20
            query.newest = true
            let entries = try await store.auditEntries(query)
            let stub = try await store.auditStub()
            let newest = try await store.auditCheckpoints().last
            if invocation.json {
                try invocation.console.json(
                    Summary(
                        last: newest?.sequence ?? 0, checkpoint: newest?.description, signedAt: newest?.time,
                        pruned: stub?.through ?? 0))
                return
            }
            if let newest {
                invocation.console.line(
                    "\(newest.sequence) entries so far, \(stub?.through ?? 0) of them removed; "
                        + "the newest checkpoint is of \(newest.time.formatted(.iso8601)):")
                invocation.console.line(newest.description)
            }
            print(entries, invocation)
        }
    }

    /// Prints the entries that a query means.
    package static func search(_ order: AuditSearchOrder, _ invocation: Invocation) async throws {
        try await withStore(invocation) { store, _ in
            let query = order.query(now: Date())
            let entries = try await store.auditEntries(query)
            if invocation.json {
                for entry in entries { try invocation.console.json(AuditLine(entry)) }
            } else {
                print(entries, invocation)
            }
        }
    }

    /// Writes the whole log as JSON lines: the stub, the entries with their heads, the checkpoints.
    package static func export(to path: String, _ invocation: Invocation) async throws {
        try await withStore(invocation) { store, _ in
            guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
                let file = FileHandle(forWritingAtPath: path)
            else { throw ProgramError.failure("the file \(path) cannot be written") }
            defer { try? file.close() }  // What matters was written and synchronised before.
            let encoder = Console.encoder()
            func write(_ value: some Encodable) throws {
                var line = try encoder.encode(value)
                line.append(UInt8(ascii: "\n"))
                try file.write(contentsOf: line)
            }
            if let stub = try await store.auditStub() { try write(AuditLine(stub)) }
            var count = 0
            try await walk(store) { entry in
                count += 1
                try write(AuditLine(entry))
            }
            for checkpoint in try await store.auditCheckpoints() { try write(AuditLine(checkpoint)) }
            try file.synchronize()
            invocation.console.line("\(count) entries were written to \(path)")
        }
    }

    /// Whether the log is intact.
    private struct Verdict: Encodable {
        var intact: Bool
        var entries: Int
        var last: UInt64
        var pruned: UInt64
        var head: String?
        var findings: [String]
    }

    private struct Summary: Encodable {
        var last: UInt64
        var checkpoint: String?
        var signedAt: Date?
        var pruned: UInt64
    }

    private struct Checked {
        var findings: [AuditVerification.Finding]
        var count = 0
        var last: UInt64 = 0
        var pruned: UInt64 = 0
        var head: String?
    }

    private static func check(
        _ store: SQLiteGatewayStore, _ identity: GatewayIdentity, against: AuditCheckpoint?
    ) async throws -> Checked {
        let stub = try await store.auditStub()
        let checkpoints = try await store.auditCheckpoints()
        // A running gateway writes on: entries after the newest checkpoint of this moment are not looked at, unless
        // there are some that no later checkpoint covers.
        var check = AuditVerification(
            authority: identity.authority.certificate, stub: stub, checkpoints: checkpoints, against: against)
        var count = 0
        try await walk(store) { entry in
            guard entry.sequence <= checkpoints.last?.sequence ?? 0 else { return }
            count += 1
            check.take(entry)
        }
        let newest = checkpoints.last?.sequence ?? 0
        var query = AuditQuery()
        query.limit = 1
        query.newest = true
        var findings = check.finish()
        if let last = try await store.auditEntries(query).last, last.sequence > newest,
            try await store.auditCheckpoints().last?.sequence ?? 0 < last.sequence
        {
            findings.append(.notCovered(newest + 1))
        }
        return Checked(
            findings: findings, count: count, last: check.last, pruned: stub?.through ?? 0,
            head: checkpoints.last?.description)
    }

    private static func walk(
        _ store: SQLiteGatewayStore, _ body: (AuditEntry) throws -> Void
    ) async throws {
        var query = AuditQuery()
        query.limit = step
        while true {
            let entries = try await store.auditEntries(query)
            for entry in entries { try body(entry) }
            guard let last = entries.last, entries.count == step else { return }
            query.after = last.sequence
        }
    }

    private static func head(_ text: String) throws -> AuditCheckpoint {
        if let checkpoint = AuditCheckpoint(text) { return checkpoint }
        guard !text.hasPrefix("latchkey-audit:"), let data = FileManager.default.contents(atPath: text),
            data.count <= 4096,
            let checkpoint = AuditCheckpoint(
                String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
        else {
            throw ProgramError.usage(
                "--against is neither a head (latchkey-audit:…) nor a file with one; print one with: latchkey away audit-head"
            )
        }
        return checkpoint
    }

    private static func print(_ entries: [AuditEntry], _ invocation: Invocation) {
        let rows = entries.map { entry in
            let event = entry.event
            let what = [event.action, event.service?.split(separator: ":").dropLast().last.map(String.init)]
                .compactMap { $0 }.joined(separator: " of ")
            return [
                String(entry.sequence), entry.time.formatted(.iso8601), event.kind.rawValue, event.outcome.rawValue,
                event.client ?? "", event.via ?? "", event.device ?? "", what,
                event.count > 1 ? "×\(event.count)" : "",
                [event.rule.map { "rule \($0)" }, event.detail].compactMap { $0 }.joined(separator: ": "),
            ]
        }
        let headings = ["NUMBER", "TIME", "WHAT", "OUTCOME", "CLIENT", "VIA", "DEVICE", "ACTION", "", "WHY"]
        for line in Table(headings, rows: rows).lines { invocation.console.line(line) }
    }

    private static func withStore(
        _ invocation: Invocation, _ body: (SQLiteGatewayStore, GatewayIdentity) async throws -> Void
    ) async throws {
        let folder = try invocation.stateFolder()
        guard SQLiteGatewayStore.exists(in: folder.path) else {
            throw ProgramError.failure(
                "the state folder \(folder.path) holds no gateway; name the gateway's folder with --state DIR")
        }
        let store = try SQLiteGatewayStore(folder: folder.path)
        do {
            guard let identity = try await store.identity()?.identity else {
                throw ProgramError.failure("the gateway was never started, so there is no log yet")
            }
            try await body(store, identity)
            try store.close()
        } catch {
            try? store.close()  // The first error is the one to tell.
            throw error
        }
    }
}
