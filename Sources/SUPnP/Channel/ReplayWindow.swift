/// Which counters of one key have been accepted: the highest, and a bitmap of those below it (specification 3.6.3).
///
/// A counter is accepted once. One more than 1,024 below the highest is refused, whether it was seen or not. Nobody but
/// who has authenticated a message may record its counter: otherwise a forger could close the window.
/// The layout is that of RFC 6479: a ring of words one longer than the window, cleared word by word.
package struct ReplayWindow: Hashable, Sendable {
    /// How far below the highest accepted counter another is still accepted.
    package static let span: UInt64 = 1_024

    /// What the window says of a counter.
    package enum Verdict: Hashable, Sendable {
        /// It may be authenticated and then recorded.
        case fresh
        /// It was accepted before.
        case replayed
        /// It lies too far back to know, or below the floor.
        case tooOld
    }

    private static let words = 17
    private var ring = InlineRing()
    /// The highest counter that was recorded; nil before the first.
    package private(set) var highest: UInt64?
    /// Counters below this are refused as too old.
    package private(set) var floor: UInt64

    /// A window of a fresh key, or, with a floor, of one whose earlier messages are not remembered one by one: after
    /// a restart, of everything below the counters that were reserved (see `CounterReservation`).
    package init(floor: UInt64 = 0) {
        self.floor = floor
    }

    /// What is known of `counter`. It changes nothing.
    package func verdict(_ counter: UInt64) -> Verdict {
        guard counter >= floor else { return .tooOld }
        guard let highest, counter <= highest else { return .fresh }
        guard highest - counter <= Self.span else { return .tooOld }
        return ring[Self.slot(counter)] & Self.bit(counter) == 0 ? .fresh : .replayed
    }

    /// Records the counter of a message that has been authenticated, and says whether it was fresh.
    package mutating func record(_ counter: UInt64) -> Verdict {
        let verdict = verdict(counter)
        guard verdict == .fresh else { return verdict }
        if let highest, counter > highest {
            clear(after: highest >> 6, through: counter >> 6)
        }
        highest = max(highest ?? 0, counter)
        ring[Self.slot(counter)] |= Self.bit(counter)
        return .fresh
    }

    /// Refuses everything below `counter` from here on. A floor never sinks.
    package mutating func raiseFloor(to counter: UInt64) {
        floor = max(floor, counter)
    }

    private mutating func clear(after old: UInt64, through current: UInt64) {
        let count = min(current - old, UInt64(Self.words))
        for step in 0..<count { ring[Int((current - step) % UInt64(Self.words))] = 0 }
    }

    private static func slot(_ counter: UInt64) -> Int { Int((counter >> 6) % UInt64(words)) }
    private static func bit(_ counter: UInt64) -> UInt64 { 1 << (counter & 63) }

    /// Seventeen words that lie in the window itself, so that a channel costs no allocation more.
    private struct InlineRing: Hashable, Sendable {
        private var words: InlineArray<17, UInt64> = .init(repeating: 0)

        subscript(index: Int) -> UInt64 {
            get { words[index] }
            set { words[index] = newValue }
        }

        static func == (left: InlineRing, right: InlineRing) -> Bool {
            left.words.indices.allSatisfy { left.words[$0] == right.words[$0] }
        }

        func hash(into hasher: inout Hasher) {
            for index in words.indices { hasher.combine(words[index]) }
        }
    }
}
