/// A root device as it is announced and searched for, with its answers ready to be sent.
struct AnsweredDevice: Sendable {
    /// An answer: one of the device's targets, in the version that was asked for; 0 for the target as it is.
    struct Answer: Hashable, Sendable {
        var target: Int
        var version = 0
    }

    private struct Datagram: Sendable {
        var bytes: [UInt8]
        var date: String?
    }

    /// How many datagrams are kept per target, because each older version of a type makes another.
    private static let keptPerTarget = 4

    /// Names this very set of targets, so that answers to an earlier one are not sent.
    let id: UInt64
    let advertisement: Advertisement
    let targets: [AdvertisedTarget]
    /// What the driver says where the advertisement does not.
    let searchPort: UInt16?
    var nextSet: ContinuousClock.Instant
    /// How many sets follow closely.
    var remaining: Int
    private var answers: [Answer: Datagram] = [:]

    init(
        id: UInt64, advertisement: Advertisement, searchPort: UInt16?, limit: Int, nextSet: ContinuousClock.Instant,
        repetitions: Int
    ) {
        self.id = id
        self.advertisement = advertisement
        self.targets = Array(advertisement.root.targets.prefix(limit))
        self.searchPort = advertisement.searchPort ?? searchPort
        self.nextSet = nextSet
        self.remaining = repetitions
    }

    private init(_ other: AnsweredDevice, searchPort: UInt16?) {
        self.id = other.id
        self.advertisement = other.advertisement
        self.targets = other.targets
        self.searchPort = advertisement.searchPort ?? searchPort
        self.nextSet = other.nextSet
        self.remaining = other.remaining
    }

    /// The same with another search port, and no answer kept.
    func with(searchPort: UInt16?) -> AnsweredDevice { AnsweredDevice(self, searchPort: searchPort) }

    /// The datagram of an answer, made when it is asked for first; only DATE is renewed after that.
    mutating func datagram(_ answer: Answer, date: String?) -> [UInt8] {
        if let kept = answers[answer], kept.date == date { return kept.bytes }
        if let date, let old = answers[answer]?.date, old.utf8.count == date.utf8.count {
            let start = SSDPMessage.datePosition
            answers[answer]?.bytes.replaceSubrange(start..<start + date.utf8.count, with: date.utf8)
            answers[answer]?.date = date
            if let kept = answers[answer] { return kept.bytes }
        }
        var target = targets[answer.target]
        if answer.version > 0, let (name, _) = SearchTarget.splitType(target.notificationType) {
            // UDA 2.0 §1.3.3: the version that was asked for, in ST and USN alike.
            target.notificationType = "\(name):\(answer.version)"
            target.usn.target = target.notificationType
        }
        let bytes = SSDPMessage.response(announcement(of: target)).serialized(date: date)
        if answers.count < targets.count * Self.keptPerTarget { answers[answer] = Datagram(bytes: bytes, date: date) }
        return bytes
    }

    /// The set, as it is multicast.
    func alives(host: String) -> [[UInt8]] {
        targets.map { SSDPMessage.alive(announcement(of: $0)).serialized(host: host) }
    }

    func byebyes(host: String) -> [[UInt8]] {
        targets.map { target in
            SSDPMessage.byebye(
                SSDPByebye(
                    target: target.notificationType, usn: target.usn, bootID: advertisement.bootID,
                    configID: advertisement.configID, networkLocalState: advertisement.networkLocalState
                )
            ).serialized(host: host)
        }
    }

    /// UDA 2.0 §1.2.4: what is said under the BOOTID so far, before `next` is announced.
    func updates(to next: Advertisement, host: String) -> [[UInt8]] {
        targets.map { target in
            SSDPMessage.update(
                SSDPUpdate(
                    target: target.notificationType, usn: target.usn, location: next.location,
                    bootID: advertisement.bootID, nextBootID: next.bootID, configID: next.configID,
                    searchPort: next.searchPort ?? searchPort, secureLocation: next.secureLocation,
                    networkLocalState: next.networkLocalState
                )
            ).serialized(host: host)
        }
    }

    private func announcement(of target: AdvertisedTarget) -> SSDPAnnouncement {
        SSDPAnnouncement(
            target: target.notificationType, usn: target.usn, location: advertisement.location,
            maxAge: advertisement.maxAge, server: advertisement.server, bootID: advertisement.bootID,
            configID: advertisement.configID, searchPort: searchPort, secureLocation: advertisement.secureLocation,
            networkLocalState: advertisement.networkLocalState
        )
    }
}
