import GroupKeys
import NetworkTypes

/// Measures the key tree: planning, staging, signing and merging a rekey, and what a member does with it.
///
/// Nothing is stored or sent. A group is full before each measured change, and is made full again after it.
package struct GroupBenchmark {
    /// What is measured.
    package struct Configuration: Sendable {
        /// Heights of the groups: 2^height members.
        package var heights = [10, 16, 20, 24]
        /// Sizes of the batches; one that is more than half of a group is left out there.
        package var batches = [256, 4_096, 65_536]
        /// How often a single change is measured; batches are measured a tenth as often, and at least three times.
        package var rounds = 200
        /// Seeds which members leave.
        package var seed: UInt64 = 1

        package init() {}
    }

    /// What the times are of.
    package static let timed =
        "leaves chosen, derivations, wraps, packets with one Ed25519 signature each, and the merge into the tree; "
        + "no storage, no network. EACH is the median divided by the events. MEMBER is decoding, one signature check and "
        + "the member's own derivations, the median over members that stay."

    private let configuration: Configuration
    private let clock = ContinuousClock()
    private let signer: RekeySigner
    private let group: GroupID
    private var random: SeededGenerator
    private var member: UInt32 = 0xFFFF

    package init(_ configuration: Configuration) {
        self.configuration = configuration
        random = SeededGenerator(seed: configuration.seed)
        signer = RekeySigner(generating: 1)
        group = GroupID(using: &random)
    }

    /// Measures everything; `progress` is told what comes next.
    package mutating func run(machine: String, progress: (String) -> Void) throws -> GroupBenchmarkReport {
        var report = GroupBenchmarkReport(
            machine: machine, timed: Self.timed, measurements: [], memory: [], cited: CitedFigure.all)
        for height in configuration.heights {
            progress("filling a group of 2^\(height) members …")
            var tree = try KeyTree(group: group, limits: KeyTreeLimits(height: height))
            let filling = try clock.measure { try fill(&tree, height: height) }
            let memory = tree.memory
            report.memory.append(
                GroupMemory(
                    members: 1 << height, secrets: memory.secrets, locked: memory.locked, counts: memory.counts,
                    fillSeconds: filling.microseconds / 1_000_000))
            for events in [1] + configuration.batches where events <= 1 << (height - 1) {
                progress("2^\(height) members, \(events) at once …")
                report.measurements += try measure(&tree, events: events)
            }
        }
        for height in configuration.heights where height <= 20 {
            progress("the paper's tree with 2^\(height) members …")
            report.measurements.append(try measureClassic(height: height))
        }
        return report
    }

    private mutating func fill(_ tree: inout KeyTree, height: Int) throws {
        var missing = 1 << height
        while missing > 0 {
            let count = min(missing, tree.limits.events)
            try tree.merge(tree.stage(tree.plan(KeyTreeBatch(joiners: joiners(count)), using: &random)))
            missing -= count
        }
    }

    /// Leaves and, to fill the tree again, joins.
    private mutating func measure(_ tree: inout KeyTree, events: Int) throws -> [GroupMeasurement] {
        let members = tree.memberCount
        let rounds = events == 1 ? configuration.rounds : max(3, min(10, configuration.rounds / 10))
        var leaves = Samples(operation: events == 1 ? "eviction" : "leaves", members: members, events: events)
        var joins = Samples(operation: events == 1 ? "join" : "joins", members: members - events, events: events)
        for _ in 0..<rounds {
            var chosen: Set<UInt32> = []
            while chosen.count < events { chosen.insert(UInt32(random.next() % UInt64(members))) }
            let removals = Array(chosen)
            try run(KeyTreeBatch(removals: removals), on: &tree, into: &leaves)
            try run(KeyTreeBatch(joiners: joiners(events)), on: &tree, into: &joins)
        }
        return [leaves.measurement(isLeave: true), joins.measurement(isLeave: false)]
    }

    private mutating func run(_ batch: KeyTreeBatch, on tree: inout KeyTree, into samples: inout Samples) throws {
        let followers = followers(in: tree, besides: Set(batch.removals))
        var system = SystemRandomNumberGenerator()
        let start = clock.now
        let staged = try tree.stage(tree.plan(batch, using: &system))
        let beforeSigning = clock.now
        let packets = try staged.packets(signer: signer)
        let afterSigning = clock.now
        try tree.merge(staged)
        let end = clock.now
        samples.add(
            staged, packets: packets, all: end - start, signing: afterSigning - beforeSigning)
        for follower in followers { try follow(staged, packets, follower, &samples) }
    }

    /// A few members as they are before a rekey.
    private mutating func followers(in tree: borrowing KeyTree, besides removed: Set<UInt32>) -> [MemberTree] {
        var found: [MemberTree] = []
        for _ in 0..<8 {
            let leaf = UInt32(random.next() % UInt64(1 << tree.height))
            guard !removed.contains(leaf), let path = tree.path(ofLeaf: leaf) else { continue }
            found.append(MemberTree(group: group, path: path))
        }
        return found
    }

    private func follow(
        _ staged: StagedRekey, _ packets: [[UInt8]], _ follower: MemberTree, _ samples: inout Samples
    ) throws {
        let leaf = follower.path.leaf
        guard let place = staged.coverage.firstIndex(where: { $0.node.covers(leaf: leaf) }) else {
            throw ProgramError.failure("no packet for the member on leaf \(leaf)")
        }
        var member = follower
        let key = signer.publicKey
        let start = clock.now
        let packet = try UnverifiedRekeyPacket(packets[place]).verified(for: group) { _ in key }
        let outcome = member.apply(packet)
        samples.memberTimes.append((clock.now - start).microseconds)
        guard outcome == .advanced, member.epochSecret == staged.epochSecret else {
            throw ProgramError.failure("the member on leaf \(leaf) did not follow: \(outcome)")
        }
    }

    private mutating func joiners(_ count: Int) -> [KeyTreeBatch.Joiner] {
        (0..<count).map { _ in
            member &+= 1
            return KeyTreeBatch.Joiner(member: member, secret: SecretBytes(count: 32, using: &random))
        }
    }

    /// One leave in the paper's tree; a join fills it again.
    private mutating func measureClassic(height: Int) throws -> GroupMeasurement {
        var tree = try ClassicKeyTree(filled: height, using: &random)
        var samples = Samples(operation: "paper's leave", members: 1 << height, events: 1)
        var system = SystemRandomNumberGenerator()
        for _ in 0..<max(3, configuration.rounds / 4) {
            let leaf = UInt32(random.next() % UInt64(1 << height))
            let start = clock.now
            let staged = try tree.stage(.leave, leaf: leaf, using: &system)
            try tree.merge(staged)
            samples.add(staged, all: clock.now - start)
            try tree.merge(tree.stage(.join, leaf: leaf, using: &system))
        }
        return samples.measurement(isLeave: true)
    }
}

/// What the rounds of one operation gave.
private struct Samples {
    let operation: String
    let members: Int
    let events: Int
    var memberTimes: [Double] = []
    private var times: [Double] = []
    private var unsigned: [Double] = []
    private var bytes = 0
    private var packets = 0
    private var records = 0
    private var derivations = 0

    init(operation: String, members: Int, events: Int) {
        self.operation = operation
        self.members = members
        self.events = events
    }

    mutating func add(_ staged: StagedRekey, packets made: [[UInt8]], all: Duration, signing: Duration) {
        times.append(all.microseconds)
        unsigned.append((all - signing).microseconds)
        bytes += made.reduce(0) { $0 + $1.count }
        packets += made.count
        records += staged.recordCount
        derivations += staged.derivations
    }

    mutating func add(_ staged: StagedClassicRekey, all: Duration) {
        times.append(all.microseconds)
        unsigned.append(all.microseconds)
        // The base header stands in front of the body.
        bytes += staged.body.count + 12
        packets += 1
        records += staged.wrappedKeys
    }

    func measurement(isLeave: Bool) -> GroupMeasurement {
        let rounds = times.count
        func mean(_ sum: Int) -> Double { Double(sum) / Double(max(1, rounds)) }
        return GroupMeasurement(
            operation: operation, members: members, events: events, rounds: rounds, microseconds: times.median,
            fastest: times.min() ?? 0, unsigned: unsigned.median, bytes: Int(mean(bytes)), packets: mean(packets),
            records: mean(records), derivations: mean(derivations),
            memberMicroseconds: memberTimes.isEmpty ? nil : memberTimes.median,
            plainBinary: isLeave ? PlainHierarchy.encryptions(members: members, leaves: events, degree: 2) : nil,
            plainQuaternary: isLeave ? PlainHierarchy.encryptions(members: members, leaves: events, degree: 4) : nil)
    }
}

extension [Double] {
    /// The middle one, 0 for none.
    fileprivate var median: Double { isEmpty ? 0 : sorted()[count / 2] }
}

extension Duration {
    /// In microseconds.
    fileprivate var microseconds: Double {
        Double(components.seconds) * 1_000_000 + Double(components.attoseconds) / 1_000_000_000_000
    }
}
