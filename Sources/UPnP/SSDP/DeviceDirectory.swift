public import NetworkTypes

/// What lives on one link, kept by its announcements (UDA 2.0 §1.2, §1.3).
///
/// Root devices are keyed on their UDN, because a byebye has no LOCATION and addresses change.
///
///     unknown ──rootdevice heard──▶ known ──byebye, expiry──▶ unknown
///     known ──other BOOTID──▶ rebooted · other LOCATION──▶ relocated · other CONFIGID──▶ reconfigured
///
/// Datagrams are duplicated, reordered and forged, so three things are not believed at once:
/// - a contradiction within ``DeviceDirectoryLimits/reorderWindow`` of the last change is set aside, and the
///   device is asked after it;
/// - after a byebye the UDN stays unknown for that window, and is then asked for;
/// - a claim on a known UDN from another address, or a byebye from there, is decided by asking: if the
///   device known so far answers it stays, otherwise the claim holds. So a mirror of a device cannot replace
///   the device, and a device that moved is found within seconds.
///
/// The asking is the caller's: it sends a search for each of ``dueSearches(now:)``.
public struct DeviceDirectory: Sendable {
    /// Limits and timing.
    public let limits: DeviceDirectoryLimits
    /// How many devices were not listed because a limit was reached.
    public private(set) var refused = 0

    private var records: [String: DirectoryRecord] = [:]
    /// Nothing about any record is due before; nil: nothing at all. So most messages look at one record only.
    private var quietUntil: ContinuousClock.Instant?
    private var departed: [String: Farewell] = [:]
    /// Root devices that left and were asked for, and until when an answer to that counts. Such an answer
    /// names the UDN that was asked for, and not `upnp:rootdevice`.
    private var returning: [String: ContinuousClock.Instant] = [:]

    /// Makes an empty directory.
    public init(limits: DeviceDirectoryLimits = .init()) {
        self.limits = limits
    }

    /// Every root device known, in the order of their UDNs.
    public var devices: [DiscoveredDevice] {
        records.values.map(\.device).sorted { $0.udn < $1.udn }
    }

    /// The root device of that UDN.
    public subscript(udn: String) -> DiscoveredDevice? { records[udn]?.device }

    /// When ``expire(now:)`` or ``dueSearches(now:)`` has something to do; nil when never.
    public var nextWake: ContinuousClock.Instant? {
        var wake = quietUntil
        for farewell in departed.values { wake = min(wake ?? farewell.until, farewell.until) }
        return wake
    }

    /// A message was heard on `interface`. Messages from beyond the link are ignored (upnp.md §4.2 rule 7).
    public mutating func handle(
        _ message: SSDPMessage, from source: SocketEndpoint, on interface: InterfaceAddress,
        now: ContinuousClock.Instant
    ) -> [Change] {
        var changes = expire(now: now)
        guard interface.isOnLink(source.address) else { return changes }
        switch message {
        case .alive(let announcement), .response(let announcement):
            changes += heard(announcement, from: source.address, on: interface, now: now)
        case .byebye(let byebye):
            changes += heard(byebye, from: source.address, now: now)
        case .update(let update):
            changes += heard(update, from: source.address, now: now)
        case .search:
            break
        }
        return changes
    }

    /// Forgets what has run out by `now`, and decides what nobody answered for.
    public mutating func expire(now: ContinuousClock.Instant) -> [Change] {
        guard let quietUntil, quietUntil <= now else { return [] }
        var changes: [Change] = []
        defer { findNextWake() }
        for (udn, var record) in records where record.isDue(now: now) {
            var claim: DirectoryRecord.Contest.Claim?
            if record.device.expires <= now {
                guard let rival = record.rival, rival.expires > now else {
                    records[udn] = nil
                    changes.append(.disappeared(udn: udn, reason: .expired))
                    continue
                }
                claim = .presence(rival)
            } else if let contest = record.contest, contest.deadline <= now {
                claim = contest.claim
            } else if let deferred = record.deferredClaim {
                record.noContestUntil = nil
                record.challenge(deferred, now: now, limits: limits)
            }
            switch claim {
            case .byebye?:
                changes.append(depart(udn, now: now))
                continue
            case .presence(let claimant)?:
                changes += record.yield(to: claimant, now: now, limits: limits)
            case nil:
                break
            }
            records[udn] = record
        }
        return changes.sorted { $0.udn < $1.udn }
    }

    /// UDNs to search for at `now`, each once per occasion.
    public mutating func dueSearches(now: ContinuousClock.Instant) -> [String] {
        returning = returning.filter { $0.value > now }
        var due: [String] = []
        for (udn, farewell) in departed where farewell.until <= now {
            departed.removeValue(forKey: udn)
            guard farewell.isHeldBack else { continue }
            returning[udn] = now + limits.verificationTime
            due.append(udn)
        }
        guard let quietUntil, quietUntil <= now else { return due.sorted() }
        defer { findNextWake() }
        for (udn, var record) in records {
            var asks = false
            if let at = record.searchAt, at <= now {
                record.searchAt = nil
                asks = true
            }
            if let contest = record.contest, !contest.asked, contest.answersFrom <= now {
                record.contest?.asked = true
                asks = true
            }
            guard asks else { continue }
            records[udn] = record
            due.append(udn)
        }
        return due.sorted()
    }

    /// Has a device asked whether it is still there.
    mutating func doubt(_ udn: String, now: ContinuousClock.Instant) {
        guard var record = records[udn] else { return }
        record.noContestUntil = nil
        guard record.contest == nil else { return }
        record.challenge(.byebye, now: now, limits: limits)
        record.contest?.isDoubt = true
        keep(record)
    }

    /// The device has said what ended the doubt.
    mutating func confirm(_ udn: String) {
        if records[udn]?.contest?.isDoubt ?? false { records[udn]?.contest = nil }
    }

    /// Forgets everything, for the moment when the interface loses its address.
    public mutating func removeAll() -> [Change] {
        let udns = records.keys.sorted()
        records.removeAll()
        quietUntil = nil
        departed.removeAll()
        returning.removeAll()
        return udns.map { .disappeared(udn: $0, reason: .interfaceLost) }
    }

    private mutating func heard(
        _ announcement: SSDPAnnouncement, from source: IPAddress, on interface: InterfaceAddress,
        now: ContinuousClock.Instant
    ) -> [Change] {
        let scheme = announcement.location.prefix(8).lowercased()
        guard scheme.hasPrefix("http://") || scheme == "https://" else { return [] }
        let heard = DiscoveredDevice(announcement, source: source, interface: interface, now: now)
        if records[heard.udn] != nil {
            return heardRoot(heard, announcement, now: now)
        }
        let isRoot = announcement.usn.target == "upnp:rootdevice" || announcement.target == "upnp:rootdevice"
        if isRoot || returning[heard.udn].map({ $0 > now }) ?? false {
            return appear(heard, now: now)
        }
        // UDA 2.0 §1.2.2: what a root device contains is announced with the root's LOCATION.
        let owner = records.first { $0.value.device.location == heard.location && $0.value.device.source == source }
        guard var record = owner?.value else { return [] }
        if record.device.embedded.count < limits.embeddedPerDevice { record.device.embedded.insert(heard.udn) }
        record.renew(maxAge: heard.maxAge, now: now)
        record.incumbentSpoke(now: now, limits: limits)
        keep(record)
        return []
    }

    private mutating func keep(_ record: DirectoryRecord) {
        records[record.device.udn] = record
        let wake = record.nextWake
        quietUntil = min(quietUntil ?? wake, wake)
    }

    private mutating func findNextWake() {
        quietUntil = nil
        for record in records.values {
            let wake = record.nextWake
            quietUntil = min(quietUntil ?? wake, wake)
        }
    }

    private mutating func appear(_ device: DiscoveredDevice, now: ContinuousClock.Instant) -> [Change] {
        let farewell = departed[device.udn].flatMap { $0.until > now ? $0 : nil }
        guard farewell?.isHeldBack != true else { return [] }
        guard records.count < limits.devices,
            records.values.count(where: { $0.device.source == device.source }) < limits.devicesPerSource
        else {
            refused += 1
            return []
        }
        departed[device.udn] = nil
        returning[device.udn] = nil
        var record = DirectoryRecord(device: device, settledAt: now + limits.reorderWindow)
        // Byebyes come before a first set at start-up and after a last one: which it was, only asking tells.
        if farewell != nil { record.challenge(.byebye, now: now, limits: limits) }
        keep(record)
        return [.appeared(device)]
    }

    private mutating func heardRoot(
        _ heard: DiscoveredDevice, _ announcement: SSDPAnnouncement, now: ContinuousClock.Instant
    ) -> [Change] {
        guard var record = records[heard.udn] else { return [] }
        defer { keep(record) }
        guard record.isIncumbent(announcement, source: heard.source) else {
            record.challenge(.presence(heard), now: now, limits: limits)
            return []
        }
        let known = record.device
        record.incumbentSpoke(now: now, limits: limits)
        let contradicts =
            heard.location != known.location || differ(heard.bootID, known.bootID)
            || differ(heard.configID, known.configID)
        if !contradicts {
            record.renew(maxAge: heard.maxAge, now: now)
            record.device.bootID = known.bootID ?? heard.bootID
            record.device.configID = known.configID ?? heard.configID
            record.device.searchPort = heard.searchPort
            record.device.secureLocation = heard.secureLocation
            return []
        }
        guard now >= record.settledAt else {
            record.searchAt = record.settledAt
            return []
        }
        return record.replace(with: heard, now: now, limits: limits).map { [$0] } ?? []
    }

    private mutating func heard(
        _ byebye: SSDPByebye, from source: IPAddress, now: ContinuousClock.Instant
    ) -> [Change] {
        let udn = byebye.usn.udn
        if var record = records[udn] {
            guard record.device.source == source else {
                record.heardForeignByebye(from: source, now: now, limits: limits)
                keep(record)
                return []
            }
            // The byebye of an earlier run that was overtaken.
            if let theirs = byebye.bootID, let known = record.device.bootID, theirs < known { return [] }
            return [depart(udn, now: now)]
        }
        for var record in records.values where record.device.source == source {
            guard record.device.embedded.remove(udn) != nil else { continue }
            keep(record)
            return [.embeddedDisappeared(root: record.device, udn: udn)]
        }
        remember(udn, isHeldBack: departed[udn]?.isHeldBack ?? false, now: now)
        return []
    }

    private mutating func heard(
        _ update: SSDPUpdate, from source: IPAddress, now: ContinuousClock.Instant
    ) -> [Change] {
        guard var record = records[update.usn.udn], record.device.source == source, let next = update.nextBootID,
            update.bootID == record.device.bootID, next != record.device.bootID
        else { return [] }
        // UDA 2.0 §1.2.4: the same run goes on under the next BOOTID.
        record.device.bootID = next
        record.settledAt = now + limits.reorderWindow
        defer { keep(record) }
        guard update.location != record.device.location else { return [] }
        record.device.location = update.location
        record.device.secureLocation = update.secureLocation
        record.device.embedded = []
        return [.relocated(record.device)]
    }

    private mutating func depart(_ udn: String, now: ContinuousClock.Instant) -> Change {
        records[udn] = nil
        remember(udn, isHeldBack: true, now: now)
        return .disappeared(udn: udn, reason: .byebye)
    }

    private mutating func remember(_ udn: String, isHeldBack: Bool, now: ContinuousClock.Instant) {
        if departed[udn] == nil, departed.count >= limits.devices {
            let unimportant =
                departed.first { !$0.value.isHeldBack } ?? departed.min { $0.value.until < $1.value.until }
            if let unimportant { departed[unimportant.key] = nil }
        }
        departed[udn] = Farewell(until: now + limits.reorderWindow, isHeldBack: isHeldBack)
    }
}
