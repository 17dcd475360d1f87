package import NetworkTypes

/// Counts what each source has open and how fast it comes. An IPv6 source is its /64, since that is what one host gets.
package struct SourceTable: Sendable {
    private struct Source {
        var open = 0
        var arrivals = RateLimit()
    }

    private let most: Int
    private let mostOpen: Int
    private let rate: RateLimit.Rate
    private var sources: [IPAddress: Source] = [:]

    /// Makes a table.
    /// - Parameters:
    ///   - most: how many sources are told apart; a newcomer is refused while so many are at work.
    ///   - mostOpen: how much one may have open.
    ///   - rate: how fast one may come.
    package init(most: Int, mostOpen: Int, rate: RateLimit.Rate) {
        self.most = most
        self.mostOpen = mostOpen
        self.rate = rate
    }

    /// How many sources are known.
    package var count: Int { sources.count }

    /// Takes one more of a source; false, and nothing is counted, when that is too many or too fast.
    package mutating func enter(_ address: IPAddress, now: ContinuousClock.Instant) -> Bool {
        let key = address.source
        if sources[key] == nil, sources.count >= most { sweep(now: now) }
        guard sources[key] != nil || sources.count < most else { return false }
        var source = sources[key] ?? Source()
        guard source.open < mostOpen, source.arrivals.admits(rate, now: now) else { return false }
        source.open += 1
        sources[key] = source
        return true
    }

    /// One of a source has ended.
    package mutating func leave(_ address: IPAddress) {
        let key = address.source
        guard let open = sources[key]?.open, open > 0 else { return }
        sources[key]?.open = open - 1
    }

    /// Forgets sources that have nothing open and may come as fast as anybody.
    package mutating func sweep(now: ContinuousClock.Instant) {
        sources = sources.filter { $0.value.open > 0 || !$0.value.arrivals.isRested(now: now) }
    }
}
