import GroupKeys

/// The last rekey's packets on their way: copies, the packets that members lack, and who is served alone.
struct RekeyDelivery: Sendable {
    private let limits: KeyManagerLimits
    private var resends: RekeyResends
    private var repetition: RekeyRepetition
    private var gate: ResyncGate
    private var packets: [[UInt8]] = []
    private var coverage: [(node: TreeNode, members: Int)] = []

    init(limits: KeyManagerLimits, now: ContinuousClock.Instant) {
        self.limits = limits
        resends = RekeyResends(gap: limits.repetitionGap)
        repetition = RekeyRepetition(maximum: limits.maximumRepetition)
        gate = ResyncGate(limits: limits, now: now)
    }

    /// An epoch begins: its packets go out now, and as often again as the group's losses ask for.
    mutating func began(
        _ packets: [[UInt8]], coverage: [(node: TreeNode, members: Int)], members: Int, now: ContinuousClock.Instant
    ) {
        self.packets = packets
        self.coverage = coverage
        repetition.epochBegan(members: members)
        gate.epochBegan()
        resends.sent(packets, copies: repetition.copies, now: now)
    }

    /// How often what members lack is sent: as often as the packets.
    var copies: Int { repetition.copies }

    /// When copies are due.
    var nextAt: ContinuousClock.Instant? { resends.nextAt }

    /// The copies that are due.
    mutating func due(now: ContinuousClock.Instant) -> [[UInt8]] { resends.due(now: now) }

    /// What is done for a member that lacks an epoch. `isOneBehind` says that the last packets would help it.
    mutating func missed(
        by member: UInt32, leaf: UInt32, isOneBehind: Bool, now: ContinuousClock.Instant
    ) -> ResyncGate.Verdict {
        repetition.missed(by: member)
        let index = isOneBehind ? coverage.firstIndex { $0.node.covers(leaf: leaf) } : nil
        let packet = index.map { (index: $0, members: coverage[$0].members) }
        return gate.verdict(for: member, packet: packet, copies: copies, now: now)
    }

    /// Whether a classic member is served now: no packet of the hardened tree helps it, nor do its losses count there.
    mutating func servesAlone(_ member: UInt32, now: ContinuousClock.Instant) -> Bool {
        gate.verdict(for: member, packet: nil, now: now) == .unicast
    }

    /// A packet of the last rekey.
    func packet(_ index: Int) -> [UInt8]? { packets.indices.contains(index) ? packets[index] : nil }
}
