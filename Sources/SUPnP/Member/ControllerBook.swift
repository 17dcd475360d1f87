import Crypto
import GroupKeys
import NetworkTypes

/// The controllers that a member knows, each with its channel. The first is the key manager, the others forwarders.
///
/// A channel is made once for each process of a controller. A process that was replaced does not come back, because
/// its channel's counters would begin again.
struct ControllerBook {
    private struct Entry {
        var entry: ControllerEntry { didSet { address = entry.address(near: near) } }
        /// Where it is reached.
        private(set) var address: SocketEndpoint
        private let near: SocketEndpoint?
        var link: MemberLink
        var usedBoots: Set<BootID>

        init(entry: ControllerEntry, near: SocketEndpoint?, link: MemberLink, usedBoots: Set<BootID>) {
            self.entry = entry
            self.near = near
            address = entry.address(near: near)
            self.link = link
            self.usedBoots = usedBoots
        }
    }

    private static let bootLimit = 64
    private let suite: Suite
    private let group: GroupID
    private let member: MemberID
    let keyID: UInt16
    /// Whether what the channels use of their counters is reserved in a store first.
    private let isDurable: Bool
    /// Where the key manager was reached: of a controller's addresses, the nearest to it is taken.
    let near: SocketEndpoint?
    private(set) var generation: UInt32 = 0
    private(set) var relay: SecretBytes
    private var entries: [ControllerID: Entry] = [:]
    private(set) var order: [ControllerID] = []

    init(
        suite: Suite, group: GroupID, member: MemberID, keyID: UInt16, relay: SecretBytes,
        near: SocketEndpoint? = nil, isDurable: Bool = false
    ) {
        self.isDurable = isDurable
        self.near = near
        self.suite = suite
        self.group = group
        self.member = member
        self.keyID = keyID
        self.relay = relay
    }

    /// The book of a member that has restarted, without channels yet.
    init(resuming kept: KeptMember, near: SocketEndpoint?) {
        self.init(
            suite: kept.suite, group: kept.group, member: kept.id, keyID: kept.keyID, relay: kept.relay,
            near: near, isDurable: true)
        generation = kept.generation
    }

    /// Makes the channels of before the restart again: nothing goes over them until the next block is reserved.
    mutating func resume(_ kept: KeptMember, using random: inout some RandomNumberGenerator) {
        for channel in kept.channels {
            let entry = channel.controller
            guard channel.reservation.generation == generation,
                let link = makeLink(entry, resuming: channel.reservation, using: &random)
            else { continue }
            order.append(entry.id)
            entries[entry.id] = Entry(entry: entry, near: near, link: link, usedBoots: channel.usedBoots)
        }
    }

    /// What is to be stored of the channels, for a generation that is in use or is to be.
    func kept(generation: UInt32) -> [KeptMember.Channel] {
        // Those that are no longer in the list too: their processes must not come back after a restart either.
        (order + entries.keys.filter { !order.contains($0) }.sorted()).compactMap { id in
            guard let entry = entries[id], let reservation = entry.link.reservation else { return nil }
            return KeptMember.Channel(
                controller: entry.entry,
                reservation: reservation.generation == generation ? reservation : .first(generation),
                usedBoots: entry.usedBoots)
        }
    }

    /// The counters that are stored may be used.
    func reserved(_ kept: KeptMember) {
        for channel in kept.channels where boot(channel.controller.id) == channel.controller.boot {
            link(channel.controller.id)?.reserved(channel.reservation)
        }
    }

    /// The key manager.
    var keyManager: ControllerID? { order.first }
    /// The forwarders, the preferred one first: rendezvous by hash, so that members spread (3.12.6).
    var forwarders: [ControllerID] {
        order.dropFirst().sorted { score($0) > score($1) }
    }

    /// A controller's channel.
    func link(_ id: ControllerID) -> MemberLink? { entries[id]?.link }
    /// Where a controller is reached.
    func address(_ id: ControllerID) -> SocketEndpoint? { entries[id]?.address }
    /// A controller's process.
    func boot(_ id: ControllerID) -> BootID? { entries[id]?.entry.boot }

    /// What a list of controllers says.
    enum News: Hashable, Sendable {
        /// Nothing.
        case none
        /// A controller or a process that was not known, and whose certificate may be another.
        case process
        /// A controller has started too often: the member registers anew.
        case tooMany
    }

    /// Takes the list of controllers.
    mutating func set(_ list: [ControllerEntry], using random: inout some RandomNumberGenerator) -> News {
        var news = News.none
        order = list.map(\.id)
        for entry in list {
            if var known = entries[entry.id] {
                if known.entry.boot != entry.boot {
                    guard known.usedBoots.count < Self.bootLimit else { return .tooMany }
                    guard !known.usedBoots.contains(entry.boot), let link = makeLink(entry, using: &random) else {
                        continue
                    }
                    known.link = link
                    known.usedBoots.insert(entry.boot)
                    news = .process
                }
                // A list that had no room for the member's family takes no address away.
                let isCut = near.map { known.entry.isReachable(from: $0) && !entry.isReachable(from: $0) } ?? false
                known.entry = isCut && known.entry.boot == entry.boot ? entry.at(addressesOf: known.entry) : entry
                entries[entry.id] = known
            } else if let link = makeLink(entry, using: &random) {
                entries[entry.id] = Entry(entry: entry, near: near, link: link, usedBoots: [entry.boot])
                news = .process
            }
        }
        return news
    }

    /// The next generation of the pairwise secrets: everything is sealed under it from here on.
    mutating func refreshed(generation: UInt32, relay: SecretBytes, now: ContinuousClock.Instant) {
        self.generation = generation
        self.relay = relay
        for entry in entries.values {
            try? entry.link.stage(generation: generation, relay: relay)
            entry.link.merge(now: now)
        }
    }

    /// The same for a member that keeps its keys: a channel to a process that was not stored under the next generation
    /// begins with nothing reserved.
    mutating func refreshed(
        generation: UInt32, relay: SecretBytes, now: ContinuousClock.Instant, reserved: Set<BootID>,
        using random: inout some RandomNumberGenerator
    ) {
        refreshed(generation: generation, relay: relay, now: now)
        for (id, entry) in entries where !reserved.contains(entry.entry.boot) {
            if let link = makeLink(entry.entry, using: &random) { entries[id]?.link = link }
        }
    }

    private func makeLink(
        _ entry: ControllerEntry, resuming reservation: CounterReservation? = nil,
        using random: inout some RandomNumberGenerator
    ) -> MemberLink? {
        let parameters = LinkParameters(
            suite: suite, group: group, member: member, keyID: keyID, controller: entry.id, boot: entry.boot,
            generation: generation, relay: relay)
        let nothing = CounterReservation(generation: generation, sendCeiling: 0, receiveCeiling: 0)
        return try? MemberLink(
            parameters, end: .member, resuming: reservation ?? (isDurable ? nothing : nil), using: &random)
    }

    private func score(_ id: ControllerID) -> [UInt8] {
        var text = Array("supnp1 hrw".utf8)
        text.append(bigEndian: member.rawValue)
        text.append(bigEndian: id.rawValue)
        return Array(SHA256.hash(data: text))
    }
}

private func > (left: [UInt8], right: [UInt8]) -> Bool { right.lexicographicallyPrecedes(left) }
