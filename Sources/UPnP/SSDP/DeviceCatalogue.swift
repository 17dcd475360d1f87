public import NetworkTypes

/// What lives on all links of this host: a ``DeviceDirectory`` for each link, and one device for each UDN
/// however many links and address families hear it (UDA 2.0 annex A).
///
///     not known ──heard on a link──▶ appeared ──heard on another──▶ one path more, no change
///     known ──path in use lost or moved, another left──▶ relocated
///     known ──BOOTID that no link has said──▶ rebooted, once
///     known ──last path lost──▶ disappeared
///
/// A device's byebye, expiry or silence on one link takes that path and leaves the others. What says more than
/// that is looked into, as ``DeviceDirectory`` asks for what it doubts: after a byebye the other links are asked
/// whether the device is still there, and after a reboot those that stayed behind. A link that hears a device for
/// the first time under a larger BOOTID waits for a moment, because a device that joined another network says so
/// by `ssdp:update` on its earlier ones (UDA 2.0 §1.2.4), and that is no reboot.
///
/// It does not check that a path's LOCATION can be reached.
public struct DeviceCatalogue: Sendable {
    /// A change of a device as a whole.
    public typealias Change = DeviceDirectory.Change

    private struct Link: Sendable {
        var address: InterfaceAddress
        var directory: DeviceDirectory
    }

    /// How many links are listened on; more are not.
    public static let maximumLinks = 64

    /// Limits and timing of each link's directory.
    public let limits: DeviceDirectoryLimits
    /// In the order in which their paths are preferred.
    private var directories: [Link] = []
    private var entries: [String: CatalogueEntry] = [:]
    /// The devices about whose run something is in doubt.
    private var doubted: Set<String> = []

    /// Makes an empty catalogue that knows no link.
    public init(limits: DeviceDirectoryLimits = .init()) {
        self.limits = limits
    }

    /// The links, in the order in which their paths are preferred: IPv4, IPv6 link-local, other IPv6.
    public var links: [InterfaceAddress] { directories.map(\.address) }

    /// Every device known, in the order of their UDNs.
    public var devices: [DiscoveredDevice] { entries.keys.sorted().compactMap { self[$0] } }

    /// The device of that UDN.
    public subscript(udn: String) -> DiscoveredDevice? {
        entries[udn]?.device(of: paths(of: udn))
    }

    /// How many devices were not listed because a limit was reached, over all links of the moment.
    public var refused: Int { directories.reduce(0) { $0 + $1.directory.refused } }

    /// When ``expire(now:)`` or ``dueSearches(now:)`` has something to do; nil when never.
    public var nextWake: ContinuousClock.Instant? {
        let doubts = doubted.compactMap { entries[$0]?.doubtUntil }
        return (directories.compactMap(\.directory.nextWake) + doubts).min()
    }

    /// A link came up: what is heard on it counts from here on. False when there are too many.
    @discardableResult
    public mutating func linkGained(_ link: InterfaceAddress) -> Bool {
        guard !directories.contains(where: { $0.address == link }) else { return true }
        guard directories.count < Self.maximumLinks else { return false }
        let position = directories.firstIndex { link.isPreferred(to: $0.address) } ?? directories.endIndex
        directories.insert(Link(address: link, directory: DeviceDirectory(limits: limits)), at: position)
        return true
    }

    /// A link is gone, with every path over it; what arrives from it late is ignored.
    public mutating func linkLost(_ link: InterfaceAddress, now: ContinuousClock.Instant) -> [Change] {
        guard let index = directories.firstIndex(where: { $0.address == link }) else { return [] }
        var lost = directories.remove(at: index)
        return lost.directory.removeAll().flatMap { merge($0, on: link, now: now) }
    }

    /// A message was heard on `link`. Messages on links that are not known, and from beyond the link, are
    /// ignored (upnp.md §4.2 rule 7).
    public mutating func handle(
        _ message: SSDPMessage, from source: SocketEndpoint, on link: InterfaceAddress, now: ContinuousClock.Instant
    ) -> [Change] {
        var changes = expire(now: now)
        guard let index = directories.firstIndex(where: { $0.address == link }) else { return changes }
        let heard = directories[index].directory.handle(message, from: source, on: link, now: now)
        let isSameRun = if case .update = message { true } else { false }
        for change in heard {
            changes += merge(change, on: link, isSameRun: isSameRun, now: now)
            if case .disappeared(let udn, .byebye) = change { doubtEverywhere(udn, now: now) }
        }
        if heard.isEmpty, let udn = message.usn?.udn {
            changes += follow(udn, on: index, isSameRun: isSameRun, now: now)
        }
        return changes
    }

    /// Forgets what has run out by `now`, and decides what nobody answered for.
    public mutating func expire(now: ContinuousClock.Instant) -> [Change] {
        var changes: [Change] = []
        for index in directories.indices {
            let link = directories[index].address
            for change in directories[index].directory.expire(now: now) { changes += merge(change, on: link, now: now) }
        }
        for udn in doubted.sorted() {
            let paths = paths(of: udn)
            guard let news = entries[udn]?.decide(paths: paths, now: now) else { continue }
            if news == .rebooted { askThoseBehind(udn, now: now) }
            changes += tell(news, of: udn, now: now)
        }
        return changes
    }

    /// What to search for at `now`, and on which link; each is named once per occasion.
    public mutating func dueSearches(now: ContinuousClock.Instant) -> [(udn: String, link: InterfaceAddress)] {
        var due: [(udn: String, link: InterfaceAddress)] = []
        for index in directories.indices {
            let link = directories[index].address
            due += directories[index].directory.dueSearches(now: now).map { ($0, link) }
        }
        return due
    }

    private func paths(of udn: String) -> [DiscoveredDevice] { directories.compactMap { $0.directory[udn] } }
}

extension DeviceCatalogue {
    /// What a change on one link means for the device as a whole.
    private mutating func merge(
        _ change: Change, on link: InterfaceAddress, isSameRun: Bool = false, now: ContinuousClock.Instant
    ) -> [Change] {
        let udn = change.udn
        let paths = paths(of: udn)
        guard entries[udn] != nil else { return appear(paths) }
        guard !paths.isEmpty else {
            entries[udn] = nil
            doubted.remove(udn)
            if case .disappeared = change { return [change] }
            return [.disappeared(udn: udn, reason: .expired)]
        }
        let changes = hear(udn, on: link, paths: paths, isSameRun: isSameRun, now: now)
        guard changes.isEmpty, case .embeddedDisappeared(_, let inner) = change, let device = self[udn],
            !device.embedded.contains(inner)
        else { return changes }
        return [.embeddedDisappeared(root: device, udn: inner)]
    }

    private mutating func appear(_ paths: [DiscoveredDevice]) -> [Change] {
        guard let first = paths.first else { return [] }
        entries[first.udn] = CatalogueEntry(first)
        return self[first.udn].map { [.appeared($0)] } ?? []
    }

    /// A directory's device changed without a change that it tells of, such as by an `ssdp:update`.
    private mutating func follow(
        _ udn: String, on link: Int, isSameRun: Bool, now: ContinuousClock.Instant
    ) -> [Change] {
        guard let here = directories[link].directory[udn], entries[udn]?.isNews(here) ?? false else { return [] }
        return hear(udn, on: here.interface, paths: paths(of: udn), isSameRun: isSameRun, now: now)
    }

    private mutating func hear(
        _ udn: String, on link: InterfaceAddress, paths: [DiscoveredDevice], isSameRun: Bool,
        now: ContinuousClock.Instant
    ) -> [Change] {
        let run = entries[udn]?.bootID
        guard let news = entries[udn]?.hear(on: link, paths: paths, isSameRun: isSameRun, now: now, limits: limits)
        else { return [] }
        if entries[udn]?.bootID != run { askThoseBehind(udn, now: now) }
        if let index = directories.firstIndex(where: { $0.address == link }), let run = entries[udn]?.bootID,
            let said = directories[index].directory[udn]?.bootID
        {
            // A late answer of the run before must not keep up a path that the device has left.
            if said < run { directories[index].directory.doubt(udn, now: now) }
            if said == run { directories[index].directory.confirm(udn) }
        }
        return tell(news, of: udn, now: now)
    }

    /// A link that has not heard of the device's run asks the device, and its path goes unless it is confirmed.
    private mutating func askThoseBehind(_ udn: String, now: ContinuousClock.Instant) {
        guard let run = entries[udn]?.bootID else { return }
        for index in directories.indices where differ(directories[index].directory[udn]?.bootID, run) {
            directories[index].directory.doubt(udn, now: now)
        }
    }

    /// Devices leave without a byebye on some of their links: miniupnpd announces to IPv6's site and says byebye on
    /// the link alone. So the other links are asked, and a path that answers stays.
    private mutating func doubtEverywhere(_ udn: String, now: ContinuousClock.Instant) {
        for index in directories.indices { directories[index].directory.doubt(udn, now: now) }
    }

    private mutating func tell(_ news: CatalogueEntry.News, of udn: String, now: ContinuousClock.Instant) -> [Change] {
        if entries[udn]?.doubtUntil == nil { doubted.remove(udn) } else { doubted.insert(udn) }
        guard news != .nothing, let device = self[udn] else { return [] }
        switch news {
        case .nothing: return []
        case .relocated: return [.relocated(device)]
        case .reconfigured: return [.reconfigured(device)]
        case .rebooted: return [.rebooted(device)]
        }
    }
}

extension InterfaceAddress {
    /// IPv4 before IPv6, because more devices serve it well, and link-local before wider IPv6, because it
    /// outlives a change of the provider's prefix.
    fileprivate func isPreferred(to other: InterfaceAddress) -> Bool {
        if rank != other.rank { return rank < other.rank }
        return index < other.index
    }

    private var rank: Int {
        switch address {
        case .v4: 0
        case .v6(let address): address.isLinkLocal ? 1 : 2
        }
    }
}
