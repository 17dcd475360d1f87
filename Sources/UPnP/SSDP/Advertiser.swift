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
    /// Something to send.
    public enum Transmission: Hashable, Sendable {
        /// To the group.
        case multicast([UInt8])
        /// To who asked.
        case unicast([UInt8], to: SocketEndpoint)
        /// To who asked for it, over a TCP connection that is opened for it and then closed (UDA 2.0 §1.3.3,
        /// TCPPORT): answers one after another. The driver bounds how many connections it opens, and for how
        /// long; when one cannot be opened nothing is sent.
        case stream([UInt8], to: SocketEndpoint)
    }

    /// What became of a search.
    public enum SearchOutcome: Hashable, Sendable {
        /// So many answers wait for their time; 0 when nothing matches or all are waiting already.
        case scheduled(Int)
        /// A multicast search without MX, or an asker that no answer can go to.
        case malformed
        /// `accepts` said no.
        case notAccepted
        /// The rate or the queue's limit cut answers off; so many were scheduled.
        case limited(Int)
    }

    private struct Entry: Sendable {
        var advertisement: Advertisement
        var targets: [AdvertisedTarget]
        var nextSet: ContinuousClock.Instant
        var remaining: Int
        /// Answers as they were last written: most are asked for again and again.
        var written: [(target: AdvertisedTarget, datagram: [UInt8])] = []
    }

    /// How many written answers of a device are kept.
    private static let writtenAnswers = 16

    private struct Farewell: Sendable {
        var udn: String
        var datagrams: [[UInt8]]
        var next: ContinuousClock.Instant
        var remaining: Int
    }

    /// Timing and limits.
    public let configuration: AdvertiserConfiguration
    /// Written as SEARCHPORT where an advertisement names none.
    public var searchPort: UInt16? { didSet { if searchPort != oldValue { forgetWritten() } } }
    /// The time in the form of RFC 9110 §5.6.7, written as DATE of answers; the driver sets it, because the
    /// engine knows no calendar. nil: answers have no DATE, which UDA 2.0 §1.3.3 only recommends.
    public var date: String? { didSet { if date != oldValue { forgetWritten() } } }
    /// How many messages of announcement sets were handed out.
    public private(set) var announcementsSent = 0
    /// How many answers were handed out.
    public private(set) var answersSent = 0
    /// How many answers the limits cut off.
    public private(set) var answersLimited = 0

    private var entries: [Entry] = []
    private var farewells: [Farewell] = []
    private var immediate: [Transmission] = []
    private var immediateSince: ContinuousClock.Instant?
    private var answers: PendingAnswers
    private var limiter: AnswerLimiter

    /// Makes an advertiser that has nothing to say yet.
    public init(configuration: AdvertiserConfiguration = .init()) {
        self.configuration = configuration
        self.answers = PendingAnswers(limit: configuration.pendingAnswers)
        self.limiter = AnswerLimiter(configuration)
    }

    /// The UDNs of the root devices that are advertised.
    public var udns: [String] { entries.map(\.advertisement.root.udn) }

    /// What is advertised under a root device's UDN.
    public func advertisement(udn: String) -> Advertisement? {
        index(udn).map { entries[$0].advertisement }
    }

    /// When ``tick(now:using:)`` has something to do; nil when never.
    public var nextWake: ContinuousClock.Instant? {
        [immediateSince, answers.nextDue, entries.map(\.nextSet).min(), farewells.map(\.next).min()]
            .compactMap { $0 }.min()
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
        guard index(advertisement.root.udn) == nil else {
            update(advertisement, now: now, using: &rng)
            return true
        }
        guard entries.count < configuration.maximumDevices else { return false }
        farewells.removeAll { $0.udn == advertisement.root.udn }
        let entry = Entry(
            advertisement: advertisement, targets: targets(of: advertisement.root),
            nextSet: now + rng.duration(upTo: configuration.initialDelay), remaining: max(1, configuration.repetitions)
        )
        // A run that ended without a byebye may still be believed (UDA 2.0 §1.2.2, good practice).
        if byebyeFirst ?? configuration.byebyeFirst { queue(byebyes(of: entry), now: now) }
        entries.append(entry)
        return true
    }

    /// Replaces what is announced under the root device's UDN; adds it when it is unknown.
    ///
    /// A larger BOOTID is announced by `ssdp:update` (UDA 2.0 §1.2.4). Other types or another CONFIGID mean
    /// another description: the old set says byebye and the new one is announced, so that it is read again.
    public mutating func update(
        _ advertisement: Advertisement, now: ContinuousClock.Instant, using rng: inout some RandomNumberGenerator
    ) {
        guard let index = index(advertisement.root.udn) else {
            add(advertisement, now: now, using: &rng)
            return
        }
        let old = entries[index]
        guard old.advertisement != advertisement else { return }
        let bootID = old.advertisement.bootID
        if old.advertisement.root != advertisement.root || old.advertisement.configID != advertisement.configID {
            queue(byebyes(of: old), now: now)
            answers.removeAll(root: advertisement.root.udn)
        } else if advertisement.bootID > bootID {
            queue(
                old.targets.map { target in
                    serialize(
                        .update(
                            SSDPUpdate(
                                target: target.notificationType, usn: target.usn, location: advertisement.location,
                                bootID: bootID, nextBootID: advertisement.bootID, configID: advertisement.configID,
                                searchPort: advertisement.searchPort ?? searchPort,
                                secureLocation: advertisement.secureLocation,
                                networkLocalState: advertisement.networkLocalState
                            )
                        )
                    )
                },
                now: now
            )
        }
        entries[index] = Entry(
            advertisement: advertisement, targets: targets(of: advertisement.root),
            nextSet: now + rng.duration(upTo: configuration.initialDelay), remaining: max(1, configuration.repetitions)
        )
    }

    /// Stops announcing a root device. With `announceByebye` its byebyes go out with the next tick and once
    /// more a little later; without, it falls silent, as a mirror must when the device itself is on the link.
    public mutating func remove(udn: String, announceByebye: Bool, now: ContinuousClock.Instant) {
        guard let index = index(udn) else { return }
        let entry = entries.remove(at: index)
        answers.removeAll(root: udn)
        guard announceByebye else { return }
        let datagrams = byebyes(of: entry)
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
        for entry in entries { queue(byebyes(of: entry), now: now) }
    }

    /// Announces every device from the start: after a new address, or a change of scope (UDA 2.0 §1.2.2).
    public mutating func reannounce(now: ContinuousClock.Instant, using rng: inout some RandomNumberGenerator) {
        for index in entries.indices {
            entries[index].nextSet = now + rng.duration(upTo: configuration.initialDelay)
            entries[index].remaining = max(1, configuration.repetitions)
        }
    }

    /// A search was heard. Answers wait a random time, each its own, within MX (at most
    /// ``AdvertiserConfiguration/longestWait``), UDA 2.0 §1.3.3.
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
        let target = SearchTarget(search.target)
        var scheduled = 0
        for entry in entries {
            for match in entry.targets.matching(target) {
                let answer = PendingAnswers.Answer(
                    root: entry.advertisement.root.udn, target: match, destination: source)
                if answers.contains(answer) { continue }
                guard limiter.allowsAnswer(to: source.address, now: now),
                    answers.insert(answer, due: now + rng.duration(upTo: spread))
                else {
                    answersLimited += 1
                    return .limited(scheduled)
                }
                scheduled += 1
            }
        }
        return .scheduled(scheduled)
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
            guard let index = index(answer.root) else { continue }
            due.append(.unicast(datagram(of: answer.target, at: index), to: answer.destination))
            answersSent += 1
        }
        for index in entries.indices where entries[index].nextSet <= now {
            due += entries[index].targets.map { target in
                .multicast(serialize(.alive(announcement(of: target, in: entries[index].advertisement))))
            }
            announcementsSent += entries[index].targets.count
            entries[index].remaining -= 1
            if entries[index].remaining > 0 {
                entries[index].nextSet = now + configuration.repetitionInterval
            } else {
                // UDA 2.0 §1.2.2: refreshed at a random time, in less than half of max-age.
                let quarter = Duration.seconds(max(1, entries[index].advertisement.maxAge)) / 4
                entries[index].nextSet = now + quarter + rng.duration(upTo: quarter)
                entries[index].remaining = 1
            }
        }
        return due
    }

    private mutating func datagram(of target: AdvertisedTarget, at index: Int) -> [UInt8] {
        if let known = entries[index].written.first(where: { $0.target == target }) { return known.datagram }
        let announcement = announcement(of: target, in: entries[index].advertisement)
        let datagram = SSDPMessage.response(announcement).serialized(date: date)
        if entries[index].written.count == Self.writtenAnswers { entries[index].written.removeFirst() }
        entries[index].written.append((target, datagram))
        return datagram
    }

    private mutating func forgetWritten() {
        for index in entries.indices { entries[index].written = [] }
    }

    private func index(_ udn: String) -> Int? {
        entries.firstIndex { $0.advertisement.root.udn == udn }
    }

    private func targets(of root: AdvertisedDevice) -> [AdvertisedTarget] {
        Array(root.targets.prefix(configuration.maximumTargets))
    }

    private mutating func queue(_ datagrams: [[UInt8]], now: ContinuousClock.Instant) {
        immediate += datagrams.map(Transmission.multicast)
        immediateSince = immediateSince ?? now
    }

    private func byebyes(of entry: Entry) -> [[UInt8]] {
        entry.targets.map { target in
            serialize(
                .byebye(
                    SSDPByebye(
                        target: target.notificationType, usn: target.usn, bootID: entry.advertisement.bootID,
                        configID: entry.advertisement.configID,
                        networkLocalState: entry.advertisement.networkLocalState
                    )
                )
            )
        }
    }

    private func announcement(of target: AdvertisedTarget, in advertisement: Advertisement) -> SSDPAnnouncement {
        SSDPAnnouncement(
            target: target.notificationType, usn: target.usn, location: advertisement.location,
            maxAge: advertisement.maxAge, server: advertisement.server, bootID: advertisement.bootID,
            configID: advertisement.configID, searchPort: advertisement.searchPort ?? searchPort,
            secureLocation: advertisement.secureLocation, networkLocalState: advertisement.networkLocalState
        )
    }

    private func serialize(_ message: SSDPMessage) -> [UInt8] {
        message.serialized(host: configuration.host)
    }
}
