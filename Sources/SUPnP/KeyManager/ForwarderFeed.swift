/// The numbers of the stream to the forwarders, and how far it tells of the directory.
struct ForwarderFeed: Sendable {
    /// The time between two signs of life.
    static let interval: Duration = .milliseconds(500)

    private var number: UInt64 = 0
    /// The version of the directory that they have been told.
    var directoryVersion: UInt32 = 0
    /// The version of the directory of which the members were told last.
    var toldVersion: UInt32 = 0
    /// The key manager as members are told of it.
    var own: ControllerEntry
    /// The forwarders that there are.
    var entries: [ControllerEntry] = []
    /// Their certificates.
    var certificates: [ControllerCertificate] = []
    private var progressAt: ContinuousClock.Instant?

    init(own: ControllerEntry) { self.own = own }

    /// Numbers an event.
    mutating func numbered(_ event: ForwarderEvent, term: UInt32) -> NumberedForwarderEvent {
        number += 1
        return NumberedForwarderEvent(term: term, number: number, event: event)
    }

    /// When the next sign of life is due; nil for at once.
    var nextAt: ContinuousClock.Instant? { progressAt.map { $0 + Self.interval } }

    /// Whether a sign of life is due.
    mutating func isDue(now: ContinuousClock.Instant) -> Bool {
        if let nextAt, nextAt > now { return false }
        progressAt = now
        return true
    }
}
