package import GroupKeys

/// A group's durable state: what a key manager starts from, and what its commits change.
///
/// It is a value. A store keeps it, with a revision that grows with every commit, and applies a commit's changes all
/// together or not at all. At rest its secrets are sealed; that is the store's part.
package struct GroupState: Equatable, Sendable {
    /// The last leader; nil before the first.
    package private(set) var leadership: Leadership?
    /// The devices that may register.
    package private(set) var credentials: [DeviceID: CredentialRecord] = [:]
    /// The services of classic devices to which hardened clients' requests may go.
    package private(set) var bridged: [DeviceID: [ServicePattern]] = [:]
    /// The members by number.
    package private(set) var members: [UInt32: MemberRecord] = [:]
    /// The next member's number.
    package private(set) var nextMember: UInt32 = 0x1_0000
    /// What the servers offer.
    package private(set) var directory = ServiceDirectory()
    /// The hardened tree at the beginning of the journal; nil for an empty one.
    package private(set) var snapshot: TreeSnapshot?
    /// The rekeys of the hardened tree since the snapshot, oldest first.
    package private(set) var journal: [KeyTreeDiff] = []
    /// The classic tree at the beginning of its journal; nil for an empty one.
    package private(set) var classicSnapshot: TreeSnapshot?
    /// The rekeys of the classic tree since its snapshot, oldest first.
    package private(set) var classicJournal: [ClassicTreeChange] = []
    private var byDevice: [DeviceID: UInt32] = [:]
    private var classicByKeyID: [UInt16: UInt32] = [:]

    /// A group that has just been made.
    package init() {}

    /// The last rekey's epoch, as far as the journal tells; 0 for an empty one.
    package var epoch: UInt32 { journal.last?.epoch ?? 0 }

    /// The member that a device is at present.
    package func member(of device: DeviceID) -> MemberRecord? { byDevice[device].flatMap { members[$0] } }

    /// The classic member with a KEYID.
    package func classicMember(keyID: UInt16) -> MemberRecord? { classicByKeyID[keyID].flatMap { members[$0] } }

    /// What a member may ask for, as its device's record says.
    package func access(of record: MemberRecord) -> AccessList {
        AccessList((credentials[record.device]?.servicePatterns ?? []).compactMap { ServicePattern($0) })
    }

    /// Applies the changes of one commit, in their order.
    package mutating func apply(_ changes: [StateChange]) {
        for change in changes { apply(change) }
    }

    /// Applies the changes of one commit, and says what is not as it was before.
    package mutating func applyTracing(_ changes: [StateChange]) -> StateTrace {
        var trace = StateTrace(self)
        for change in changes {
            trace.note(change, before: self)
            apply(change)
        }
        return trace
    }

    private mutating func apply(_ change: StateChange) {
        switch change {
        case .led(let leadership): self.leadership = leadership
        case .enrolled(let record): credentials[record.id] = record
        case .struckOff(let device):
            credentials[device] = nil
            bridged[device] = nil
        case .bridged(let device, let patterns):
            bridged[device] = patterns
            if let record = member(of: device) { offer(directory.offers(of: record.id), of: record) }
        case .admitted(let records): records.forEach { admit($0) }
        case .removed(let ids): ids.forEach { remove($0) }
        case .rekeyed(let diff):
            journal.append(diff)
            for joined in diff.joined { members[joined.member]?.leaf = joined.leaf }
        case .condensed(let snapshot):
            self.snapshot = snapshot
            journal = []
        case .classicCondensed(let snapshot):
            classicSnapshot = snapshot
            classicJournal = []
        case .classicRekeyed(let change):
            classicJournal.append(change)
            if let member = change.member { members[member]?.leaf = change.leaf }
        case .refreshed(let id, let generation, let relay, let refresh, let pending):
            members[id]?.generation = generation
            members[id]?.relay = relay
            members[id]?.refresh = refresh
            members[id]?.pendingRefresh = pending
        case .refreshConfirmed(let id): members[id]?.pendingRefresh = nil
        case .offered(let id, let offers): if let record = members[id] { offer(offers, of: record) }
        }
    }

    /// What a classic server says of its services counts only as far as its device's record lets it: whoever has
    /// guessed its password must not draw hardened clients' requests to the classic channel. What the record does not
    /// let any more ends with it.
    private mutating func offer(_ offers: [ServiceOffer], of record: MemberRecord) {
        guard !record.suite.isHardened else { return directory.replace(offers, of: record.id, isClassic: false) }
        let admitted = AccessList(bridged[record.device] ?? [])
        let clamped = offers.map { offer in
            ServiceOffer(
                offer.name, lowestSuite: 0,
                admitsHardenedOverClassic: offer.admitsHardenedOverClassic && admitted.allows(offer.name))
        }
        directory.replace(clamped, of: record.id, isClassic: true)
    }

    private mutating func admit(_ record: MemberRecord) {
        members[record.id] = record
        byDevice[record.device] = record.id
        if !record.suite.isHardened { classicByKeyID[record.keyID] = record.id }
        nextMember = max(nextMember, record.id &+ 1)
    }

    private mutating func remove(_ id: UInt32) {
        guard let record = members.removeValue(forKey: id) else { return }
        if byDevice[record.device] == id { byDevice[record.device] = nil }
        if classicByKeyID[record.keyID] == id { classicByKeyID[record.keyID] = nil }
        directory.replace([], of: id, isClassic: !record.suite.isHardened)
    }
}

extension GroupState {
    /// A state as a store has kept it. Throws when the parts are not of one state.
    package init(restoring parts: GroupStateParts) throws(GroupStateParts.Failure) {
        leadership = parts.leadership
        nextMember = parts.nextMember
        guard let directory = parts.directory, nextMember >= 0x1_0000 else { throw .contradiction }
        self.directory = directory
        snapshot = parts.snapshot
        journal = parts.journal
        classicSnapshot = parts.classicSnapshot
        classicJournal = parts.classicJournal
        for record in parts.credentials {
            guard credentials.updateValue(record, forKey: record.id) == nil else { throw .contradiction }
        }
        bridged = parts.bridged
        for member in parts.members { try restore(member) }
    }

    private mutating func restore(_ member: KeptMemberRecord) throws(GroupStateParts.Failure) {
        let record = member.record
        guard 0x1_0000..<nextMember ~= record.id, members.updateValue(record, forKey: record.id) == nil else {
            throw .contradiction
        }
        if member.isDevices, byDevice.updateValue(record.id, forKey: record.device) != nil { throw .contradiction }
        guard member.isKeyIDs else { return }
        guard !record.suite.isHardened, classicByKeyID.updateValue(record.id, forKey: record.keyID) == nil else {
            throw .contradiction
        }
    }

    /// A member's record as a store keeps it; nil when there is no such member.
    package func kept(_ member: UInt32) -> KeptMemberRecord? {
        guard let record = members[member] else { return nil }
        return KeptMemberRecord(
            record, isDevices: byDevice[record.device] == member, isKeyIDs: classicByKeyID[record.keyID] == member)
    }
}
