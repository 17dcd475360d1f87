import Foundation
import GRDB
import GroupKeys
import SUPnP
import TrustCore

/// The rows of a group's state. Each secret row is sealed for its own place: for its device, for its member and that
/// member's device, or for its place in the snapshot or journal that began at one revision. So none can be put in
/// another's place, nor into a later journal. The head is sealed for the state's revision, and counts the others.
struct GroupRows {
    /// The two key trees.
    enum Tree: Int, CaseIterable {
        case hardened = 0
        case classic = 1
    }

    let database: Database
    let seal: SecretSeal
    let path: String

    /// The state's revision; 0 before the first commit.
    func revision() throws -> UInt64 {
        let value = try Int64.fetchOne(database, sql: "SELECT revision FROM group_state WHERE id = 1") ?? 0
        guard value >= 0 else { throw damaged("the group's revision is negative") }
        return UInt64(value)
    }

    /// The highest epoch that any commit has had.
    func epoch() throws -> UInt32 {
        guard let value = try Int64.fetchOne(database, sql: "SELECT epoch FROM group_state WHERE id = 1") else {
            return 0
        }
        guard let epoch = UInt32(exactly: value) else { throw damaged("the group's epoch is no epoch") }
        return epoch
    }

    /// How far the state has come.
    func mark() throws -> GroupMark {
        let id = try Data.fetchOne(database, sql: "SELECT group_id FROM group_identity WHERE id = 1")
        let group = id.map { Array($0) } ?? [UInt8](repeating: 0, count: 16)
        return GroupMark(group: group, revision: try revision(), epoch: try epoch())
    }

    func damaged(_ detail: String) -> StoreError { .damagedFile(path, detail) }

    func sealed(_ bytes: [UInt8], _ purpose: String) throws -> Data { Data(try seal.seal(bytes, as: purpose)) }

    func device(_ device: DeviceID) -> Data { Data(device.bytes) }

    static func headPurpose(_ revision: UInt64) -> String { "group's state at its revision \(revision)" }

    static func credentialPurpose(_ device: DeviceID) -> String {
        "credential of the group's device \(Hexadecimal.encode(device.bytes))"
    }

    static func bridgedPurpose(_ device: DeviceID) -> String {
        "bridged services of the group's device \(Hexadecimal.encode(device.bytes))"
    }

    static func memberPurpose(_ id: UInt32, _ device: DeviceID) -> String {
        "group's member \(id) of the device \(Hexadecimal.encode(device.bytes))"
    }

    static func snapshotPurpose(_ tree: Tree, _ part: Int, _ began: UInt64) -> String {
        "part \(part) of the group's \(tree) key tree of revision \(began)"
    }

    static func journalPurpose(_ tree: Tree, _ number: Int, _ began: UInt64) -> String {
        "rekey \(number) of the group's \(tree) key tree since revision \(began)"
    }
}

// Reading.
extension GroupRows {
    /// The state and its head, which are empty before the first commit.
    func load() throws -> (state: GroupState, head: GroupStateHead, revision: UInt64) {
        let revision = try revision()
        guard revision > 0 else { return (GroupState(), GroupStateHead(), 0) }
        let head = try head(revision)
        var parts = GroupStateParts()
        parts.leadership = head.leadership
        parts.nextMember = head.nextMember
        parts.credentials = try credentials()
        parts.bridged = try bridged()
        parts.members = try members()
        let offers = try offers()
        parts.directory = ServiceDirectory(
            version: head.directoryVersion, floor: head.directoryFloor, entries: offers)
        parts.snapshot = try snapshot(.hardened, began: head.began)
        parts.journal = try journal(.hardened, began: head.began) { try? KeyTreeDiff(decoding: SecretBytes($0)) }
        parts.classicSnapshot = try snapshot(.classic, began: head.classicBegan)
        parts.classicJournal = try journal(.classic, began: head.classicBegan) { ClassicTreeChange(storedForm: $0) }
        let state: GroupState
        do {
            state = try GroupState(restoring: parts)
        } catch {
            throw damaged("the group's records contradict each other")
        }
        guard GroupStateHead.Counts(state) == head.counts else {
            throw damaged("records of the group are missing, or of another time")
        }
        return (state, head, revision)
    }

    func head(_ revision: UInt64) throws -> GroupStateHead {
        guard revision > 0 else { return GroupStateHead() }
        let sealed = try Data.fetchOne(database, sql: "SELECT sealed FROM group_state WHERE id = 1") ?? Data()
        guard let head = GroupStateHead(storedForm: try seal.open(sealed, as: Self.headPurpose(revision))) else {
            throw damaged("the head of the group's state cannot be read")
        }
        return head
    }

    private func credentials() throws -> [CredentialRecord] {
        try each("SELECT device, sealed FROM group_credentials ORDER BY device") { row in
            let device = try deviceID(row, path)
            let bytes = try seal.open(try row.read("sealed", as: Data.self), as: Self.credentialPurpose(device))
            return CredentialRecord(storedForm: bytes, of: device)
        }
    }

    private func bridged() throws -> [DeviceID: [ServicePattern]] {
        let pairs = try each("SELECT device, sealed FROM group_bridged ORDER BY device") { row in
            let device = try deviceID(row, path)
            let bytes = try seal.open(try row.read("sealed", as: Data.self), as: Self.bridgedPurpose(device))
            return PatternsForm.decode(bytes).map { (device, $0) }
        }
        return Dictionary(pairs) { first, _ in first }
    }

    private func members() throws -> [KeptMemberRecord] {
        try each("SELECT id, device, sealed FROM group_members ORDER BY id") { row in
            let device = try deviceID(row, path)
            let id = try row.read("id", as: UInt32.self)
            let bytes = try seal.open(try row.read("sealed", as: Data.self), as: Self.memberPurpose(id, device))
            return KeptMemberRecord(storedForm: bytes, id: id, device: device)
        }
    }

    private func offers() throws -> [ServiceDirectory.Entry] {
        try each("SELECT * FROM group_offers ORDER BY version") { row in
            let lowest = try row.read("lowest_suite", as: UInt8.self)
            guard let name = ServiceName(try row.read("name", as: Data.self)), lowest <= 1 else { return nil }
            let offer = ServiceOffer(
                name, lowestSuite: lowest, admitsHardenedOverClassic: try row.read("admits_hardened_over_classic"))
            return ServiceDirectory.Entry(
                number: try row.read("number"), version: try row.read("version"), server: try row.read("server"),
                isClassic: try row.read("is_classic"), offer: offer, isOffered: try row.read("is_offered"))
        }
    }

    private func snapshot(_ tree: Tree, began: UInt64) throws -> TreeSnapshot? {
        var index = 0
        let parts = try each(
            "SELECT part, sealed FROM group_snapshots WHERE tree = ? ORDER BY part", [tree.rawValue]
        ) { row in
            guard try row.read("part", as: Int.self) == index else { return nil as SecretBytes? }
            let purpose = Self.snapshotPurpose(tree, index, began)
            let bytes = try seal.open(try row.read("sealed", as: Data.self), as: purpose)
            index += 1
            return bytes.isEmpty ? nil : SecretBytes(bytes)
        }
        return parts.first.map { TreeSnapshot(head: $0, parts: Array(parts.dropFirst())) }
    }

    private func journal<Entry>(
        _ tree: Tree, began: UInt64, _ decode: ([UInt8]) -> Entry?
    ) throws -> [Entry] {
        var index = 0
        return try each(
            "SELECT number, sealed FROM group_journals WHERE tree = ? ORDER BY number", [tree.rawValue]
        ) { row in
            guard try row.read("number", as: Int.self) == index else { return nil }
            let purpose = Self.journalPurpose(tree, index, began)
            let bytes = try seal.open(try row.read("sealed", as: Data.self), as: purpose)
            index += 1
            return bytes.isEmpty ? nil : decode(bytes)
        }
    }

    private func each<Value>(
        _ sql: String, _ arguments: StatementArguments = [], _ decode: (Row) throws -> Value?
    ) throws -> [Value] {
        var values: [Value] = []
        let rows = try Row.fetchCursor(database, sql: sql, arguments: arguments)
        while let row = try rows.next() {
            guard let value = try decode(row) else { throw damaged("a row cannot be read: \(sql)") }
            values.append(value)
        }
        return values
    }
}
