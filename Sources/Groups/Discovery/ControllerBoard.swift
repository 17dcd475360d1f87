import NIOUPnP
import NetworkTypes
import UPnP

/// What is known of the controllers on the links, bounded: whoever announces a thousand of them takes a few places,
/// and never the place of one that was useful. Pure.
struct ControllerBoard {
    /// The most announcements that are remembered.
    static let limit = 32
    /// The most of one host.
    static let limitPerHost = 4
    /// The most that are asked at one time.
    static let readers = 4
    /// Announcements count so long at most, whatever they say.
    static let longestAge = 1_800

    private enum Phase {
        case waiting(until: ContinuousClock.Instant, failures: Int)
        case reading(failures: Int)
        case known(FoundController)
    }

    private struct Entry {
        var phase: Phase
        var bootID: UInt32?
        var expires: ContinuousClock.Instant
        var number: Int
        /// Whether a registration with it has failed, and none has been successful since.
        var isDoubtful = false

        /// Whether another may have its place.
        var isReplaceable: Bool {
            switch phase {
            case .waiting(_, let failures): failures > 0
            case .reading: false
            case .known: isDoubtful
            }
        }
    }

    private var entries: [ControllerAdvert: Entry] = [:]
    private var nextNumber = 0

    /// The controllers, in the order in which they were found.
    var controllers: [FoundController] {
        entries.values.sorted { $0.number < $1.number }.compactMap {
            if case .known(let controller) = $0.phase { controller } else { nil }
        }
    }

    /// Takes what was heard. True when something changed.
    mutating func heard(_ observation: SSDPObservation, now: ContinuousClock.Instant) -> Bool {
        entries = entries.filter { $0.value.expires > now }
        if case .byebye(let byebye) = observation.message { return withdrawn(byebye, by: observation.source.address) }
        guard let advert = ControllerAdvert(observation) else { return false }
        let (age, boot): (Int, UInt32?) =
            switch observation.message {
            case .alive(let heard), .response(let heard): (heard.maxAge, heard.bootID)
            case .byebye, .update, .search: (0, nil)
            }
        let expires = now + .seconds(min(max(age, 60), Self.longestAge))
        if var entry = entries[advert] {
            entry.expires = expires
            // Another process may have other ports.
            if entry.bootID != boot {
                entry.bootID = boot
                if case .known = entry.phase { entry.phase = .waiting(until: now, failures: 0) }
            }
            entries[advert] = entry
            return true
        }
        guard entries.keys.count(where: { $0.host == advert.host }) < Self.limitPerHost else { return false }
        if entries.count >= Self.limit {
            guard let victim = entries.filter({ $0.value.isReplaceable }).min(by: { $0.value.number < $1.value.number })
            else { return false }
            entries[victim.key] = nil
        }
        nextNumber += 1
        entries[advert] = Entry(
            phase: .waiting(until: now, failures: 0), bootID: boot, expires: expires, number: nextNumber)
        return true
    }

    private mutating func withdrawn(_ byebye: SSDPByebye, by host: IPAddress) -> Bool {
        guard SearchTarget(byebye.target) == ControllerFinder.target else { return false }
        let gone = entries.keys.filter { $0.udn == byebye.usn.udn && $0.host == host }
        for advert in gone { entries[advert] = nil }
        return !gone.isEmpty
    }

    /// The announcements whose descriptions are to be read now; ``read(_:_:now:)`` is told of each.
    mutating func due(now: ContinuousClock.Instant) -> [ControllerAdvert] {
        var room = Self.readers
        var waiting: [(advert: ControllerAdvert, number: Int, failures: Int)] = []
        for (advert, entry) in entries {
            switch entry.phase {
            case .reading: room -= 1
            case .waiting(let until, let failures) where until <= now:
                waiting.append((advert, entry.number, failures))
            case .waiting, .known: continue
            }
        }
        // Those that have failed least are first, so that dead ones do not hold up a live one.
        let chosen = waiting.sorted { ($0.failures, $0.number) < ($1.failures, $1.number) }.prefix(max(room, 0))
        for (advert, _, failures) in chosen { entries[advert]?.phase = .reading(failures: failures) }
        return chosen.map(\.advert)
    }

    /// When ``due(now:)`` is worth a call; nil when nothing waits.
    var nextDeadline: ContinuousClock.Instant? {
        entries.values.compactMap { if case .waiting(let until, _) = $0.phase { until } else { nil } }.min()
    }

    /// A description was read, or was none.
    mutating func read(_ advert: ControllerAdvert, _ controller: FoundController?, now: ContinuousClock.Instant) {
        guard let entry = entries[advert], case .reading(let failures) = entry.phase else { return }
        let wait = Duration.seconds(1 << min(failures, 6))
        entries[advert]?.phase = controller.map { .known($0) } ?? .waiting(until: now + wait, failures: failures + 1)
    }

    /// A registration with a controller has ended.
    mutating func tried(_ keyManager: SocketEndpoint, successfully: Bool) {
        for (advert, entry) in entries {
            guard case .known(let controller) = entry.phase, controller.keyManager == keyManager else { continue }
            entries[advert]?.isDoubtful = !successfully
        }
    }
}
