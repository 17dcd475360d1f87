package import Foundation
import GRDB
package import SUPnP
import Synchronization
package import TrustCore

/// A secure group's durable state, its identity, and whose its devices are, in the gateway's database.
///
/// A commit is one transaction, compared and swapped on the revision, and writes the rows that it has made different and
/// no others. The state of the last revision is kept in memory for that; another process's commit makes it be read again.
///
/// What the database forgets is gone from its files: rows are overwritten when they are deleted, and after a key tree
/// was condensed the write-ahead log is emptied too. How far the state has come stands in a file beside the database, so
/// that an older database in its place is noticed (``GroupHighWater``).
package final class SQLiteGroupStore: GroupStore {
    /// The state of a revision, as it is in the database.
    private struct Mirror {
        var state: GroupState
        var head: GroupStateHead
        var revision: UInt64

        init(_ rows: GroupRows) throws { (state, head, revision) = try rows.load() }
    }

    private let state: StateDatabase
    private let highWater: GroupHighWater
    private let limits: StoreLimits
    private let mirror = Mutex<Mirror?>(nil)
    /// Whether the write-ahead log may hold what the database has forgotten.
    private let mayRemember = Atomic(true)

    init(_ state: StateDatabase, folder: PrivateFolder, limits: StoreLimits) {
        self.state = state
        self.limits = limits
        highWater = GroupHighWater(folder: folder)
    }

    /// The state as it is, and its revision; 0 before the first commit.
    ///
    /// Throws `StoreError`: `damaged` when it cannot be read, and when it is behind what the folder's `group-epoch` says
    /// of it.
    package func load() async throws -> (state: GroupState, revision: UInt64) {
        // Before the database: a commit between the two makes that newer than the mark, never older.
        let highest = try highWater.highest()
        let (loaded, mark) = try await state.read { [state] database in
            let rows = state.groupRows(database)
            return (try Mirror(rows), try rows.mark())
        }
        try highWater.check(mark, against: highest, database: state.path)
        keep(loaded)
        await forget()
        return (loaded.state, loaded.revision)
    }

    /// The state's revision. What could not be forgotten at a commit is forgotten here, since this is asked all the time.
    package func revision() async throws -> UInt64 {
        await forget()
        return try await state.read { [state] in try state.groupRows($0).revision() }
    }

    package func commit(_ changes: [StateChange], expectedRevision: UInt64) async throws -> UInt64? {
        let written: (Mirror, GroupMark, condensed: Bool)? = try await state.write { [self] database in
            let rows = state.groupRows(database)
            guard try rows.revision() == expectedRevision else { return nil }
            var next = try take(expectedRevision) ?? Mirror(rows)
            let trace = next.state.applyTracing(changes)
            next.revision += 1
            next.head = try rows.write(next.state, trace, revision: next.revision, over: next.head)
            let isCondensed = trace.journal.isCondensed || trace.classicJournal.isCondensed
            return (next, try rows.mark(), isCondensed)
        }
        guard let (next, mark, isCondensed) = written else { return nil }
        try highWater.raise(to: mark)
        keep(next)
        if isCondensed { mayRemember.store(true, ordering: .relaxed) }
        await forget()
        return next.revision
    }

    /// Empties the write-ahead log if it may hold what is forgotten. Where another process reads at that moment nobody
    /// waits for it: it is tried again at the next call.
    private func forget() async {
        guard mayRemember.exchange(false, ordering: .relaxed) else { return }
        do {
            try await state.emptyLog()
        } catch {
            mayRemember.store(true, ordering: .relaxed)
        }
    }

    /// The state of a revision, taken out, so that it is changed in place and not copied.
    private func take(_ revision: UInt64) -> Mirror? {
        mirror.withLock { held in
            guard held?.revision == revision else { return nil }
            defer { held = nil }
            return held
        }
    }

    private func keep(_ newer: Mirror) {
        mirror.withLock { held in
            if newer.revision >= held?.revision ?? 0 { held = newer }
        }
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

// How far its time has come.
extension SQLiteGroupStore {
    /// The highest time of the group that members may have been told, in seconds since the group was made; 0 before the
    /// first. Throws `damaged` for one that is none.
    package func reachedTime() async throws -> UInt64 {
        try await state.read { [path = state.path] database in
            let reached = try Int64.fetchOne(database, sql: "SELECT reached FROM group_clock WHERE id = 1") ?? 0
            guard let time = UInt64(exactly: reached) else {
                throw StoreError.damagedFile(path, "the group's time is below zero")
            }
            return time
        }
    }

    /// Keeps a time of the group. What is higher already stays.
    package func reach(_ time: UInt64) async throws {
        try await state.write { database in
            try database.execute(
                sql: """
                    INSERT INTO group_clock (id, reached) VALUES (1, ?)
                    ON CONFLICT (id) DO UPDATE SET reached = MAX(reached, excluded.reached)
                    """,
                arguments: [Int64(clamping: time)])
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
