/// What a state has once: who leads, the next numbers, and how many records of each kind there are, so that a store that
/// has lost some, or has some of another time, is found to be damaged.
package struct GroupStateHead: Equatable, Sendable {
    /// How many records there are of each kind.
    package struct Counts: Equatable, Sendable {
        /// Of devices that may register.
        package var credentials: UInt32 = 0
        /// Of devices with bridged services.
        package var bridged: UInt32 = 0
        /// Of members.
        package var members: UInt32 = 0
        /// Of offers and tombstones.
        package var offers: UInt32 = 0
        /// Of the hardened tree's snapshot, its head too; 0 without one.
        package var snapshot: UInt32 = 0
        /// Of rekeys in the journal.
        package var journal: UInt32 = 0
        /// Of the classic tree's snapshot.
        package var classicSnapshot: UInt32 = 0
        /// Of its rekeys.
        package var classicJournal: UInt32 = 0

        /// None of any.
        package init() {}

        /// Those of a state.
        package init(_ state: GroupState) {
            credentials = UInt32(state.credentials.count)
            bridged = UInt32(state.bridged.count)
            members = UInt32(state.members.count)
            offers = UInt32(state.directory.entryCount)
            snapshot = state.snapshot.map { UInt32($0.parts.count) + 1 } ?? 0
            journal = UInt32(state.journal.count)
            classicSnapshot = state.classicSnapshot.map { UInt32($0.parts.count) + 1 } ?? 0
            classicJournal = UInt32(state.classicJournal.count)
        }

        /// All of them, in the order of the form.
        fileprivate var list: [UInt32] {
            [credentials, bridged, members, offers, snapshot, journal, classicSnapshot, classicJournal]
        }

        fileprivate init(list: [UInt32]) {
            (credentials, bridged, members, offers) = (list[0], list[1], list[2], list[3])
            (snapshot, journal, classicSnapshot, classicJournal) = (list[4], list[5], list[6], list[7])
        }
    }

    /// The last leader.
    package var leadership: Leadership?
    /// The next member's number.
    package var nextMember: UInt32
    /// The directory's version.
    package var directoryVersion: UInt32
    /// The oldest version from which on the directory's changes are known.
    package var directoryFloor: UInt32
    /// At which of the store's revisions the hardened tree's journal began, and the classic one's.
    package var began: UInt64
    /// Likewise, the classic tree's.
    package var classicBegan: UInt64
    /// How many records there are.
    package var counts: Counts

    private static let form: UInt8 = 1

    /// The head of an empty state.
    package init() {
        nextMember = 0x1_0000
        directoryVersion = 0
        directoryFloor = 0
        began = 0
        classicBegan = 0
        counts = Counts()
    }

    /// The head of a state after a commit that made this revision, over the head before it.
    package init(_ state: GroupState, trace: StateTrace, revision: UInt64, before: GroupStateHead) {
        leadership = state.leadership
        nextMember = state.nextMember
        directoryVersion = state.directory.version
        directoryFloor = state.directory.floor
        began = trace.journal.isCondensed ? revision : before.began
        classicBegan = trace.classicJournal.isCondensed ? revision : before.classicBegan
        counts = Counts(state)
    }

    /// `1 ‖ u8 has a leader ‖ u32 term ‖ boot(16), zeros without ‖ u32 next member ‖ u32 version ‖ u32 floor ‖ u64 began ‖
    /// u64 began ‖ 8 × u32 count`.
    package var storedForm: [UInt8] {
        var writer = FormWriter(Self.form)
        writer.write(UInt8(leadership == nil ? 0 : 1))
        writer.write(leadership?.term ?? 0)
        writer.bytes += leadership?.boot.bytes ?? [UInt8](repeating: 0, count: 16)
        writer.write(nextMember)
        writer.write(directoryVersion)
        writer.write(directoryFloor)
        writer.write(began)
        writer.write(classicBegan)
        for count in counts.list { writer.write(count) }
        return writer.bytes
    }

    /// Reads ``storedForm``; nil for anything else.
    package init?(storedForm bytes: [UInt8]) {
        self.init()
        var reader = FormReader(bytes)
        guard reader.begins(with: Self.form), let leads = reader.octet(), leads <= 1, let term: UInt32 = reader.read(),
            let boot = reader.read(count: 16).flatMap({ BootID($0) }), let nextMember: UInt32 = reader.read(),
            let version: UInt32 = reader.read(), let floor: UInt32 = reader.read(), let began: UInt64 = reader.read(),
            let classicBegan: UInt64 = reader.read()
        else { return nil }
        if leads == 1 {
            leadership = Leadership(term: term, boot: boot)
        } else if term != 0 || boot.bytes.contains(where: { $0 != 0 }) {
            return nil
        }
        self.nextMember = nextMember
        directoryVersion = version
        directoryFloor = floor
        self.began = began
        self.classicBegan = classicBegan
        let counts = (0..<8).compactMap { _ in reader.read(UInt32.self) }
        guard counts.count == 8, reader.isAtEnd else { return nil }
        self.counts = Counts(list: counts)
    }
}
