import GroupKeys
import NetworkTypes

/// The members that a forwarder knows, each with its channel.
struct ForwarderMembers {
    struct Entry {
        var member: ForwarderMember
        let link: MemberLink
        var address: SocketEndpoint?
        var rate: RequestRate
        let alias: UInt32
        var isInSnapshot = true
    }

    private let configuration: ForwarderConfiguration
    private var entries: [MemberID: Entry] = [:]
    private var classic: [UInt16: MemberID] = [:]
    private var aliases: Set<UInt32> = []

    init(_ configuration: ForwarderConfiguration) { self.configuration = configuration }

    var count: Int { entries.count }

    subscript(id: MemberID) -> Entry? { entries[id] }

    /// The member that a sealed datagram claims to be of.
    func claimed(_ header: Header, _ datagram: [UInt8]) -> MemberID? {
        guard header.suite.isHardened else { return classic[header.keyID] }
        guard case .member(let id)? = (try? UnverifiedMessage(datagram))?.envelope.sender else { return nil }
        return id
    }

    /// A member has proven to be at an address.
    mutating func heard(_ id: MemberID, from address: SocketEndpoint) { entries[id]?.address = address }

    /// Whether a client may ask once more at present.
    mutating func allowsRequest(of id: MemberID, now: ContinuousClock.Instant) -> Bool {
        entries[id]?.rate.allows(now: now) ?? false
    }

    /// Takes what the key manager says of a member. A channel is made once: its counters never begin again.
    mutating func set(
        _ member: ForwarderMember, now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator
    ) {
        if var entry = entries[member.id] {
            if member.generation > entry.link.generation {
                guard (try? entry.link.stage(generation: member.generation, relay: member.relay)) != nil else { return }
            }
            entry.member = member
            entry.isInSnapshot = true
            entries[member.id] = entry
            return
        }
        guard entries.count < configuration.limits.members,
            let link = try? MemberLink(parameters(member), end: .controller, using: &random)
        else { return }
        let limits = configuration.limits
        entries[member.id] = Entry(
            member: member, link: link, address: nil,
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
        for id in entries.keys { entries[id]?.isInSnapshot = false }
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
