import Synchronization
package import Traversal
package import TrustCore
package import Tunnel

/// The sessions of a gateway: the table that bounds them, and what each of them holds.
package final class SessionRegistry: Sendable {
    /// A session as `latchkey gateway sessions` shows it.
    package struct Report: Hashable, Sendable {
        package let id: String
        package let subject: SubjectID
        package let name: String
        package let authority: String
        package let openedAt: ContinuousClock.Instant
        /// How it is reached at the moment; empty while it waits for its client to come back.
        package let paths: [String]
        package let table: Session.Counters
        package let requests: RemoteSession.Counters
        /// How many devices its client was shown.
        package let devices: Int
        /// The NAT in front of the client, as it has told; nil where it has not.
        package let nat: NATBehavior?
    }

    private struct State {
        var table: SessionTable
        var live: [SessionID: RemoteSession] = [:]
        var carriers: UInt64 = 0
    }

    private let limit: Int
    private let sessionLimits: RemoteSession.Limits
    private let state: Mutex<State>

    /// Makes an empty registry.
    package init(limits: SessionTable.Limits = .init(), sessionLimits: RemoteSession.Limits = .init()) {
        self.limit = limits.sessions
        self.sessionLimits = sessionLimits
        self.state = Mutex(State(table: SessionTable(limits: limits)))
    }

    /// A name for a carrier that was let in.
    func nameCarrier() -> CarrierID {
        state.withLock { state in
            state.carriers += 1
            return CarrierID(state.carriers)
        }
    }

    /// Opens a session. Answers also the one that lost its place, if one did.
    /// - Throws: `Problem` "server full" when every place is in use.
    func open(
        subject: Subject, fingerprint: [UInt8], carrier: CarrierID, path: String,
        authority: String
    ) throws(Problem) -> (session: RemoteSession, evicted: RemoteSession?) {
        var random = SystemRandomNumberGenerator()
        let result = state.withLock { state -> (RemoteSession, RemoteSession?)? in
            switch state.table.open(
                subject: subject.id.rawValue, fingerprint: fingerprint, carrier: carrier, path: path, now: .now,
                using: &random)
            {
            case .full: return nil
            case .opened(let entry, let evicted):
                let session = RemoteSession(
                    id: entry.id, subject: subject, authority: authority, limits: sessionLimits)
                state.live[entry.id] = session
                return (session, evicted.flatMap { state.live.removeValue(forKey: $0.id) })
            }
        }
        guard let result else {
            throw Problem(
                .serverFull, "The gateway is full: \(limit) sessions are open, which is its limit. Try again later.",
                status: 503)
        }
        return result
    }

    /// The session of this name for this certificate, reached by this carrier from now on.
    func attach(_ id: String, fingerprint: [UInt8], carrier: CarrierID, path: String) -> RemoteSession? {
        guard let id = SessionID(id) else { return nil }
        return state.withLock { state in
            switch state.table.attach(carrier, path: path, to: id, fingerprint: fingerprint, now: .now) {
            case .attached:
                state.table.count(id, exchanges: 1)
                return state.live[id]
            case .unknown, .tooManyCarriers: return nil
            }
        }
    }

    /// A carrier ended; its sessions wait for their clients to come back.
    func detach(_ carrier: CarrierID) {
        state.withLock { _ = $0.table.detach(carrier, now: .now) }
    }

    /// Adds to what has passed.
    func count(_ id: SessionID, bytesIn: Int = 0, bytesOut: Int = 0) {
        state.withLock { $0.table.count(id, bytesIn: UInt64(bytesIn), bytesOut: UInt64(bytesOut)) }
    }

    /// Ends the sessions of a subject.
    func endAll(of subject: SubjectID) -> [RemoteSession] {
        state.withLock { state in
            state.table.endAll(of: subject.rawValue).compactMap { state.live.removeValue(forKey: $0.id) }
        }
    }

    /// Ends the sessions whose clients stayed away too long.
    func expire() -> [RemoteSession] {
        state.withLock { state in
            state.table.expire(now: .now).compactMap { state.live.removeValue(forKey: $0.id) }
        }
    }

    /// Every session that is in use or waits for its client.
    var all: [RemoteSession] { state.withLock { Array($0.live.values) } }

    /// The sessions, oldest first.
    package var reports: [Report] {
        state.withLock { state in
            state.table.all.sorted { $0.openedAt < $1.openedAt }.compactMap { entry in
                state.live[entry.id].map { session in
                    Report(
                        id: entry.id.description, subject: session.subject.id, name: session.subject.name,
                        authority: session.authority, openedAt: entry.openedAt, paths: entry.carriers.values.sorted(),
                        table: entry.counters, requests: session.counters, devices: session.shownCount,
                        nat: session.clientNAT.withLock { $0 })
                }
            }
        }
    }
}
