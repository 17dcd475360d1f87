import GroupKeys
import NetworkTypes

/// The members that a forwarder knows, each with its channel.
struct ForwarderMembers {
    /// A class of one owner: a message touches it several times.
    final class Entry {
        var member: ForwarderMember
        let link: MemberLink
        /// Where it has proven to be.
        var address: SocketEndpoint?
        var rate: RequestRate
        let alias: UInt32
        var isInSnapshot = true
        var lastRoute: LastRoute?

        init(_ member: ForwarderMember, link: MemberLink, rate: RequestRate, alias: UInt32) {
            self.member = member
            self.link = link
            self.rate = rate
            self.alias = alias
        }
    }

    /// Where the last service that a client was allowed to ask for is to be found.
    struct LastRoute {
        let service: String
        let lowestSuite: DataPayload.LowestSuite
        let channels: GroupChannels
        /// As many times the directory's answers had been forgotten.
        let forgotten: UInt64
    }

    private let configuration: ForwarderConfiguration
    private var entries: [MemberID: Entry] = [:]
    private var classic: [UInt16: MemberID] = [:]
    private var aliases: Set<UInt32> = []

    init(_ configuration: ForwarderConfiguration) { self.configuration = configuration }

    var count: Int { entries.count }

    subscript(id: MemberID) -> Entry? { entries[id] }

    /// The classic member that a KEYID is of.
    func classicMember(_ keyID: UInt16) -> Entry? { classic[keyID].flatMap { entries[$0] } }

    /// Takes what the key manager says of a member. A channel is made once: its counters never begin again.
    mutating func set(
        _ member: ForwarderMember, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        if let entry = entries[member.id] {
            if member.generation > entry.link.generation {
                guard (try? entry.link.stage(generation: member.generation, relay: member.relay)) != nil else { return }
            }
            entry.member = member
            entry.lastRoute = nil
            entry.isInSnapshot = true
            return
        }
        guard entries.count < configuration.limits.members,
            let link = try? MemberLink(parameters(member), end: .controller, using: &random)
        else { return }
        let limits = configuration.limits
        entries[member.id] = Entry(
            member, link: link,
            rate: RequestRate(perSecond: limits.requestsPerSecond, burst: limits.burst, now: now),
            alias: freshAlias(using: &random))
        if !member.suite.isHardened { classic[member.keyID] = member.id }
    }

    /// A member is gone.
    mutating func remove(_ id: MemberID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        aliases.remove(entry.alias)
        if classic[entry.member.keyID] == id { classic[entry.member.keyID] = nil }
    }

    mutating func snapshotBegan() {
        for entry in entries.values { entry.isInSnapshot = false }
    }

    /// Removes the members that the snapshot did not mention, and says which.
    mutating func snapshotEnded() -> [MemberID] {
        let gone = entries.filter { !$0.value.isInSnapshot }.keys.sorted()
        for id in gone { remove(id) }
        return gone
    }

    private func parameters(_ member: ForwarderMember) -> LinkParameters {
        LinkParameters(
            suite: member.suite, group: configuration.group, member: member.id, keyID: member.keyID,
            controller: configuration.identity.id, boot: configuration.identity.boot,
            generation: member.generation, relay: member.relay)
    }

    private mutating func freshAlias(using random: inout some RandomNumberGenerator) -> UInt32 {
        while true {
            let alias = UInt32(truncatingIfNeeded: random.next() as UInt64)
            if alias != 0, aliases.insert(alias).inserted { return alias }
        }
    }
}
