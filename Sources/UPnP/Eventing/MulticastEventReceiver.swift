public import NetworkTypes

/// The receiving side of multicast events: drops copies, tells what was missed, bounds what a sender can cost
/// (UDA 2.0 §4.3.3).
public struct MulticastEventReceiver: Sendable {
    /// An event that has not been heard before.
    public struct Received: Hashable, Sendable {
        /// The event.
        public var event: MulticastEvent
        /// How many events of the service were missed just before this one.
        public var missed: Int
        /// Whether a later event of the service was heard already: values of the same variables are old.
        public var isLate: Bool
    }

    private struct Key: Hashable {
        var udn: String
        var serviceID: String
        var source: IPAddress
    }

    private struct Track {
        var bootID: UInt32
        var newest: UInt32
        /// Bit n: the event n before the newest was heard.
        var heard: UInt64 = 1
        var at: ContinuousClock.Instant
    }

    /// How many services of how many senders are kept in mind; the one not heard for the longest is forgotten.
    private let limit: Int
    private var tracks: [Key: Track] = [:]

    /// Makes a receiver.
    public init(services: Int = 256) { limit = max(1, services) }

    /// Takes an event; nil for a copy of one that was heard before.
    public mutating func handle(
        _ event: MulticastEvent, from source: IPAddress, now: ContinuousClock.Instant
    ) -> Received? {
        let key = Key(udn: event.udn, serviceID: event.serviceID, source: source)
        guard var track = tracks[key], track.bootID == event.bootID else {
            // A boot number that is lower belongs to what was on its way before the device started anew.
            if let track = tracks[key], event.bootID < track.bootID, now - track.at < .seconds(60) { return nil }
            makeRoom(for: key)
            tracks[key] = Track(bootID: event.bootID, newest: event.sequence, at: now)
            return Received(event: event, missed: 0, isLate: false)
        }
        track.at = now
        defer { tracks[key] = track }
        let ahead = Self.distance(from: track.newest, to: event.sequence)
        if ahead > 0 {
            track.heard = ahead < 64 ? track.heard << UInt64(ahead) | 1 : 1
            track.newest = event.sequence
            return Received(event: event, missed: Int(min(ahead - 1, 1 << 20)), isLate: false)
        }
        let behind = -ahead
        guard behind < 64 else { return nil }
        let bit = UInt64(1) << UInt64(behind)
        guard track.heard & bit == 0 else { return nil }
        track.heard |= bit
        return Received(event: event, missed: 0, isLate: true)
    }

    private mutating func makeRoom(for key: Key) {
        guard tracks[key] == nil, tracks.count >= limit,
            let oldest = tracks.min(by: { $0.value.at < $1.value.at })?.key
        else { return }
        tracks[oldest] = nil
    }

    /// How many numbers lie between two, by the shorter way round; after 4294967295 comes 1.
    private static func distance(from old: UInt32, to new: UInt32) -> Int64 {
        let circle = Int64(UInt32.max)
        var distance = Int64(new) - Int64(old)
        if distance > circle / 2 { distance -= circle }
        if distance < -circle / 2 { distance += circle }
        return distance
    }
}
