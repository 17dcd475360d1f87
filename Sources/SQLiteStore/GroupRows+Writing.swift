import Foundation
import GRDB
import GroupKeys
import SUPnP
import TrustCore

// Writing: what a commit has made different, and nothing else.
extension GroupRows {
    /// Writes what differs, and gives the new head.
    func write(
        _ state: GroupState, _ trace: StateTrace, revision: UInt64, over before: GroupStateHead
    ) throws -> GroupStateHead {
        let head = GroupStateHead(state, trace: trace, revision: revision, before: before)
        for device in trace.credentials { try write(state.credentials[device], of: device) }
        for device in trace.bridged { try write(state.bridged[device], bridgedOf: device) }
        for member in trace.members { try write(state.kept(member), member: member) }
        try write(state.directory, since: trace.directoryVersion)
        if trace.journal.isCondensed { try condense(.hardened, state.snapshot, began: head.began) }
        if trace.classicJournal.isCondensed { try condense(.classic, state.classicSnapshot, began: head.classicBegan) }
        for (index, diff) in state.journal.enumerated().dropFirst(trace.journal.kept) {
            try append(.hardened, index, diff.encoded().exposed, began: head.began)
        }
        for (index, change) in state.classicJournal.enumerated().dropFirst(trace.classicJournal.kept) {
            try append(.classic, index, change.storedForm, began: head.classicBegan)
        }
        let epoch = max(try epoch(), state.epoch)
        try run(
            """
            INSERT INTO group_state (id, revision, epoch, sealed) VALUES (1, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, epoch = excluded.epoch,
                sealed = excluded.sealed
            """,
            [Int64(revision), epoch, try sealed(head.storedForm, Self.headPurpose(revision))])
        return head
    }

    private func write(_ record: CredentialRecord?, of device: DeviceID) throws {
        guard let record else {
            return try run("DELETE FROM group_credentials WHERE device = ?", [self.device(device)])
        }
        try run(
            """
            INSERT INTO group_credentials (device, sealed) VALUES (?, ?)
            ON CONFLICT (device) DO UPDATE SET sealed = excluded.sealed
            """,
            [self.device(device), try sealed(record.storedForm, Self.credentialPurpose(device))])
    }

    private func write(_ patterns: [ServicePattern]?, bridgedOf device: DeviceID) throws {
        guard let patterns else {
            return try run("DELETE FROM group_bridged WHERE device = ?", [self.device(device)])
        }
        try run(
            """
            INSERT INTO group_bridged (device, sealed) VALUES (?, ?)
            ON CONFLICT (device) DO UPDATE SET sealed = excluded.sealed
            """,
            [self.device(device), try sealed(PatternsForm.encode(patterns), Self.bridgedPurpose(device))])
    }

    private func write(_ kept: KeptMemberRecord?, member: UInt32) throws {
        guard let kept else { return try run("DELETE FROM group_members WHERE id = ?", [member]) }
        let device = kept.record.device
        try run(
            """
            INSERT INTO group_members (id, device, sealed) VALUES (?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET device = excluded.device, sealed = excluded.sealed
            """,
            [member, self.device(device), try sealed(kept.storedForm, Self.memberPurpose(member, device))])
    }

    private func write(_ directory: ServiceDirectory, since version: UInt32) throws {
        guard directory.version != version else { return }
        for entry in directory.entries(since: version) {
            try run(
                """
                INSERT INTO group_offers (number, version, server, is_classic, name, lowest_suite,
                    admits_hardened_over_classic, is_offered)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (number) DO UPDATE SET version = excluded.version, server = excluded.server,
                    is_offered = excluded.is_offered
                """,
                [
                    entry.number, entry.version, entry.server, entry.isClassic, Data(entry.offer.name.bytes),
                    entry.offer.lowestSuite, entry.offer.admitsHardenedOverClassic, entry.isOffered,
                ])
        }
        // What is forgotten has not been written again above, and is from before the floor.
        try run("DELETE FROM group_offers WHERE version <= ?", [directory.floor])
    }

    private func condense(_ tree: Tree, _ snapshot: TreeSnapshot?, began: UInt64) throws {
        try run("DELETE FROM group_journals WHERE tree = ?", [tree.rawValue])
        try run("DELETE FROM group_snapshots WHERE tree = ?", [tree.rawValue])
        guard let snapshot else { return }
        for (part, bytes) in ([snapshot.head] + snapshot.parts).enumerated() {
            try run(
                "INSERT INTO group_snapshots (tree, part, sealed) VALUES (?, ?, ?)",
                [tree.rawValue, part, try sealed(bytes.exposed, Self.snapshotPurpose(tree, part, began))])
        }
    }

    private func append(_ tree: Tree, _ number: Int, _ bytes: [UInt8], began: UInt64) throws {
        try run(
            "INSERT INTO group_journals (tree, number, sealed) VALUES (?, ?, ?)",
            [tree.rawValue, number, try sealed(bytes, Self.journalPurpose(tree, number, began))])
    }

    private func run(_ sql: String, _ arguments: StatementArguments) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }
}
