/// How often each rekey packet is sent: once in a calm group, up to four times in one that loses much (3.9.6).
struct RekeyRepetition: Sendable {
    /// The epochs with few losses after which one copy less is sent.
    static let calmEpochs = 16

    private let maximum: Int
    private var isRaised = false
    private var members = 0
    private var missing: Set<UInt32> = []
    private var calm = 0
    /// How many copies of each packet are sent.
    private(set) var copies = 1

    init(maximum: Int) { self.maximum = maximum }

    /// An epoch begins with so many members: the one before is judged.
    mutating func epochBegan(members: Int) {
        if self.members > 0 {
            calm = missing.count * 1_000 < self.members ? calm + 1 : 0
            if calm >= Self.calmEpochs {
                copies = max(1, copies - 1)
                calm = 0
            }
        }
        self.members = members
        missing = []
        isRaised = false
    }

    /// A member lacks the epoch. The number of copies rises as soon as it is known that it has to.
    mutating func missed(by member: UInt32) {
        missing.insert(member)
        guard !isRaised, missing.count * 100 > members else { return }
        isRaised = true
        copies = min(maximum, copies + 1)
    }
}

/// The copies of the last rekey's packets that are still to be sent.
struct RekeyResends: Sendable {
    private let gap: Duration
    private var packets: [[UInt8]] = []
    private var left = 0
    private(set) var nextAt: ContinuousClock.Instant?

    init(gap: Duration) { self.gap = gap }

    /// Takes packets that have just been sent once, to be sent `copies` times in all. Older ones are given up: whoever
    /// lacked one needs a resync anyway.
    mutating func sent(_ packets: [[UInt8]], copies: Int, now: ContinuousClock.Instant) {
        self.packets = packets
        left = copies - 1
        nextAt = left > 0 && !packets.isEmpty ? now + gap : nil
    }

    /// The packets whose time has come.
    mutating func due(now: ContinuousClock.Instant) -> [[UInt8]] {
        guard let at = nextAt, at <= now else { return [] }
        left -= 1
        nextAt = left > 0 ? now + gap : nil
        defer { if left == 0 { packets = [] } }
        return packets
    }
}
