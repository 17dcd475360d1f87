package import GroupKeys
package import NetworkTypes
package import SUPnP

/// Random commits as a key manager makes them, of every kind of change, from a seed.
package final class GroupHistory {
    /// The state that the commits make, by the rules of `GroupState` alone.
    package private(set) var state = GroupState()
    /// Where the choices come from.
    package var random: SeededGenerator
    /// The group that its tree is of.
    package let group: GroupID
    private var tree: KeyTree
    private let verifier: VerifierRecord
    private let names: [DeviceID]

    /// A history of a group with so many devices.
    package init(seed: UInt64, devices: Int = 12) throws {
        random = SeededGenerator(seed: seed)
        group = GroupID(using: &random)
        tree = try KeyTree(group: group, limits: KeyTreeLimits(height: 10, locksMemory: false))
        names = (0..<devices).compactMap { DeviceID("device \($0)") }
        let provisioned = CredentialRecord.provision(
            id: names[0], code: SetupCode(using: &random), groupID: group.bytes, roles: .server,
            derivation: .testOnly, using: &random)
        guard case .hardened(_, let verifier) = provisioned?.secret else {
            throw BrokenPromise(description: "no credential could be made")
        }
        self.verifier = verifier
    }

    /// The next commit's changes, which `state` has already. Now and then it condenses a journal.
    package func next() throws -> [StateChange] {
        let changes = try draw()
        state.apply(changes)
        return changes
    }

    private func draw() throws -> [StateChange] {
        switch Int.random(in: 0..<16, using: &random) {
        case 0: return [.led(Leadership(term: (state.leadership?.term ?? 0) + 1, boot: BootID(using: &random)))]
        case 1, 2: return [.enrolled(credential(device()))]
        case 3: return [.struckOff(device()), .enrolled(credential(device()))]
        case 4: return [.bridged(device(), patterns())]
        case 5..<9: return try batch()
        case 9, 10: return classic()
        case 11: return member().map { refresh($0) } ?? []
        case 12: return member().map { [.refreshConfirmed($0.id)] } ?? [.refreshConfirmed(7)]
        default: return [.offered(member()?.id ?? 0x1_FFFF, offers())]
        }
    }

    private func device() -> DeviceID { names[Int.random(in: 0..<names.count, using: &random)] }

    private func member() -> MemberRecord? {
        state.members.keys.sorted().randomElement(using: &random).flatMap { state.members[$0] }
    }

    private func secret(_ count: Int = 32) -> SecretBytes { SecretBytes(count: count, using: &random) }

    private func bytes(_ count: Int) -> [UInt8] { secret(count).exposed }

    private func credential(_ device: DeviceID) -> CredentialRecord {
        let isClassic = Int.random(in: 0..<4, using: &random) == 0
        let texts = ["urn:light", "urn:*", "*", "urn:door:1"].filter { _ in Bool.random(using: &random) }
        guard
            let record = CredentialRecord(
                id: device, roles: DeviceRoles(rawValue: UInt8.random(in: 0...3, using: &random)), salt: bytes(16),
                secret: isClassic ? .classic(salted: secret()) : .hardened(.scrypt15, verifier), servicePatterns: texts,
                minimumSuite: isClassic ? .classic : .hardenedAESGCM)
        else { preconditionFailure("a salt of 16 bytes") }
        return record
    }

    private func patterns() -> [ServicePattern] {
        ["urn:light", "urn:*", "*"].filter { _ in Bool.random(using: &random) }.compactMap { ServicePattern($0) }
    }

    private func offers() -> [ServiceOffer] {
        (0..<6).filter { _ in Bool.random(using: &random) }.compactMap { number in
            ServiceName("urn:service:\(number)").map {
                ServiceOffer(
                    $0, lowestSuite: UInt8.random(in: 0...1, using: &random),
                    admitsHardenedOverClassic: Bool.random(using: &random))
            }
        }
    }

    private func refresh(_ record: MemberRecord) -> [StateChange] {
        guard record.suite.isHardened else { return [] }
        let pending = PendingRefresh(
            generation: record.generation, relay: record.relay, memberShare: bytes(32), managerShare: bytes(32))
        return [
            .refreshed(
                record.id, generation: record.generation + 1, relay: secret(), refresh: secret(), pending)
        ]
    }

    /// Members go, among them those whose device comes back; others come; and the tree is rekeyed for both.
    private func batch() throws -> [StateChange] {
        let joining = Set((0..<Int.random(in: 0...3, using: &random)).map { _ in device() }).sorted()
        var removed = Set(joining.compactMap { state.member(of: $0)?.id })
        if Bool.random(using: &random), let leaver = member() { removed.insert(leaver.id) }
        removed = removed.filter { state.members[$0]?.suite.isHardened == true }
        let kept = joining.filter { device in state.member(of: device).map { removed.contains($0.id) } ?? true }
        var number = state.nextMember
        var records: [MemberRecord] = []
        var batch = KeyTreeBatch()
        batch.removals = removed.sorted().compactMap { state.members[$0]?.leaf }
        for device in kept {
            let isServer = Int.random(in: 0..<3, using: &random) > 0
            let record = MemberRecord(
                id: number, device: device, roles: isServer ? .server : .client, suite: .hardenedAESGCM,
                keyID: UInt16.random(in: 1...0xFFFE, using: &random), relay: secret(), refresh: secret())
            records.append(record)
            if isServer { batch.joiners.append(.init(member: number, secret: secret())) }
            number += UInt32.random(in: 1...3, using: &random)
        }
        var changes: [StateChange] = [.removed(removed.sorted()), .admitted(records)]
        guard batch.count > 0 else { return changes }
        let staged = try tree.stage(try tree.plan(batch, using: &random))
        if state.journal.count >= 5 { changes.append(.condensed(snapshot())) }
        try tree.merge(staged)
        return changes + [.rekeyed(staged.diff)]
    }

    private func snapshot() -> TreeSnapshot {
        TreeSnapshot(head: tree.snapshotHead(), parts: (0..<tree.snapshotParts).map { tree.snapshotPart($0) })
    }

    /// Changes of the classic tree: the inputs and snapshots are what they are, and no tree is built of them here.
    private func classic() -> [StateChange] {
        let leaf = UInt32.random(in: 0..<16, using: &random)
        var changes: [StateChange] = []
        if state.classicJournal.count >= 3 {
            changes.append(.classicCondensed(TreeSnapshot(head: secret(40), parts: [secret(100), secret(1)])))
        }
        if let leaver = member(), !leaver.suite.isHardened, Bool.random(using: &random) {
            let change = ClassicTreeChange(change: .leave, leaf: leaver.leaf ?? 0, member: nil, seed: secret())
            return [.removed([leaver.id])] + changes + [.classicRekeyed(change)]
        }
        let device = device()
        guard state.member(of: device) == nil else { return changes }
        let record = MemberRecord(
            id: state.nextMember, device: device, roles: .server, suite: .classic,
            keyID: UInt16.random(in: 1...5, using: &random), relay: secret(), refresh: nil)
        let change = ClassicTreeChange(change: .join, leaf: leaf, member: record.id, seed: secret())
        return [.admitted([record])] + changes + [.classicRekeyed(change)]
    }
}
