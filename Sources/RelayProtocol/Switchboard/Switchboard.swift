package import NetworkTypes

/// Who is registered at a relay, who is being called, and who talks to whom. It holds no connection: the driver names
/// them by numbers that are never used twice.
///
/// ```
/// gateway:  register ──▶ ticket ──proved──▶ standing ──ended, replaced──▶ gone
/// client:   arrived ──▶ waiting ──answered──▶ joined ──▶ ended
///                          └── declined, time over, gateway gone ──▶ refused
/// ```
package struct Switchboard: Sendable {
    /// A connection of the driver's.
    package typealias ConnectionID = UInt64

    private struct Ticket {
        let name: RelayName
        let key: StandbyKey
        let source: IPAddress
        let deadline: ContinuousClock.Instant
    }

    private struct Gateway {
        let connection: ConnectionID
        let key: StandbyKey
        let source: IPAddress
        var sessions = 0
        var arrivals = RateLimit()
        var heard: ContinuousClock.Instant
    }

    private struct Session {
        let name: RelayName
        let source: IPAddress
        /// What answers the call; nil once it was answered.
        var answer: RelayTicket?
    }

    /// What a relay bears.
    package let limits: SwitchboardLimits
    private var registrations: SourceTable
    private var arrivals: SourceTable
    private var tickets: [RelayTicket: Ticket] = [:]
    private var gateways: [RelayName: Gateway] = [:]
    private var standing: [ConnectionID: RelayName] = [:]
    private var sessions: [ConnectionID: Session] = [:]
    private var waiting: [RelayTicket: (session: ConnectionID, deadline: ContinuousClock.Instant)] = [:]
    private var isDraining = false

    /// Makes an empty switchboard.
    package init(limits: SwitchboardLimits = .init()) {
        self.limits = limits
        self.registrations = SourceTable(
            most: limits.sources, mostOpen: limits.gatewaysPerSource, rate: limits.registrationRate)
        self.arrivals = SourceTable(most: limits.sources, mostOpen: limits.sessionsPerSource, rate: limits.sourceRate)
    }

    /// How many gateways stand by.
    package var gatewayCount: Int { gateways.count }
    /// How many client connections there are, waiting ones included.
    package var sessionCount: Int { sessions.count }
    /// How many of them wait for their gateway.
    package var waitingCount: Int { waiting.count }
    /// The gateways' connections.
    package var standbyConnections: [ConnectionID] { Array(standing.keys) }

    // MARK: Gateways

    /// A connection that wants to register has come: nil to go on with TLS, which is what costs. Every connection that
    /// was let in ends with ``registrationEnded(from:)`` unless its ticket took its place.
    package mutating func registrationArrived(from source: IPAddress, now: ContinuousClock.Instant) -> RelayRefusal? {
        if isDraining { return .draining }
        // Those that only renew their registration are let in too: they take the place that they have.
        guard gateways.count < limits.gateways + tickets.count || tickets.count < limits.waiting else { return .busy }
        return registrations.enter(source, now: now) ? nil : .tooMany
    }

    /// A connection that wanted to register has ended without a ticket.
    package mutating func registrationEnded(from source: IPAddress) { registrations.leave(source) }

    /// A gateway has proved its name; what it gets for it.
    package mutating func register(
        _ name: RelayName, from source: IPAddress, now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) -> RegistrationAnswer {
        if isDraining { return .refused(.draining) }
        guard tickets.count < limits.waiting, gateways.count < limits.gateways || gateways[name] != nil else {
            return .refused(.busy)
        }
        let ticket = RelayTicket(using: &random)
        let key = StandbyKey(using: &random)
        tickets[ticket] = Ticket(name: name, key: key, source: source, deadline: now + limits.answerTime)
        return .accepted(
            ticket: ticket, key: key, keepalive: UInt16(clamping: Int(limits.keepalive.components.seconds)))
    }

    /// Whose ticket a standby connection has shown. It stays good: who saw it go by has no key.
    package func key(of ticket: RelayTicket) -> StandbyKey? { tickets[ticket]?.key }

    /// A standby connection has proved to have its ticket's key.
    /// - Returns: the connection that it replaces, which is to be told and closed; nil for none. The outer nil: the
    ///   ticket is used or over.
    package mutating func standbyProved(
        _ ticket: RelayTicket, connection: ConnectionID, now: ContinuousClock.Instant
    ) -> ConnectionID?? {
        guard let found = tickets.removeValue(forKey: ticket) else { return nil }
        let old = gateways[found.name]
        if let old {
            standing[old.connection] = nil
            registrations.leave(old.source)
        }
        var gateway = Gateway(connection: connection, key: found.key, source: found.source, heard: now)
        // Sessions that run go on: they are the gateway's, whichever connection called it.
        gateway.sessions = old?.sessions ?? 0
        if let old { gateway.arrivals = old.arrivals }
        gateways[found.name] = gateway
        standing[connection] = found.name
        return .some(old?.connection)
    }

    /// A gateway was heard.
    package mutating func heard(_ connection: ConnectionID, now: ContinuousClock.Instant) {
        guard let name = standing[connection] else { return }
        gateways[name]?.heard = now
    }

    /// A standby connection is gone. Sessions go on; clients that wait for it are to be refused.
    package mutating func standbyEnded(_ connection: ConnectionID) -> [ConnectionID] {
        guard let name = standing.removeValue(forKey: connection), let gateway = gateways[name],
            gateway.connection == connection
        else { return [] }
        gateways[name] = nil
        registrations.leave(gateway.source)
        return waiting.values.map(\.session).filter { sessions[$0]?.name == name }
    }

    // MARK: Clients

    /// What is done about a client.
    package enum Arrival: Hashable, Sendable {
        /// Its gateway is called on this connection.
        case call(ConnectionID, RelayTicket)
        /// It is turned away, and counts nowhere.
        case refused(RelayRefusal)
    }

    /// A client asks for a gateway.
    package mutating func clientArrived(
        _ session: ConnectionID, for name: RelayName, from source: IPAddress, now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) -> Arrival {
        if isDraining { return .refused(.draining) }
        guard sessions.count < limits.sessions, waiting.count < limits.waiting else { return .refused(.busy) }
        // Before the name is looked up: who tries names out is slowed down like anybody.
        guard arrivals.enter(source, now: now) else { return .refused(.tooMany) }
        guard var gateway = gateways[name] else {
            arrivals.leave(source)
            return .refused(.unknownName)
        }
        guard gateway.sessions < limits.sessionsPerGateway, gateway.arrivals.admits(limits.gatewayRate, now: now) else {
            arrivals.leave(source)
            return .refused(.tooMany)
        }
        gateway.sessions += 1
        gateways[name] = gateway
        let call = RelayTicket(using: &random)
        let answer = gateway.key.answer(to: call)
        sessions[session] = Session(name: name, source: source, answer: answer)
        waiting[answer] = (session, now + limits.answerTime)
        return .call(gateway.connection, call)
    }

    /// A connection with this ticket has come: the client that it answers, once.
    package mutating func answered(_ ticket: RelayTicket) -> ConnectionID? {
        guard let session = waiting.removeValue(forKey: ticket)?.session else { return nil }
        sessions[session]?.answer = nil
        return session
    }

    /// A gateway does not come: the client that is to be refused.
    package mutating func declined(_ call: RelayTicket, by connection: ConnectionID) -> ConnectionID? {
        guard let name = standing[connection], let key = gateways[name]?.key else { return nil }
        return waiting[key.answer(to: call)]?.session
    }

    /// A client's connection is over, joined or not.
    package mutating func sessionEnded(_ id: ConnectionID) {
        guard let session = sessions.removeValue(forKey: id) else { return }
        if let answer = session.answer { waiting[answer] = nil }
        arrivals.leave(session.source)
        if let count = gateways[session.name]?.sessions, count > 0 { gateways[session.name]?.sessions = count - 1 }
    }

    // MARK: Time

    /// What is over by now.
    package struct Expired: Hashable, Sendable {
        /// Clients whose gateway did not come.
        package var unanswered: [ConnectionID] = []
        /// Gateways that were not heard.
        package var silent: [ConnectionID] = []
    }

    /// To be asked about once a second.
    package mutating func expire(now: ContinuousClock.Instant) -> Expired {
        for (ticket, value) in tickets where value.deadline <= now {
            tickets[ticket] = nil
            registrations.leave(value.source)
        }
        return Expired(
            unanswered: waiting.values.filter { $0.deadline <= now }.map(\.session),
            silent: gateways.values.filter { $0.heard + limits.keepalive * 3 <= now }.map(\.connection))
    }

    /// Forgets sources that do nothing; to be called once a minute.
    package mutating func sweep(now: ContinuousClock.Instant) {
        registrations.sweep(now: now)
        arrivals.sweep(now: now)
    }

    /// From here on nobody new is taken; those who wait and talk go on.
    package mutating func drain() { isDraining = true }
}
