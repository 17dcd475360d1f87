/// What the group's servers offer, as the key manager keeps it and the forwarders know it.
///
/// Every change takes the next version. A member tells the version it has and gets what has changed since, so a lost
/// message costs nothing but time. Withdrawn offers stay as tombstones, a bounded number of them; a member that is
/// older than the oldest tombstone forgets everything and begins at 0. With a tombstone that is forgotten, the offers
/// from before it take new versions: so whoever begins at 0 is never older than that after its first page.
///
/// Members are told of one offer for all that are alike, the oldest: a service that a thousand servers offer is one
/// entry, and only the first that comes and the last that goes are news. When the oldest goes, the next one stands for the
/// others under a new version. Without that each server would make all members ask.
package struct ServiceDirectory: Hashable, Sendable {
    /// The most offers of all servers together, tombstones not counted.
    package static let maximumEntries = 65_536
    /// The most tombstones.
    package static let maximumTombstones = 1_024
    /// No offer is taken beyond this version, so that there are always enough left to withdraw all that there are.
    static let lastVersion = UInt32.max - (1 << 23)

    /// An offer, or what is left of one.
    package struct Entry: Hashable, Sendable {
        /// A number that names this offer and no other, and not the server.
        package let number: UInt32
        /// The version that brought or withdrew it.
        package let version: UInt32
        /// Who offers it; zero when it came over the wire, where it is not told, and for a withdrawn one of which no
        /// member was told.
        package let server: UInt32
        /// Whether it came over a classic registration.
        package let isClassic: Bool
        /// What is offered.
        package let offer: ServiceOffer
        /// Whether it is still offered.
        package let isOffered: Bool

        /// An entry as it was sent or kept.
        package init(
            number: UInt32, version: UInt32, server: UInt32, isClassic: Bool, offer: ServiceOffer, isOffered: Bool
        ) {
            self.number = number
            self.version = version
            self.server = server
            self.isClassic = isClassic
            self.offer = offer
            self.isOffered = isOffered
        }
    }

    /// The version of the last change.
    package private(set) var version: UInt32 = 0
    /// The oldest version from which on changes are known.
    package private(set) var floor: UInt32 = 0
    private var entries: [UInt32: Entry] = [:]
    private var order: [UInt32] = []
    private var byServer: [UInt32: [UInt32]] = [:]
    private var tombstones = 0
    /// The numbers of the offers that are alike, ascending: members are told of the first.
    private var alike: [Kind: [UInt32]] = [:]
    /// The last version among the entries that members are told of; 0 for none.
    private var lastTold: UInt32 = 0

    /// What makes offers alike for whoever asks.
    private struct Kind: Hashable, Sendable {
        let offer: ServiceOffer
        let isClassic: Bool

        init(_ entry: Entry) {
            offer = entry.offer
            isClassic = entry.isClassic
        }
    }

    /// A directory without offers.
    package init() {}

    /// A directory that has had so many changes, and has no offers.
    init(version: UInt32) { self.version = version }

    /// A directory as a store has kept it: all that ``entries(since:)`` gives of version 0, in its order. Nil for what no
    /// directory can be.
    package init?(version: UInt32, floor: UInt32, entries: [Entry]) {
        guard floor <= version else { return nil }
        var last = floor
        for entry in entries {
            guard entry.version > last, entry.version <= version, (1...entry.version).contains(entry.number),
                self.entries.updateValue(entry, forKey: entry.number) == nil
            else { return nil }
            last = entry.version
            order.append(entry.number)
            if entry.isOffered {
                byServer[entry.server, default: []].append(entry.number)
                alike[Kind(entry), default: []].append(entry.number)
            } else {
                tombstones += 1
            }
        }
        guard tombstones <= Self.maximumTombstones else { return nil }
        for server in byServer.keys { byServer[server]?.sort() }
        for kind in alike.keys { alike[kind]?.sort() }
        lastTold = entries.last(where: isTold)?.version ?? 0
        self.version = version
        self.floor = floor
    }

    /// Everything that has changed since a version, the tombstones too, oldest first. What is missing of the entries
    /// until then is forgotten, and its version is at most ``floor``.
    package func entries(since version: UInt32) -> [Entry] {
        var found: [Entry] = []
        for number in order.reversed() {
            guard let entry = entries[number], entry.version > version else { break }
            found.append(entry)
        }
        return found.reversed()
    }

    /// The version of the last change that members are told of: whoever has it, or a later one, lacks nothing.
    package var toldVersion: UInt32 { max(lastTold, floor) }

    /// How many entries there are, the tombstones too.
    package var entryCount: Int { entries.count }

    /// How many offers there are.
    package var count: Int { entries.count - tombstones }

    /// Whether a server's list still fits, beside those of the others.
    package func hasRoom(for offers: [ServiceOffer], of server: UInt32) -> Bool {
        (version < Self.lastVersion || offers.isEmpty)
            && count - (byServer[server]?.count ?? 0) + offers.count <= Self.maximumEntries
    }

    /// What a server offers, sorted by name.
    package func offers(of server: UInt32) -> [ServiceOffer] {
        (byServer[server] ?? []).compactMap { entries[$0]?.offer }.sorted { $0.name < $1.name }
    }

    /// Replaces a server's list, by an empty one when it leaves. What stays the same keeps its entry.
    package mutating func replace(_ offers: [ServiceOffer], of server: UInt32, isClassic: Bool) {
        let known = byServer[server] ?? []
        for number in known where !offers.contains(where: { $0 == entries[number]?.offer }) { withdraw(number) }
        let kept = Set(self.offers(of: server))
        for offer in offers.sorted(by: { $0.name < $1.name }) where !kept.contains(offer) {
            version += 1
            let entry = Entry(
                number: version, version: version, server: server, isClassic: isClassic, offer: offer,
                isOffered: true)
            entries[entry.number] = entry
            order.append(entry.number)
            byServer[server, default: []].append(entry.number)
            alike[Kind(entry), default: []].append(entry.number)
            if isTold(entry) { lastTold = version }
        }
    }

    /// The changes after a version, oldest first, at most `limit`; nil when that version is too old, or not yet.
    package func changes(after version: UInt32, limit: Int) -> [Entry]? {
        changes(after: version, limit: limit) { _ in true }
    }

    /// Of the changes after a version those that members are told of, oldest first, at most `limit`; nil when that version
    /// is too old, or not yet.
    package func told(after version: UInt32, limit: Int) -> [Entry]? {
        changes(after: version, limit: limit, where: isTold)
    }

    private func changes(after version: UInt32, limit: Int, where isWanted: (Entry) -> Bool) -> [Entry]? {
        guard version == 0 || version >= floor, version <= self.version else { return nil }
        var found: [Entry] = []
        for number in order.reversed() {
            guard let entry = entries[number], entry.version > version else { break }
            if version > 0 || entry.isOffered, isWanted(entry) { found.append(entry) }
        }
        return Array(found.reversed().prefix(limit))
    }

    private func isTold(_ entry: Entry) -> Bool {
        entry.isOffered ? alike[Kind(entry)]?.first == entry.number : entry.server != 0
    }

    /// The offers of a name.
    package func offers(named name: ServiceName) -> [Entry] {
        order.compactMap { entries[$0] }.filter { $0.isOffered && $0.offer.name == name }
    }

    private mutating func withdraw(_ number: UInt32) {
        guard let entry = entries[number], entry.isOffered else { return }
        byServer[entry.server]?.removeAll { $0 == number }
        if byServer[entry.server]?.isEmpty == true { byServer[entry.server] = nil }
        let wasTold = isTold(entry)
        let kind = Kind(entry)
        alike[kind]?.removeAll { $0 == number }
        if alike[kind]?.isEmpty == true { alike[kind] = nil }
        if wasTold, let next = alike[kind]?.first {
            // Before the other goes, so that nobody believes the service gone in between.
            order.removeAll { $0 == next }
            renew(next)
        }
        version += 1
        entries[number] = Entry(
            number: number, version: version, server: wasTold ? entry.server : 0, isClassic: entry.isClassic,
            offer: entry.offer, isOffered: false)
        order.removeAll { $0 == number }
        order.append(number)
        tombstones += 1
        if wasTold { lastTold = version }
        while tombstones > Self.maximumTombstones { forgetOldestTombstone() }
    }

    private mutating func forgetOldestTombstone() {
        guard let index = order.firstIndex(where: { entries[$0]?.isOffered == false }) else { return }
        let number = order[index]
        let older = order[..<index]
        order.removeSubrange(...index)
        floor = entries[number]?.version ?? floor
        entries[number] = nil
        tombstones -= 1
        for number in older { renew(number) }
        // Only the forgotten one can have been the last.
        if lastTold <= floor { lastTold = 0 }
    }

    private mutating func renew(_ number: UInt32) {
        guard let entry = entries[number] else { return }
        version += 1
        entries[number] = Entry(
            number: number, version: version, server: entry.server, isClassic: entry.isClassic, offer: entry.offer,
            isOffered: entry.isOffered)
        order.append(number)
        if alike[Kind(entry)]?.first == number { lastTold = version }
    }
}
