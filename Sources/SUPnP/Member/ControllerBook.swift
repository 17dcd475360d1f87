import Crypto
import GroupKeys
import NetworkTypes

/// The controllers that a member knows, each with its channel. The first is the key manager, the others forwarders.
///
/// A channel is made once for each process of a controller. A process that was replaced does not come back, because
/// its channel's counters would begin again.
struct ControllerBook {
    private struct Entry {
        var entry: ControllerEntry
        var link: MemberLink
        var usedBoots: Set<BootID>
    }

    private static let bootLimit = 64
    private let suite: Suite
    private let group: GroupID
    private let member: MemberID
    private let keyID: UInt16
    private(set) var generation: UInt32 = 0
    private(set) var relay: SecretBytes
    private var entries: [ControllerID: Entry] = [:]
    private(set) var order: [ControllerID] = []

    init(suite: Suite, group: GroupID, member: MemberID, keyID: UInt16, relay: SecretBytes) {
        self.suite = suite
        self.group = group
        self.member = member
        self.keyID = keyID
        self.relay = relay
    }

    /// The key manager.
    var keyManager: ControllerID? { order.first }
    /// The forwarders, the preferred one first: rendezvous by hash, so that members spread (3.12.6).
    var forwarders: [ControllerID] {
        order.dropFirst().sorted { score($0) > score($1) }
    }

    /// A controller's channel.
    func link(_ id: ControllerID) -> MemberLink? { entries[id]?.link }
    /// Where a controller is.
    func address(_ id: ControllerID) -> SocketEndpoint? { entries[id]?.entry.address }
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
                known.entry = entry
                entries[entry.id] = known
            } else if let link = makeLink(entry, using: &random) {
                entries[entry.id] = Entry(entry: entry, link: link, usedBoots: [entry.boot])
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

    private func makeLink(_ entry: ControllerEntry, using random: inout some RandomNumberGenerator) -> MemberLink? {
        let parameters = LinkParameters(
            suite: suite, group: group, member: member, keyID: keyID, controller: entry.id, boot: entry.boot,
            generation: generation, relay: relay)
        return try? MemberLink(parameters, end: .member, using: &random)
    }

    private func score(_ id: ControllerID) -> [UInt8] {
        var text = Array("supnp1 hrw".utf8)
        text.append(bigEndian: member.rawValue)
        text.append(bigEndian: id.rawValue)
        return Array(SHA256.hash(data: text))
    }
}

private func > (left: [UInt8], right: [UInt8]) -> Bool { right.lexicographicallyPrecedes(left) }
