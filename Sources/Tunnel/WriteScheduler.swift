internal import struct NIOCore.CircularBuffer

/// Chooses who of a connection's exchanges writes next: control before event before media, and in turn
/// within a class; media only as fast as the pace allows.
///
/// Pure: the driver says who has something to write (`ready`), asks whose turn it is (`next`), writes at
/// most that turn's bytes and says what became of it (`wrote`). Whoever cannot write, because its own
/// window is closed or it has nothing left, leaves and is `ready` again later.
package struct WriteScheduler<ID: Hashable & Sendable>: Sendable {
    /// How much one turn may write, by class, in bytes.
    package struct Quanta: Hashable, Sendable {
        package var control = 64 << 10
        package var event = 32 << 10
        package var media = 128 << 10
        package init() {}
    }

    /// Whose turn it is.
    package enum Turn: Hashable, Sendable {
        /// `id` may write so many bytes.
        case write(ID, bytes: Int)
        /// Only media waits, and its pace lets it write at this time.
        case wait(until: ContinuousClock.Instant)
        /// Nobody wants to write.
        case idle
    }

    private let quanta: Quanta
    private var queues = TrafficClass.allCases.map { _ in CircularBuffer<ID>(initialCapacity: 2) }
    private var classes: [ID: TrafficClass] = [:]
    private var pacer: Pacer?

    /// Makes a scheduler without a pace.
    package init(quanta: Quanta = Quanta()) {
        self.quanta = quanta
    }

    /// Nobody wants to write.
    package var isIdle: Bool { classes.isEmpty }

    /// Limits media to a rate; nil lifts the limit. Control and events are never held back.
    package mutating func setPace(bytesPerSecond: Int?, now: ContinuousClock.Instant) {
        pacer = bytesPerSecond.map { Pacer(bytesPerSecond: max($0, 1), burst: quanta.media, now: now) }
    }

    /// `id` has something to write and can. Does nothing if it waits already.
    package mutating func ready(_ id: ID, _ trafficClass: TrafficClass) {
        guard classes.updateValue(trafficClass, forKey: id) == nil else { return }
        queues[Self.index(trafficClass)].append(id)
    }

    /// `id` does not want to write any more.
    package mutating func remove(_ id: ID) {
        guard let trafficClass = classes.removeValue(forKey: id) else { return }
        queues[Self.index(trafficClass)].removeAll { $0 == id }
    }

    /// Whose turn it is. The chosen one has left the queue until `ready` is called again.
    package mutating func next(now: ContinuousClock.Instant) -> Turn {
        for trafficClass in TrafficClass.allCases {
            let index = Self.index(trafficClass)
            guard let id = queues[index].first else { continue }
            if trafficClass == .media, let until = pacer?.waits(now: now) { return .wait(until: until) }
            queues[index].removeFirst()
            classes[id] = nil
            return .write(id, bytes: quantum(trafficClass))
        }
        return .idle
    }

    /// So many bytes of that class were written.
    package mutating func wrote(_ bytes: Int, _ trafficClass: TrafficClass, now: ContinuousClock.Instant) {
        if trafficClass == .media { pacer?.spend(bytes, now: now) }
    }

    private func quantum(_ trafficClass: TrafficClass) -> Int {
        switch trafficClass {
        case .control: quanta.control
        case .event: quanta.event
        case .media: quanta.media
        }
    }

    private static func index(_ trafficClass: TrafficClass) -> Int {
        switch trafficClass {
        case .control: 0
        case .event: 1
        case .media: 2
        }
    }
}

/// A token bucket that may go into debt by one turn, so that a turn is never cut.
private struct Pacer: Hashable, Sendable {
    let bytesPerSecond: Int
    let burst: Int
    /// When the bucket was, or will be, empty.
    var emptyAt: ContinuousClock.Instant

    init(bytesPerSecond: Int, burst: Int, now: ContinuousClock.Instant) {
        self.bytesPerSecond = bytesPerSecond
        self.burst = burst
        self.emptyAt = now - Self.time(burst, bytesPerSecond)
    }

    func waits(now: ContinuousClock.Instant) -> ContinuousClock.Instant? { emptyAt > now ? emptyAt : nil }

    mutating func spend(_ bytes: Int, now: ContinuousClock.Instant) {
        emptyAt = max(emptyAt, now - Self.time(burst, bytesPerSecond)) + Self.time(bytes, bytesPerSecond)
    }

    private static func time(_ bytes: Int, _ bytesPerSecond: Int) -> Duration {
        .nanoseconds(Int64(Double(max(bytes, 0)) / Double(bytesPerSecond) * 1e9))
    }
}
