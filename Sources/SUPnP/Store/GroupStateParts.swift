package import GroupKeys

/// What a store has kept of a group's state, to be put together again by ``GroupState/init(restoring:)``.
package struct GroupStateParts: Sendable {
    /// Why parts are no state.
    package enum Failure: Error, Hashable, Sendable {
        /// They contradict each other: a number twice, or one that has not been given yet.
        case contradiction
    }

    /// The last leader.
    package var leadership: Leadership?
    /// The next member's number: numbers of members that are gone are not given again.
    package var nextMember: UInt32 = 0x1_0000
    /// The devices that may register.
    package var credentials: [CredentialRecord] = []
    /// The services of classic devices to which hardened clients' requests may go.
    package var bridged: [DeviceID: [ServicePattern]] = [:]
    /// The members.
    package var members: [KeptMemberRecord] = []
    /// What the servers offer; nil when what was kept is no directory.
    package var directory: ServiceDirectory? = ServiceDirectory()
    /// The hardened tree at the beginning of the journal.
    package var snapshot: TreeSnapshot?
    /// The rekeys since, oldest first.
    package var journal: [KeyTreeDiff] = []
    /// The classic tree at the beginning of its journal.
    package var classicSnapshot: TreeSnapshot?
    /// Its rekeys since, oldest first.
    package var classicJournal: [ClassicTreeChange] = []

    /// The parts of an empty state.
    package init() {}
}

/// A member's record, and what the state finds it by.
package struct KeptMemberRecord: Equatable, Sendable {
    /// The record.
    package let record: MemberRecord
    /// Whether it is the member that its device is at present.
    package let isDevices: Bool
    /// Whether it is the classic member of its KEYID.
    package let isKeyIDs: Bool

    /// Puts them together.
    package init(_ record: MemberRecord, isDevices: Bool, isKeyIDs: Bool) {
        self.record = record
        self.isDevices = isDevices
        self.isKeyIDs = isKeyIDs
    }
}

/// What the changes of one commit have made different, so that a store writes that and nothing else.
package struct StateTrace: Sendable {
    /// Devices whose credentials are other ones, new or gone.
    package private(set) var credentials: Set<DeviceID> = []
    /// Devices whose bridged services are.
    package private(set) var bridged: Set<DeviceID> = []
    /// Members whose records are.
    package private(set) var members: Set<UInt32> = []
    /// The directory's version before.
    package let directoryVersion: UInt32
    /// Whether the hardened tree's snapshot is another one, and so many of its journal's rekeys are still as they were.
    package private(set) var journal: (isCondensed: Bool, kept: Int)
    /// Likewise for the classic tree.
    package private(set) var classicJournal: (isCondensed: Bool, kept: Int)

    init(_ state: GroupState) {
        directoryVersion = state.directory.version
        journal = (false, state.journal.count)
        classicJournal = (false, state.classicJournal.count)
    }

    /// Notes what a change will make different of the state before it.
    mutating func note(_ change: StateChange, before state: GroupState) {
        switch change {
        case .led, .offered: break
        case .enrolled(let record): credentials.insert(record.id)
        case .struckOff(let device):
            credentials.insert(device)
            bridged.insert(device)
        case .bridged(let device, _): bridged.insert(device)
        case .admitted(let records):
            for record in records {
                members.insert(record.id)
                // A record that is found no more by its device or KEYID is another one too.
                if let old = state.member(of: record.device) { members.insert(old.id) }
                if let old = state.classicMember(keyID: record.keyID) { members.insert(old.id) }
            }
        case .removed(let ids): members.formUnion(ids)
        case .rekeyed(let diff): members.formUnion(diff.joined.map(\.member))
        case .condensed: journal = (true, 0)
        case .classicCondensed: classicJournal = (true, 0)
        case .classicRekeyed(let change): if let member = change.member { members.insert(member) }
        case .refreshed(let member, _, _, _, _), .refreshConfirmed(let member): members.insert(member)
        }
    }
}
