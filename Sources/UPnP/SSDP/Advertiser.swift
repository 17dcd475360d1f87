public import NetworkTypes

/// The announcing side of SSDP on one interface (UDA 2.0 §1.2, §1.3.3).
///
/// An engine: every method takes the time, ``tick(now:using:)`` returns what is due, ``nextWake`` says when to
/// call it again. Each root device passes through
///
///     add ──0…100 ms──▶ set ──300 ms──▶ set ──300 ms──▶ set ──¼…½ max-age──▶ set ──▶ …
///     remove ──▶ byebyes, or silence
///
/// What it does not do: check that an asker is on-link, which is what `accepts` is for, and open sockets.
public struct Advertiser: Sendable {
    /// Timing and limits.
    public let configuration: AdvertiserConfiguration
    /// Written as SEARCHPORT where an advertisement names none.
    public var searchPort: UInt16? {
        didSet {
            guard searchPort != oldValue else { return }
            devices = devices.map { $0.with(searchPort: searchPort) }
        }
    }
    /// The time in the form of RFC 9110 §5.6.7, written as DATE of answers; the driver sets it, because the
    /// engine knows no calendar. nil: answers have no DATE, which UDA 2.0 §1.3.3 only recommends.
    public var date: String?
    /// How many messages of announcement sets were handed out.
    public private(set) var announcementsSent = 0
    /// How many answers were handed out.
    public private(set) var answersSent = 0
    /// How many answers the limits cut off.
    public private(set) var answersLimited = 0

    private var devices: [AnsweredDevice] = []
    private var nextID: UInt64 = 1
    /// nil: to be made when it is needed next.
    private var index: SearchIndex?
    /// When the next set of any device is due.
    private var soonestSet: ContinuousClock.Instant?
    private var farewells: [Farewell] = []
    private var immediate: [Transmission] = []
    private var immediateSince: ContinuousClock.Instant?
    private var answers: PendingAnswers
    private var limiter: AnswerLimiter
    private var streams: TokenBucket?

    /// Makes an advertiser that has nothing to say yet.
    public init(configuration: AdvertiserConfiguration = .init()) {
        self.configuration = configuration
        self.answers = PendingAnswers(limit: configuration.pendingAnswers)
        self.limiter = AnswerLimiter(configuration)
    }

    /// The UDNs of the root devices that are advertised.
    public var udns: [String] { devices.map(\.advertisement.root.udn) }

    /// What is advertised under a root device's UDN.
    public func advertisement(udn: String) -> Advertisement? {
        position(udn).map { devices[$0].advertisement }
    }

    /// When ``tick(now:using:)`` has something to do; nil when never.
    public var nextWake: ContinuousClock.Instant? {
        var wake = [immediateSince, answers.nextDue].compactMap { $0 }.min()
        if let soonestSet { wake = min(wake ?? soonestSet, soonestSet) }
        for farewell in farewells { wake = min(wake ?? farewell.next, farewell.next) }
        return wake
    }

    /// Starts announcing a device, or replaces what is announced under its UDN as ``update(_:now:using:)`` does.
    ///
    /// - Parameter byebyeFirst: Whether byebyes precede the first set; nil: as the configuration says. Pass
    ///   false on a link that a running device joins, because who hears it on other links too would believe them.
    /// - Returns: false when ``AdvertiserConfiguration/maximumDevices`` are advertised already.
    @discardableResult
    public mutating func add(
        _ advertisement: Advertisement, byebyeFirst: Bool? = nil, now: ContinuousClock.Instant,
        using rng: inout some RandomNumberGenerator
    ) -> Bool {
        guard position(advertisement.root.udn) == nil else {
            update(advertisement, now: now, using: &rng)
            return true
        }
        guard devices.count < configuration.maximumDevices else { return false }
        farewells.removeAll { $0.udn == advertisement.root.udn }
        let device = device(advertisement, now: now, using: &rng)
        // A run that ended without a byebye may still be believed (UDA 2.0 §1.2.2, good practice).
        if byebyeFirst ?? configuration.byebyeFirst { queue(device.byebyes(host: configuration.host), now: now) }
        devices.append(device)
        devicesChanged()
        return true
    }

    /// Replaces what is announced under the root device's UDN; adds it when it is unknown.
    ///
    /// A larger BOOTID is announced by `ssdp:update` (UDA 2.0 §1.2.4): where a device joins another link, update
    /// it with the next BOOTID on the links that it is on, then add it with that BOOTID on the new one. Other
    /// types or another CONFIGID mean another description: the old set says byebye and the new one is
    /// announced, so that it is read again.
    public mutating func update(
        _ advertisement: Advertisement, now: ContinuousClock.Instant, using rng: inout some RandomNumberGenerator
    ) {
        guard let position = position(advertisement.root.udn) else {
            add(advertisement, now: now, using: &rng)
            return
        }
        let old = devices[position]
        guard old.advertisement != advertisement else { return }
        if old.advertisement.root != advertisement.root || old.advertisement.configID != advertisement.configID {
            queue(old.byebyes(host: configuration.host), now: now)
            answers.removeAll(device: old.id)
            devices[position] = device(advertisement, now: now, using: &rng)
        } else {
            if advertisement.bootID > old.advertisement.bootID {
                queue(old.updates(to: advertisement, host: configuration.host), now: now)
            }
            // The targets are the same, and so is what waits to be answered.
            devices[position] = device(advertisement, id: old.id, now: now, using: &rng)
        }
        devicesChanged()
    }

    /// Stops announcing a root device. With `announceByebye` its byebyes go out with the next tick and once
    /// more a little later; without, it falls silent, as a mirror must when the device itself is on the link.
    public mutating func remove(udn: String, announceByebye: Bool, now: ContinuousClock.Instant) {
        guard let position = position(udn) else { return }
        let device = devices.remove(at: position)
        devicesChanged()
        answers.removeAll(device: device.id)
        guard announceByebye else { return }
        let datagrams = device.byebyes(host: configuration.host)
        queue(datagrams, now: now)
        guard configuration.byebyeRepetitions > 1 else { return }
        if farewells.count >= configuration.maximumDevices { farewells.removeFirst() }
        farewells.append(
            Farewell(
                udn: udn, datagrams: datagrams, next: now + configuration.repetitionInterval,
                remaining: configuration.byebyeRepetitions - 1
            )
        )
    }

    /// Stops announcing every device, as ``remove(udn:announceByebye:now:)`` does.
    public mutating func removeAll(announceByebye: Bool, now: ContinuousClock.Instant) {
        for udn in udns { remove(udn: udn, announceByebye: announceByebye, now: now) }
    }

    /// Queues byebyes of all devices without removing them: for the moment before a change of scope.
    public mutating func sayByebye(now: ContinuousClock.Instant) {
        for device in devices { queue(device.byebyes(host: configuration.host), now: now) }
    }

    /// Announces every device from the start: after a new address, or a change of scope (UDA 2.0 §1.2.2).
    public mutating func reannounce(now: ContinuousClock.Instant, using rng: inout some RandomNumberGenerator) {
        for position in devices.indices {
            devices[position].nextSet = now + rng.duration(upTo: configuration.initialDelay)
            devices[position].remaining = configuration.repetitionsAllowed
        }
        findSoonestSet()
    }

    /// A search was heard. Answers wait a random time, each its own, within MX (at most
    /// ``AdvertiserConfiguration/longestWait``), UDA 2.0 §1.3.3; with TCPPORT they go together and at once, where
    /// ``AdvertiserConfiguration/answersOverTCP`` allows it.
    @discardableResult
    public mutating func handle(
        _ search: SSDPSearch, from source: SocketEndpoint, wasMulticast: Bool,
        accepts: (SocketEndpoint) -> Bool = { _ in true }, now: ContinuousClock.Instant,
        using rng: inout some RandomNumberGenerator
    ) -> SearchOutcome {
        guard source.port != 0, source.address.isUnicastHost || source.address.isLoopback else { return .malformed }
        var spread = configuration.unicastDelay
        if wasMulticast {
            guard let wait = search.maximumWait else { return .malformed }
            if wait > 0 { spread = .seconds(min(wait, configuration.longestWait)) }
        }
        guard accepts(source) else { return .notAccepted }
        let stream = answersOverTCP(search, to: source, now: now)
        var batch = AnswerBatch(limit: configuration.answerBytesPerSearch, stream: stream)
        var isLimited = false
        searchIndex().forEachMatch(search.target) { match in
            let answer = PendingAnswers.Answer(
                device: devices[match.device].id, answer: match.answer, destination: source)
            if stream == nil, answers.contains(answer) { return true }
            let datagram = devices[match.device].datagram(match.answer, date: date)
            guard stream != nil || !answers.isFull, limiter.allowsAnswer(to: source.address, now: now),
                batch.add(datagram)
            else {
                isLimited = true
                return false
            }
            if stream == nil { answers.insert(answer, due: now + rng.duration(upTo: spread)) }
            return true
        }
        if let transmission = batch.transmission {
            immediate.append(transmission)
            immediateSince = immediateSince ?? now
            answersSent += batch.count
        }
        guard isLimited else { return .scheduled(batch.count) }
        answersLimited += 1
        return .limited(batch.count)
    }

    /// What is due at `now`.
    public mutating func tick(
        now: ContinuousClock.Instant, using rng: inout some RandomNumberGenerator
    ) -> [Transmission] {
        var due = immediate
        immediate.removeAll()
        immediateSince = nil
        for index in farewells.indices where farewells[index].next <= now {
            due += farewells[index].datagrams.map(Transmission.multicast)
            farewells[index].next = now + configuration.repetitionInterval
            farewells[index].remaining -= 1
        }
        farewells.removeAll { $0.remaining <= 0 }
        while let answer = answers.popDue(now: now + configuration.answerCoalescing) {
            guard let position = searchIndex().device(answer.device) else { continue }
            due.append(.unicast(devices[position].datagram(answer.answer, date: date), to: answer.destination))
            answersSent += 1
        }
        if let soonestSet, soonestSet <= now { due += dueSets(now: now, using: &rng) }
        return due
    }

    private mutating func dueSets(
        now: ContinuousClock.Instant, using rng: inout some RandomNumberGenerator
    ) -> [Transmission] {
        var due: [Transmission] = []
        for position in devices.indices where devices[position].nextSet <= now {
            due += devices[position].alives(host: configuration.host).map(Transmission.multicast)
            announcementsSent += devices[position].targets.count
            devices[position].remaining -= 1
            if devices[position].remaining > 0 {
                devices[position].nextSet = now + configuration.repetitionInterval
            } else {
                // UDA 2.0 §1.2.2: refreshed at a random time, in less than half of max-age.
                let quarter = Duration.seconds(max(1, devices[position].advertisement.maxAge)) / 4
                devices[position].nextSet = now + quarter + rng.duration(upTo: quarter)
                devices[position].remaining = 1
            }
        }
        findSoonestSet()
        return due
    }

    private mutating func findSoonestSet() {
        soonestSet = devices.indices.map { devices[$0].nextSet }.min()
    }

    private mutating func devicesChanged() {
        index = nil
        findSoonestSet()
    }

    private func position(_ udn: String) -> Int? {
        devices.firstIndex { $0.advertisement.root.udn == udn }
    }

    private mutating func device(
        _ advertisement: Advertisement, id: UInt64? = nil, now: ContinuousClock.Instant,
        using rng: inout some RandomNumberGenerator
    ) -> AnsweredDevice {
        if id == nil { nextID += 1 }
        return AnsweredDevice(
            id: id ?? nextID, advertisement: advertisement, searchPort: searchPort,
            limit: configuration.maximumTargets, nextSet: now + rng.duration(upTo: configuration.initialDelay),
            repetitions: configuration.repetitionsAllowed
        )
    }

    private mutating func searchIndex() -> SearchIndex {
        if let index { return index }
        let made = SearchIndex(devices)
        index = made
        return made
    }

    /// Where answers go over TCP: to the asker's own address and nowhere else.
    private mutating func answersOverTCP(
        _ search: SSDPSearch, to source: SocketEndpoint, now: ContinuousClock.Instant
    ) -> SocketEndpoint? {
        guard configuration.answersOverTCP, let port = search.tcpPort else { return nil }
        var bucket =
            streams
            ?? TokenBucket(capacity: configuration.streamBurst, rate: configuration.streamRate, now: now)
        defer { streams = bucket }
        // Beyond the rate they go as datagrams, as if the asker had no such port.
        guard bucket.take(now: now) else { return nil }
        return SocketEndpoint(source.address, port: port, zone: source.zone)
    }

    private mutating func queue(_ datagrams: [[UInt8]], now: ContinuousClock.Instant) {
        immediate += datagrams.map(Transmission.multicast)
        immediateSince = immediateSince ?? now
    }
}
