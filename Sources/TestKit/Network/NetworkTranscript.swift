/// What a simulated network did: a count of each fate, a digest of everything in order, and the lines if wanted.
package struct NetworkTranscript: Sendable {
    /// What became of one copy of a datagram.
    package enum Fate: String, Sendable {
        /// It arrived.
        case delivered
        /// It was lost by chance.
        case lost
        /// One of its bits was flipped; it goes on.
        case corrupted
        /// A partition or a missing receiver ended it.
        case cut
    }

    /// How often each fate came.
    package private(set) var counts: [Fate: Int] = [:]
    /// The lines, oldest first; empty unless they are kept.
    package private(set) var lines: [String] = []
    /// A digest over all lines in order (FNV-1a, 64 bits): two equal runs have the same.
    package private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    private let start: ContinuousClock.Instant
    private let keepsEntries: Bool

    init(start: ContinuousClock.Instant, keepsEntries: Bool) {
        self.start = start
        self.keepsEntries = keepsEntries
    }

    mutating func record(_ fate: Fate, _ delivery: DatagramNetwork.Delivery, at instant: ContinuousClock.Instant) {
        counts[fate, default: 0] += 1
        let elapsed = (instant - start).components
        mix(UInt64(bitPattern: elapsed.seconds) &* 1_000_000_000 &+ UInt64(elapsed.attoseconds / 1_000_000_000))
        for byte in fate.rawValue.utf8 { mix(byte) }
        for byte in delivery.bytes { mix(byte) }
        for byte in "\(delivery.source)\(delivery.destination)".utf8 { mix(byte) }
        if keepsEntries {
            let microseconds = elapsed.seconds * 1_000_000 + elapsed.attoseconds / 1_000_000_000_000
            lines.append(
                "\(microseconds) µs \(delivery.source) > \(delivery.destination) \(delivery.bytes.count) B "
                    + fate.rawValue)
        }
    }

    private mutating func mix(_ byte: UInt8) { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }

    private mutating func mix(_ word: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { mix(UInt8(truncatingIfNeeded: word >> shift)) }
    }
}
