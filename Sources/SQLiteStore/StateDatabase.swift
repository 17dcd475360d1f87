import Foundation
import GRDB
import TrustCore

/// One database file: opened, checked, migrated, and with durable commits.
struct StateDatabase: Sendable {
    /// What `PRAGMA application_id` says of our files: "LKEY".
    private static let applicationID: Int32 = 0x4C4B_4559

    let pool: DatabasePool
    let seal: SecretSeal
    let path: String

    /// Opens or makes the file. One that is damaged, somebody else's or from a newer version is left as it
    /// is, with an error that says which.
    init(
        folder: PrivateFolder, name: String, migrator: DatabaseMigrator, holdsSecrets: (Database) throws -> Bool
    ) throws {
        let path = folder.file(name)
        self.path = path
        (pool, seal) = try folder.withLock {
            try folder.preparePrivateFile(name)
            return try Self.translating(path) {
                try Self.claim(path, migrator)
                let pool = try DatabasePool(path: path, configuration: Self.configuration)
                // GRDB sets NORMAL when it turns WAL on, with which a commit may be lost to a loss of power.
                try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
                try migrator.migrate(pool)
                let mayCreate = try pool.read { try !holdsSecrets($0) }
                return (pool, try folder.seal(mayCreate: mayCreate))
            }
        }
    }

    /// Reads in one consistent state.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await Self.translating(path) { try await pool.read(body) }
    }

    /// Writes in one transaction, which is on the disk when this returns. It waits up to five seconds for
    /// another process's transaction.
    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await Self.translating(path) { try await pool.write(body) }
    }

    /// Empties the write-ahead log; throws at once when somebody reads or writes.
    func emptyLog() async throws {
        try await pool.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA busy_timeout = 0")
            let result = Result { _ = try database.checkpoint(.truncate) }
            try database.execute(sql: "PRAGMA busy_timeout = \(Int(Self.busySeconds * 1000))")
            try result.get()
        }
    }

    /// How long a transaction waits for another process's.
    private static let busySeconds: TimeInterval = 5

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(busySeconds)
        configuration.foreignKeysEnabled = true
        configuration.maximumReaderCount = 2
        configuration.label = "latchkey"
        // What is deleted is overwritten: sealed keys of the past are not to be found with the key file later.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA secure_delete = ON") }
        return configuration
    }

    /// Marks a new file as ours, in its header and before WAL is turned on; refuses other files untouched.
    private static func claim(_ path: String, _ migrator: DatabaseMigrator) throws {
        // SQLite takes a file of one byte for an empty one. A journal beside it would restore it.
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber
        if let size, (1..<100).contains(size.intValue), !FileManager.default.fileExists(atPath: path + "-journal") {
            throw StoreError.damagedFile(path, "it is cut short")
        }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? queue.close() }
        try queue.inDatabase { database in
            let found = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
            let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
            if found == 0, tables == 0 {
                try database.execute(sql: "PRAGMA application_id = \(applicationID)")
                return
            }
            guard found == applicationID else {
                throw StoreError(.damaged, "\(path) is a database of another program: choose another state folder")
            }
            let verdict = try String.fetchOne(database, sql: "PRAGMA quick_check(1)")
            guard verdict == "ok" else {
                throw StoreError.damagedFile(path, verdict ?? "no answer to the check")
            }
            guard try !migrator.hasBeenSuperseded(database) else {
                throw StoreError(
                    .newerVersion, "\(path) was written by a newer version of latchkey: update this program"
                )
            }
        }
    }

    private static func translating<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw StoreError(error, path: path)
        } catch is RowDecodingError {
            throw StoreError.damagedFile(path, "a row does not have the values that it should")
        }
    }

    private static func translating<Value>(_ path: String, _ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as DatabaseError {
            throw StoreError(error, path: path)
        } catch is RowDecodingError {
            throw StoreError.damagedFile(path, "a row does not have the values that it should")
        }
    }
}

extension Row {
    /// The value of a column; throws where GRDB's subscript would trap, because a file may be damaged.
    func read<Value: DatabaseValueConvertible>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
        try decode(type, forColumn: column)
    }
}

extension StoreError {
    static func damagedFile(_ path: String, _ detail: String) -> StoreError {
        StoreError(
            .damaged,
            "\(path) is damaged (\(detail)): nothing was written to it; restore it from a backup or choose another state folder"
        )
    }

    init(_ error: DatabaseError, path: String) {
        let detail = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_NOTADB, .SQLITE_CORRUPT:
            self = .damagedFile(path, detail)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(.unavailable, "\(path) is in use by another process for too long: try again")
        case .SQLITE_FULL:
            self.init(.unavailable, "the disk that holds \(path) is full")
        case .SQLITE_CONSTRAINT:
            self.init(.conflict, "\(path) refused the change: \(detail)")
        default:
            self.init(.unavailable, "\(path) cannot be used: \(detail)")
        }
    }
}

/// Revisions as they change in any process, found by asking for them ten times a second: one read of one
/// row, which costs some tens of microseconds.
struct RevisionPoll {
    static let interval = Duration.milliseconds(100)

    /// Begins with the revision of the moment. Ends when `revision` reports that the store is closed.
    static func stream(
        _ revision: @escaping @Sendable () async throws -> StoreRevision
    ) -> AsyncStream<StoreRevision> {
        let last = LastRevision()
        return AsyncStream {
            while !Task.isCancelled {
                if let current = try? await revision() {
                    if last.advance(to: current) { return current }
                } else if last.isOver() {
                    return nil
                }
                try? await Task.sleep(for: interval)
            }
            return nil
        }
    }
}
