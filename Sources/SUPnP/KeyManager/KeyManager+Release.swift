import GroupKeys
import NetworkTypes

/// What leaves once a step is durable.
extension KeyManager {
    mutating func release(_ step: KeyManagerStep, now: ContinuousClock.Instant) {
        let before = state.directory.version
        for removal in step.removals { notice(removal.member, removal.departure, now: now) }
        state.apply(step.changes)
        for change in step.changes { adopt(change, now: now) }
        for removal in step.removals { if let id = MemberID(removal.member) { tellForwarders(.memberGone(id)) } }
        if let staged = step.staged { merge(staged, isUrgent: step.isUrgent, now: now) }
        for staged in step.classic { merge(staged) }
        for admission in step.admissions { welcome(admission, step, now: now) }
        for refresh in step.refreshes { finish(refresh, step, now: now) }
        for reply in step.replies { send(reply.message, to: reply.member, isResponse: true) }
        if state.directory.version != before { tellDirectory() }
    }

    private mutating func adopt(_ change: StateChange, now: ContinuousClock.Instant) {
        switch change {
        case .enrolled(let record):
            if registrar.credentials[record.id] != record { withdrawAdmissions(of: record.id, now: now) }
            registrar.handle(.loaded(record), now: now, using: &random)
            if let member = state.member(of: record.id) { tellForwarders(of: member) }
        case .struckOff(let device):
            registrar.handle(.removed(device), now: now, using: &random)
            withdrawAdmissions(of: device, now: now)
            // It may have become a member since this was wanted.
            if let record = state.member(of: device) { remove(record, .evicted, isUrgent: true, now: now) }
        default: break
        }
    }

    /// What a device has proven was proven of another record.
    mutating func withdrawAdmissions(of device: DeviceID, now: ContinuousClock.Instant) {
        for admission in waiting.withdraw(device) {
            registrar.handle(.discarded(admission.registration), now: now, using: &random)
        }
    }

    /// A member is told that it is none any more; its channel stays for a while, to tell it again.
    mutating func notice(
        _ member: UInt32, _ departure: LinkBook.Departure, now: ContinuousClock.Instant
    ) {
        guard let id = MemberID(member), let record = state.members[member] else { return }
        let message = ControlMessage(departure == .left ? .leaveAcknowledged : .evictionNotice)
        send(message, to: member, isResponse: true)
        links.departed(id, departure, now: now)
        leases.ended(member)
        outputs.append(.event(.departed(record.device, member: member)))
    }

    private mutating func merge(_ staged: StagedRekey, isUrgent: Bool, now: ContinuousClock.Instant) {
        guard let packets = try? staged.packets(signer: configuration.signer, isUrgent: isUrgent),
            (try? trees.hardened.merge(staged)) != nil
        else { return }
        tellForwarders(.epoch(staged.epoch, secret: staged.epochSecret))
        for packet in packets { outputs.append(.multicast(packet)) }
        delivery.began(packets, coverage: staged.coverage, members: staged.memberCount, now: now)
        pulse.news()
        outputs.append(.event(.rekeyed(epoch: staged.epoch, members: staged.memberCount)))
    }

    private mutating func merge(_ staged: StagedClassicRekey) {
        guard (try? trees.classic.merge(staged)) != nil else { return }
        tellForwarders(.classicKey(staged.trafficKeyID, key: staged.trafficKey))
        outputs.append(.multicast(staged.datagram))
    }

    private mutating func welcome(_ admission: Admission, _ step: KeyManagerStep, now: ContinuousClock.Instant) {
        guard let record = state.members[admission.record.id], let id = MemberID(record.id) else { return }
        _ = links.link(of: record, using: &random)
        links.heard(id, from: admission.source)
        leases.began(record.id, now: now)
        tellForwarders(of: record)
        registrar.handle(
            .admitted(admission.registration, doneContents(of: record, at: admission.source)), now: now, using: &random)
        serveRegistrar(now: now)
        outputs.append(.event(.joined(record.device, member: record.id)))
    }

    private mutating func finish(_ refresh: RefreshStep, _ step: KeyManagerStep, now: ContinuousClock.Instant) {
        guard let record = state.members[refresh.member] else { return }
        send(RefreshMessages.acknowledgement(refresh.pending.managerShare), to: refresh.member, isResponse: true)
        if let link = links.link(of: record, using: &random), link.generation < refresh.generation {
            try? link.stage(generation: refresh.generation, relay: refresh.relay)
        }
        tellForwarders(of: record)
    }
}
