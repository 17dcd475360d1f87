internal import NetworkTypes

/// How many answers may go to one address, and to all: an SSDP responder must not multiply traffic toward
/// whoever a forged search names (upnp.md §4.2 rule 8).
struct AnswerLimiter: Sendable {
    private let configuration: AdvertiserConfiguration
    private var sources: [IPAddress: TokenBucket] = [:]
    private var global: TokenBucket?

    init(_ configuration: AdvertiserConfiguration) {
        self.configuration = configuration
    }

    mutating func allowsAnswer(to source: IPAddress, now: ContinuousClock.Instant) -> Bool {
        var own: TokenBucket
        if let known = sources[source] {
            own = known
        } else {
            if sources.count >= configuration.maximumSources { forgetIdle(now: now) }
            guard sources.count < configuration.maximumSources else { return false }
            own = TokenBucket(capacity: configuration.sourceBurst, rate: configuration.sourceRate, now: now)
        }
        let isAllowed = own.take(now: now)
        sources[source] = own
        guard isAllowed else { return false }
        var all =
            global ?? TokenBucket(capacity: configuration.globalBurst, rate: configuration.globalRate, now: now)
        defer { global = all }
        return all.take(now: now)
    }

    private mutating func forgetIdle(now: ContinuousClock.Instant) {
        for address in Array(sources.keys) where sources[address]?.isFull(now: now) == true {
            sources[address] = nil
        }
    }
}
