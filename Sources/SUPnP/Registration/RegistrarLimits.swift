/// What bounds the registrar's state and work (3.7.5).
package struct RegistrarLimits: Hashable, Sendable {
    /// Runs past the cookie that are not proven yet.
    package var openRuns = 1_024
    /// Classic challenges that are not answered yet. Apart from `openRuns`: whoever invents senders fills this.
    package var classicRuns = 256
    /// Runs whose arithmetic is under way or waits for it.
    package var workingRuns = 64
    /// Runs that begin in a second, all devices together: half a core at half a millisecond each.
    package var runsPerSecond = 1_000
    /// Runs whose last answer is kept to be repeated. Further ones are not repeated.
    package var repeatedAnswers = 16_384
    /// REG_REQUESTs of one source (IPv4 address, IPv6 /64) that are answered at once.
    package var sourceBurst = 5
    /// And in a second after that.
    package var sourceRate = 1.0
    /// REG_REQUESTs that are answered at once of all sources together that are not told apart.
    package var sharedSourceBurst = 256
    /// And in a second after that: a flood of invented senders has to be faster than this to be in a newcomer's way.
    package var sharedSourceRate = 256.0
    /// Runs of one device from one network (IPv4 /24, IPv6 /64) in a minute.
    package var deviceRunsPerMinute = 6
    /// The longest that a device is held down for a network after failures; the shortest is a second.
    package var longestHoldDown = Duration.seconds(300)
    /// Sources, and devices with networks, that are remembered; all others share an allowance.
    package var tableSize = 4_096
    /// How long an unproven run lives, and how long a finished one is repeated.
    package var runLifetime = Duration.seconds(10)

    /// The documented limits.
    package init() {}
}

/// An allowance for each of many: `capacity` at first, refilled at `rate` a second.
///
/// At most `limit` are told apart. Beyond that they share one allowance, so that a flood of invented senders costs no
/// memory. It is as large as one of them has, or as `shared` says.
struct RateTable<Key: Hashable & Sendable>: Sendable {
    private struct Bucket: Sendable {
        var tokens: Double
        var refilled: ContinuousClock.Instant
    }

    private let capacity: Double
    private let rate: Double
    private let limit: Int
    private let sharedCapacity: Double
    private let sharedRate: Double
    private var buckets: [Key: Bucket] = [:]
    private var shared: Bucket?
    private var swept: ContinuousClock.Instant?

    init(capacity: Int, rate: Double, limit: Int, shared: (capacity: Int, rate: Double)? = nil) {
        self.capacity = Double(capacity)
        self.rate = rate
        self.limit = limit
        sharedCapacity = Double(shared?.capacity ?? capacity)
        sharedRate = shared?.rate ?? rate
    }

    /// Takes one from the allowance of `key`, if there is one.
    mutating func take(_ key: Key, now: ContinuousClock.Instant) -> Bool {
        if buckets[key] == nil, buckets.count >= limit { sweep(now: now) }
        guard buckets[key] != nil || buckets.count < limit else {
            var bucket = shared ?? Bucket(tokens: sharedCapacity, refilled: now)
            defer { shared = bucket }
            return take(&bucket, capacity: sharedCapacity, rate: sharedRate, now: now)
        }
        var bucket = buckets[key] ?? Bucket(tokens: capacity, refilled: now)
        defer { buckets[key] = bucket }
        return take(&bucket, capacity: capacity, rate: rate, now: now)
    }

    private func take(
        _ bucket: inout Bucket, capacity: Double, rate: Double, now: ContinuousClock.Instant
    ) -> Bool {
        if now > bucket.refilled {
            bucket.tokens = min(capacity, bucket.tokens + (now - bucket.refilled) / .seconds(1) * rate)
            bucket.refilled = now
        }
        guard bucket.tokens >= 1 else { return false }
        bucket.tokens -= 1
        return true
    }

    /// Forgets those whose allowance is whole again; once a second at most, as it looks at all of them.
    private mutating func sweep(now: ContinuousClock.Instant) {
        if let swept, now < swept + .seconds(1) { return }
        swept = now
        let full = Duration.seconds(capacity / rate)
        buckets = buckets.filter { $0.value.refilled + full > now }
    }
}

/// A device from one network.
struct DeviceNetwork: Hashable, Sendable {
    let device: DeviceID
    let network: [UInt8]
}

/// How long a device is refused from a network after it has failed to prove itself there: 1, 2, 4 ... seconds. It is
/// for the pair, so that nobody locks a device out of its group from elsewhere.
struct HoldDowns: Sendable {
    private struct Entry: Sendable {
        var failures: Int
        var until: ContinuousClock.Instant
    }

    private let longest: Duration
    private let limit: Int
    private var entries: [DeviceNetwork: Entry] = [:]

    init(longest: Duration, limit: Int) {
        self.longest = longest
        self.limit = limit
    }

    func isHeld(_ key: DeviceNetwork, now: ContinuousClock.Instant) -> Bool {
        entries[key].map { now < $0.until } ?? false
    }

    mutating func failed(_ key: DeviceNetwork, now: ContinuousClock.Instant) {
        if entries[key] == nil, entries.count >= limit { makeRoom(now: now) }
        let failures = (entries[key]?.failures ?? 0) + 1
        let wait = min(longest, .seconds(1 << min(failures - 1, 16)))
        entries[key] = Entry(failures: failures, until: now + wait)
    }

    mutating func succeeded(_ key: DeviceNetwork) { entries[key] = nil }

    /// Forgets those that have been left in peace for as long as the longest wait, or else the one that ends first.
    private mutating func makeRoom(now: ContinuousClock.Instant) {
        entries = entries.filter { $0.value.until + longest > now }
        guard entries.count >= limit, let first = entries.min(by: { $0.value.until < $1.value.until }) else { return }
        entries[first.key] = nil
    }
}
