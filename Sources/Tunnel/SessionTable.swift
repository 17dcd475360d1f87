/// The name of one carrier of a session within this process; the driver counts them up.
package struct CarrierID: Hashable, Sendable {
    /// The number.
    package let rawValue: UInt64
    /// Makes a name of a number.
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// One session as the table keeps it.
package struct Session: Hashable, Sendable {
    /// What has passed through a session since it was opened.
    package struct Counters: Hashable, Sendable {
        /// Exchanges begun.
        package var exchanges: UInt64 = 0
        /// Bytes of bodies that the client sent.
        package var bytesIn: UInt64 = 0
        /// Bytes of bodies that the client was sent.
        package var bytesOut: UInt64 = 0
        /// How often the session came back after it had no carrier.
        package var resumptions: UInt64 = 0
    }

    /// Its name.
    package let id: SessionID
    /// Whose it is.
    package let subject: String
    /// The fingerprint of the only certificate that may use it.
    package let fingerprint: [UInt8]
    /// When it was opened.
    package let openedAt: ContinuousClock.Instant
    /// How it is reached at the moment; the text says the path, for people. Empty while detached.
    package fileprivate(set) var carriers: [CarrierID: String] = [:]
    /// Since when it has no carrier.
    package fileprivate(set) var detachedSince: ContinuousClock.Instant?
    /// What has passed.
    package fileprivate(set) var counters = Counters()
}

/// All sessions of a gateway, bounded.
///
/// ```
///            open                 last carrier leaves
///   (none) ───────▶ attached ───────────────────────▶ detached ──grace over, or table full──▶ (none)
///                      ▲              attach             │
///                      └─────────────────────────────────┘
/// ```
/// A session belongs to one certificate: every look-up names a fingerprint, and with another one the
/// session does not exist. The table holds no carrier and closes none; it answers with what to close.
package struct SessionTable: Sendable {
    /// The bounds of the table.
    package struct Limits: Hashable, Sendable {
        /// How many sessions there may be, detached ones included.
        package var sessions = 32
        /// How long a session without a carrier is kept.
        package var grace = Duration.seconds(300)
        /// How many carriers one session may have at once.
        package var carriersPerSession = 8
        /// Makes the default bounds.
        package init() {}
    }

    /// The answer to `open`.
    package enum OpenResult: Hashable, Sendable {
        /// There is a session; `evicted` lost its place to it, after it had been without a carrier for longest.
        case opened(Session, evicted: Session?)
        /// Every place is taken by a session that is in use.
        case full
    }

    /// The answer to `attach`.
    package enum AttachResult: Hashable, Sendable {
        /// The carrier serves the session.
        case attached(Session)
        /// There is no such session for this certificate; a new one has to be opened.
        case unknown
        /// The session has as many carriers as it may have.
        case tooManyCarriers
    }

    private let limits: Limits
    private var sessions: [SessionID: Session] = [:]

    /// Makes an empty table.
    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Every session, in no order.
    package var all: [Session] { Array(sessions.values) }
    /// How many sessions there are, detached ones included.
    package var count: Int { sessions.count }

    /// Opens a session that is reached by `carrier`.
    package mutating func open(
        subject: String, fingerprint: [UInt8], carrier: CarrierID, path: String, now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) -> OpenResult {
        var evicted: Session?
        if sessions.count >= limits.sessions {
            guard let idle = longestDetached else { return .full }
            evicted = sessions.removeValue(forKey: idle)
        }
        var id = SessionID(using: &random)
        while sessions[id] != nil { id = SessionID(using: &random) }
        var session = Session(id: id, subject: subject, fingerprint: fingerprint, openedAt: now)
        session.carriers[carrier] = path
        sessions[id] = session
        return .opened(session, evicted: evicted)
    }

    private var longestDetached: SessionID? {
        sessions.values.compactMap { session in session.detachedSince.map { (session.id, $0) } }
            .min { $0.1 < $1.1 }?.0
    }

    /// Lets another carrier of the same certificate serve a session.
    package mutating func attach(
        _ carrier: CarrierID, path: String, to id: SessionID, fingerprint: [UInt8], now: ContinuousClock.Instant
    ) -> AttachResult {
        guard var session = session(id, fingerprint: fingerprint, now: now) else { return .unknown }
        guard session.carriers[carrier] != nil || session.carriers.count < limits.carriersPerSession else {
            return .tooManyCarriers
        }
        session.carriers[carrier] = path
        if session.detachedSince != nil {
            session.detachedSince = nil
            session.counters.resumptions += 1
        }
        sessions[id] = session
        return .attached(session)
    }

    /// A carrier ended. Returns the sessions that have no carrier left.
    package mutating func detach(_ carrier: CarrierID, now: ContinuousClock.Instant) -> [Session] {
        var detached: [Session] = []
        for var session in sessions.values where session.carriers[carrier] != nil {
            session.carriers[carrier] = nil
            if session.carriers.isEmpty {
                session.detachedSince = now
                detached.append(session)
            }
            sessions[session.id] = session
        }
        return detached
    }

    /// The session of that name, if it belongs to the certificate and its grace is not over.
    package func session(_ id: SessionID, fingerprint: [UInt8], now: ContinuousClock.Instant) -> Session? {
        guard let session = sessions[id], session.fingerprint == fingerprint, !isOver(session, now: now) else {
            return nil
        }
        return session
    }

    /// Adds to what has passed through a session; unknown names are ignored.
    package mutating func count(_ id: SessionID, exchanges: UInt64 = 0, bytesIn: UInt64 = 0, bytesOut: UInt64 = 0) {
        sessions[id]?.counters.exchanges &+= exchanges
        sessions[id]?.counters.bytesIn &+= bytesIn
        sessions[id]?.counters.bytesOut &+= bytesOut
    }

    /// Ends one session.
    @discardableResult
    package mutating func end(_ id: SessionID) -> Session? { sessions.removeValue(forKey: id) }

    /// Ends every session of a subject.
    @discardableResult
    package mutating func endAll(of subject: String) -> [Session] {
        let ended = sessions.values.filter { $0.subject == subject }
        for session in ended { sessions[session.id] = nil }
        return ended
    }

    /// Ends the sessions whose grace is over, and returns them.
    package mutating func expire(now: ContinuousClock.Instant) -> [Session] {
        let over = sessions.values.filter { isOver($0, now: now) }
        for session in over { sessions[session.id] = nil }
        return over
    }

    /// When `expire` has something to do next; nil while every session is in use.
    package var nextExpiry: ContinuousClock.Instant? {
        sessions.values.compactMap { $0.detachedSince.map { $0 + limits.grace } }.min()
    }

    private func isOver(_ session: Session, now: ContinuousClock.Instant) -> Bool {
        session.detachedSince.map { $0 + limits.grace <= now } ?? false
    }
}
