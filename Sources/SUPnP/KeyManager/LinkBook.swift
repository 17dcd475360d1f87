import GroupKeys
import NetworkTypes

/// A key manager's channels to its members, those that have just left among them.
///
/// A channel is made when it is first needed and kept: under one boot its counters must not begin again.
struct LinkBook {
    /// Why a member is none any more.
    enum Departure: Hashable, Sendable {
        case left, evicted
    }

    private struct Entry {
        let link: MemberLink
        var address: SocketEndpoint?
    }

    private struct Departed {
        let entry: Entry
        let departure: Departure
        let until: ContinuousClock.Instant
    }

    private static let grace: Duration = .seconds(60)
    private static let departedLimit = 4_096
    private let group: GroupID
    private let identity: ControllerIdentity
    private var entries: [MemberID: Entry] = [:]
    private var departed: [MemberID: Departed] = [:]
    private var classic: [UInt16: MemberID] = [:]

    init(group: GroupID, identity: ControllerIdentity) {
        self.group = group
        self.identity = identity
    }

    /// The channel of a member, made now if this is the first time.
    mutating func link(
        of record: MemberRecord, using random: inout some RandomNumberGenerator
    ) -> MemberLink? {
        guard let id = MemberID(record.id) else { return nil }
        if let entry = entries[id] { return entry.link }
        let old = record.pendingRefresh
        let parameters = LinkParameters(
            suite: record.suite, group: group, member: id, keyID: record.keyID, controller: identity.id,
            boot: identity.boot, generation: old?.generation ?? record.generation,
            relay: old?.relay ?? record.relay)
        guard let link = try? MemberLink(parameters, end: .controller, using: &random) else { return nil }
        if old != nil { try? link.stage(generation: record.generation, relay: record.relay) }
        entries[id] = Entry(link: link)
        if !record.suite.isHardened { classic[record.keyID] = id }
        return link
    }

    /// The member that a sealed datagram claims to be of.
    func claimed(_ header: Header, _ datagram: [UInt8]) -> MemberID? {
        guard header.suite.isHardened else { return classic[header.keyID] }
        guard case .member(let id)? = (try? UnverifiedMessage(datagram))?.envelope.sender else { return nil }
        return id
    }

    /// The channel of a member that has left or was evicted not long ago.
    func departure(of id: MemberID, now: ContinuousClock.Instant) -> (MemberLink, Departure)? {
        guard let departed = departed[id], departed.until > now else { return nil }
        return (departed.entry.link, departed.departure)
    }

    /// Where a member was heard last.
    func address(of id: MemberID) -> SocketEndpoint? { entries[id]?.address ?? departed[id]?.entry.address }

    /// A member has proven to be at an address.
    mutating func heard(_ id: MemberID, from address: SocketEndpoint) { entries[id]?.address = address }

    /// A member is gone; it can still be told so for a while.
    mutating func departed(_ id: MemberID, _ departure: Departure, now: ContinuousClock.Instant) {
        classic = classic.filter { $0.value != id }
        guard let entry = entries.removeValue(forKey: id) else { return }
        departed = departed.filter { $0.value.until > now }
        guard departed.count < Self.departedLimit else { return }
        departed[id] = Departed(entry: entry, departure: departure, until: now + Self.grace)
    }
}
