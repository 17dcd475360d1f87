internal import NetworkTypes

/// What the directory remembers of one root device beyond what it tells.
struct DirectoryRecord: Sendable {
    /// Somebody else's claim on the UDN, or a byebye that the device itself did not send.
    struct Contest: Sendable {
        enum Claim: Sendable {
            case presence(DiscoveredDevice)
            case byebye
        }

        var claim: Claim
        /// Another who claimed meanwhile. A late datagram can put the claims in the wrong order.
        var runnerUp: DiscoveredDevice?
        /// Whether a byebye was heard meanwhile, for the same reason.
        var heardByebye = false
        /// From here on a message of the incumbent counts as an answer: what it sent before has arrived.
        var answersFrom: ContinuousClock.Instant
        var deadline: ContinuousClock.Instant
        var asked = false
        /// Whether it is the catalogue that wants to know.
        var isDoubt = false

        /// A claim while the contest is on.
        mutating func hear(_ claimant: DiscoveredDevice, now: ContinuousClock.Instant) {
            guard now >= answersFrom else {
                runnerUp = claimant
                return
            }
            if case .presence(let earlier) = claim, earlier.source != claimant.source { runnerUp = earlier }
            claim = .presence(claimant)
        }
    }

    var device: DiscoveredDevice
    /// Until then a message that contradicts may be older than what is known.
    var settledAt: ContinuousClock.Instant
    /// When to ask the device, because a contradiction was set aside.
    var searchAt: ContinuousClock.Instant?
    var contest: Contest?
    var noContestUntil: ContinuousClock.Instant?
    /// A claim made while none was looked into; it is taken up at the end of that time.
    var deferredClaim: Contest.Claim?
    /// The last one who claimed the UDN from elsewhere; takes over if the device itself expires.
    var rival: DiscoveredDevice?

    /// When something about this record is due.
    var nextWake: ContinuousClock.Instant {
        let contestWake = contest.map { $0.asked ? $0.deadline : $0.answersFrom }
        let deferredWake = deferredClaim == nil ? nil : noContestUntil
        return [device.expires, searchAt, contestWake, deferredWake].compactMap { $0 }.min() ?? device.expires
    }

    /// Whether it runs out, or a contest ends, by `now`.
    func isDue(now: ContinuousClock.Instant) -> Bool {
        device.expires <= now || contest.map { $0.deadline <= now } ?? false
            || deferredClaim != nil && noContestUntil.map { $0 <= now } ?? true
    }

    /// Whether the message comes from the device as it is known, and not from another claimant.
    func isIncumbent(_ announcement: SSDPAnnouncement, source: IPAddress) -> Bool {
        device.source == source || device.location == announcement.location
    }

    /// UDA 2.0 §1.2.2: the device is there as long as any of its announcements counts.
    mutating func renew(maxAge: Int, now: ContinuousClock.Instant) {
        device.maxAge = maxAge
        device.expires = max(device.expires, now + .seconds(maxAge))
    }

    /// The incumbent spoke, which settles a contest in its favour.
    mutating func incumbentSpoke(now: ContinuousClock.Instant, limits: DeviceDirectoryLimits) {
        guard let contest, now >= contest.answersFrom else { return }
        self.contest = nil
        noContestUntil = now + limits.contestInterval
    }

    /// A claim that the incumbent has not made. Looked into unless one is under way, or one failed of late.
    mutating func challenge(
        _ claim: Contest.Claim, now: ContinuousClock.Instant, limits: DeviceDirectoryLimits
    ) {
        if case .presence(let claimant) = claim {
            rival = claimant
            // Of several claimants the one that answers is the device; the others may have moved on.
            contest?.hear(claimant, now: now)
        }
        guard contest == nil else { return }
        guard noContestUntil.map({ $0 <= now }) ?? true else {
            deferredClaim = claim
            return
        }
        noContestUntil = nil
        deferredClaim = nil
        let answersFrom = now + limits.reorderWindow
        contest = Contest(claim: claim, answersFrom: answersFrom, deadline: answersFrom + limits.verificationTime)
    }

    /// A byebye that the incumbent did not send. A claimant's own byebye ends its claim, and still nobody
    /// has heard from the incumbent.
    mutating func heardForeignByebye(
        from source: IPAddress, now: ContinuousClock.Instant, limits: DeviceDirectoryLimits
    ) {
        guard rival?.source == source else {
            challenge(.byebye, now: now, limits: limits)
            return
        }
        rival = nil
        contest?.heardByebye = true
        if case .presence(let claimant)? = contest?.claim, claimant.source == source { contest?.claim = .byebye }
        if case .presence(let claimant)? = deferredClaim, claimant.source == source { deferredClaim = .byebye }
    }

    /// Nobody spoke for the device as it was known: the claimant takes its place, and is asked in its turn if
    /// what was heard meanwhile leaves a doubt.
    mutating func yield(
        to claimant: DiscoveredDevice, now: ContinuousClock.Instant, limits: DeviceDirectoryLimits
    ) -> [DeviceDirectory.Change] {
        let over = contest
        contest = nil
        rival = nil
        deferredClaim = nil
        noContestUntil = nil
        let change = replace(with: claimant, now: now, limits: limits)
        // What was heard last need not be what was said last.
        searchAt = settledAt
        if let runnerUp = over?.runnerUp, runnerUp.source != claimant.source, runnerUp.expires > now {
            challenge(.presence(runnerUp), now: now, limits: limits)
        } else if over?.heardByebye ?? false {
            challenge(.byebye, now: now, limits: limits)
        }
        return change.map { [$0] } ?? []
    }

    /// Takes over what `other` says. The change that this is, if any.
    mutating func replace(
        with other: DiscoveredDevice, now: ContinuousClock.Instant, limits: DeviceDirectoryLimits
    ) -> DeviceDirectory.Change? {
        let old = device
        let rebooted = differ(old.bootID, other.bootID)
        let relocated = old.location != other.location || old.source != other.source
        let reconfigured = differ(old.configID, other.configID)
        device = other
        device.bootID = other.bootID ?? (relocated ? nil : old.bootID)
        device.configID = other.configID ?? (relocated ? nil : old.configID)
        if !rebooted, !relocated { device.embedded = old.embedded }
        settledAt = now + limits.reorderWindow
        searchAt = nil
        if rebooted { return .rebooted(device) }
        if relocated { return .relocated(device) }
        return reconfigured ? .reconfigured(device) : nil
    }
}

/// Whether both are known and are not the same: an absent header says nothing.
func differ(_ left: UInt32?, _ right: UInt32?) -> Bool {
    guard let left, let right else { return false }
    return left != right
}

extension DiscoveredDevice {
    /// The device that a message of the link speaks of.
    init(
        _ announcement: SSDPAnnouncement, source: IPAddress, interface: InterfaceAddress,
        now: ContinuousClock.Instant
    ) {
        let maxAge = max(1, announcement.maxAge)
        self.init(
            udn: announcement.usn.udn, location: announcement.location, secureLocation: announcement.secureLocation,
            source: source, interface: interface,
            maxAge: maxAge, server: announcement.server, bootID: announcement.bootID,
            configID: announcement.configID, searchPort: announcement.searchPort, embedded: [],
            expires: now + .seconds(maxAge)
        )
    }
}

extension DeviceDirectory {
    /// A byebye that is remembered while datagrams sent before it may arrive.
    struct Farewell: Sendable {
        var until: ContinuousClock.Instant
        /// Whether the device was listed, so that it stays unlisted until it has been asked.
        var isHeldBack: Bool
    }
}
