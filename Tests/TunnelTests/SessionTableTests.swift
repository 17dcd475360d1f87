import NetworkTypes
import Testing
import Tunnel

@Suite("The table of sessions")
struct SessionTableTests {
    private let start = ContinuousClock.now
    private let alice: [UInt8] = Array(repeating: 1, count: 32)
    private let bob: [UInt8] = Array(repeating: 2, count: 32)

    private func table(_ sessions: Int) -> SessionTable {
        var limits = SessionTable.Limits()
        limits.sessions = sessions
        return SessionTable(limits: limits)
    }

    private func open(
        _ table: inout SessionTable, _ carrier: UInt64, at now: ContinuousClock.Instant? = nil,
        _ random: inout SeededGenerator
    ) -> SessionTable.OpenResult {
        table.open(
            subject: "alice", fingerprint: alice, carrier: CarrierID(carrier), path: "direct", now: now ?? start,
            using: &random
        )
    }

    @Test("a session is found by its own certificate only")
    func fingerprint() throws {
        var random = SeededGenerator(seed: 1)
        var table = SessionTable()
        guard case .opened(let session, nil) = open(&table, 1, &random) else {
            Issue.record("not opened")
            return
        }
        #expect(table.session(session.id, fingerprint: alice, now: start)?.subject == "alice")
        #expect(table.session(session.id, fingerprint: bob, now: start) == nil)
        #expect(
            table.attach(CarrierID(2), path: "direct", to: session.id, fingerprint: bob, now: start) == .unknown
        )
        #expect(SessionID("\(session.id)") == session.id)
    }

    @Test("32 sessions fit, and the 33rd is told that the table is full")
    func full() {
        var random = SeededGenerator(seed: 2)
        var table = SessionTable()
        for carrier in 1...32 {
            guard case .opened(_, nil) = open(&table, UInt64(carrier), &random) else {
                Issue.record("session \(carrier) did not fit")
                return
            }
        }
        #expect(open(&table, 33, &random) == .full)
        #expect(table.count == 32)
    }

    @Test("a full table gives up the session that is without a carrier for longest, and none in use")
    func eviction() throws {
        var random = SeededGenerator(seed: 3)
        var table = table(3)
        var ids: [SessionID] = []
        for carrier in 1...3 {
            if case .opened(let session, _) = open(&table, UInt64(carrier), &random) { ids.append(session.id) }
        }
        _ = table.detach(CarrierID(2), now: start + .seconds(1))
        _ = table.detach(CarrierID(1), now: start + .seconds(2))
        guard case .opened(_, let evicted?) = open(&table, 4, at: start + .seconds(3), &random) else {
            Issue.record("nothing was evicted")
            return
        }
        #expect(evicted.id == ids[1])
        guard case .opened(_, let second?) = open(&table, 5, at: start + .seconds(3), &random) else {
            Issue.record("nothing was evicted")
            return
        }
        #expect(second.id == ids[0])
        #expect(open(&table, 6, at: start + .seconds(3), &random) == .full)
    }

    @Test("a session outlives its carriers for its grace, and comes back on another one")
    func resumption() throws {
        var random = SeededGenerator(seed: 4)
        var table = SessionTable()
        guard case .opened(let session, _) = open(&table, 1, &random) else { return }
        _ = table.attach(CarrierID(2), path: "media", to: session.id, fingerprint: alice, now: start)
        #expect(table.detach(CarrierID(1), now: start).isEmpty)
        #expect(table.detach(CarrierID(2), now: start).map(\.id) == [session.id])
        #expect(table.nextExpiry == start + .seconds(300))
        let later = start + .seconds(299)
        guard
            case .attached(let back) = table.attach(
                CarrierID(3), path: "relay", to: session.id, fingerprint: alice, now: later
            )
        else {
            Issue.record("the session was gone")
            return
        }
        #expect(back.counters.resumptions == 1)
        #expect(back.carriers == [CarrierID(3): "relay"])
        #expect(table.nextExpiry == nil)
        _ = table.detach(CarrierID(3), now: later)
        #expect(table.session(session.id, fingerprint: alice, now: later + .seconds(300)) == nil)
        #expect(table.expire(now: later + .seconds(300)).map(\.id) == [session.id])
        #expect(table.count == 0)
    }

    @Test("the carriers of one session are bounded")
    func carriers() {
        var random = SeededGenerator(seed: 5)
        var table = SessionTable()
        guard case .opened(let session, _) = open(&table, 1, &random) else { return }
        for carrier in 2...8 {
            guard
                case .attached = table.attach(
                    CarrierID(UInt64(carrier)), path: "x", to: session.id, fingerprint: alice, now: start
                )
            else {
                Issue.record("carrier \(carrier) did not fit")
                return
            }
        }
        #expect(
            table.attach(CarrierID(9), path: "x", to: session.id, fingerprint: alice, now: start) == .tooManyCarriers
        )
    }

    @Test("ending a subject ends all its sessions and no other's")
    func subject() {
        var random = SeededGenerator(seed: 6)
        var table = SessionTable()
        _ = open(&table, 1, &random)
        _ = open(&table, 2, &random)
        _ = table.open(
            subject: "bob", fingerprint: bob, carrier: CarrierID(3), path: "x", now: start, using: &random
        )
        #expect(table.endAll(of: "alice").count == 2)
        #expect(table.all.map(\.subject) == ["bob"])
    }

    @Test("a session's name is exactly 32 hexadecimal digits", arguments: ["", "0", String(repeating: "g", count: 32)])
    func names(_ text: String) {
        #expect(SessionID(text) == nil)
    }
}
