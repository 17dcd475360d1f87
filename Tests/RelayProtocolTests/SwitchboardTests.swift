import NetworkTypes
import RelayProtocol
import Testing

@Suite("The switchboard")
struct SwitchboardTests {
    private static let start = ContinuousClock.now
    private static let home = IPAddress.v4(IPv4Address(198, 51, 100, 1))
    private static let away = IPAddress.v4(IPv4Address(192, 0, 2, 1))

    /// A switchboard with its time and its chance.
    private struct Board {
        var switchboard: Switchboard
        var random = SeededGenerator(seed: 1)
        var now = SwitchboardTests.start
        var lastID: UInt64 = 0

        init(_ change: (inout SwitchboardLimits) -> Void = { _ in }) {
            var limits = SwitchboardLimits()
            change(&limits)
            self.switchboard = Switchboard(limits: limits)
        }

        mutating func name() throws -> RelayName {
            let digest = random.bytes(32)
            return try #require(RelayName(keyDigest: digest))
        }

        mutating func ticket(
            _ name: RelayName, from source: IPAddress = home
        ) throws -> (RelayTicket, StandbyKey) {
            let refusal = switchboard.registrationArrived(from: source, now: now)
            try #require(refusal == nil)
            let answer = switchboard.register(name, from: source, now: now, using: &random)
            guard case .accepted(let ticket, let key, _) = answer else { throw Refused() }
            return (ticket, key)
        }

        /// Registers whole; answers the connection, the key and what was replaced.
        @discardableResult
        mutating func stand(
            _ name: RelayName, from source: IPAddress = home
        ) throws -> (id: UInt64, key: StandbyKey, replaced: UInt64?) {
            let (ticket, key) = try ticket(name, from: source)
            lastID += 1
            let replaced = switchboard.standbyProved(ticket, connection: lastID, now: now)
            return (lastID, key, try #require(replaced))
        }

        mutating func arrive(
            for name: RelayName, from source: IPAddress = away
        ) -> (id: UInt64, arrival: Switchboard.Arrival) {
            lastID += 1
            let arrival = switchboard.clientArrived(lastID, for: name, from: source, now: now, using: &random)
            return (lastID, arrival)
        }

        struct Refused: Error {}
    }

    @Test("A client's gateway is called on its own connection, and one answer joins them, once")
    func joins() throws {
        var board = Board()
        let name = try board.name()
        let (gateway, key, _) = try board.stand(name)
        let (client, arrival) = board.arrive(for: name)
        guard case .call(gateway, let call) = arrival else { return #expect(Bool(false), "\(arrival)") }
        // What was read on the way answers nothing.
        #expect(board.switchboard.answered(call) == nil)
        #expect(board.switchboard.answered(key.answer(to: call)) == client)
        #expect(board.switchboard.answered(key.answer(to: call)) == nil)
        #expect(board.switchboard.waitingCount == 0)
        #expect(board.switchboard.sessionCount == 1)
        board.switchboard.sessionEnded(client)
        #expect(board.switchboard.sessionCount == 0)
    }

    @Test("A name that nobody has registered is unknown, also to who holds a ticket for it that is not proved")
    func unknown() throws {
        var board = Board()
        let name = try board.name()
        _ = try board.ticket(name)
        #expect(board.arrive(for: name).arrival == .refused(.unknownName))
    }

    @Test("A ticket is good once, and for ten seconds")
    func tickets() throws {
        var board = Board()
        let name = try board.name()
        let (ticket, _) = try board.ticket(name)
        #expect(board.switchboard.standbyProved(ticket, connection: 7, now: board.now) == .some(nil))
        #expect(board.switchboard.standbyProved(ticket, connection: 8, now: board.now) == nil)
        let (late, _) = try board.ticket(try board.name())
        board.now += .seconds(10)
        _ = board.switchboard.expire(now: board.now)
        #expect(board.switchboard.key(of: late) == nil)
        #expect(board.switchboard.standbyProved(late, connection: 9, now: board.now) == nil)
    }

    @Test("The same key's second registration replaces the first, whose end then changes nothing; sessions go on")
    func replaces() throws {
        var board = Board()
        let name = try board.name()
        let first = try board.stand(name)
        let (client, arrival) = board.arrive(for: name)
        guard case .call(_, let call) = arrival else { return #expect(Bool(false)) }
        #expect(board.switchboard.answered(first.key.answer(to: call)) == client)
        let second = try board.stand(name)
        #expect(second.replaced == first.id)
        #expect(board.switchboard.standbyEnded(first.id) == [])
        #expect(board.switchboard.gatewayCount == 1)
        #expect(board.switchboard.sessionCount == 1)
        guard case .call(second.id, _) = board.arrive(for: name).arrival else { return #expect(Bool(false)) }
    }

    @Test("Another key has another name: nobody takes one that is in use")
    func squatting() throws {
        var board = Board()
        let name = try board.name()
        let gateway = try board.stand(name)
        try board.stand(try board.name(), from: Self.away)
        guard case .call(gateway.id, _) = board.arrive(for: name).arrival else { return #expect(Bool(false)) }
    }

    @Test("A decline, a gateway's end and a time that is over each name the client to refuse")
    func refusals() throws {
        var board = Board()
        let name = try board.name()
        let gateway = try board.stand(name)
        let other = try board.stand(try board.name())
        let first = board.arrive(for: name)
        guard case .call(_, let call) = first.arrival else { return #expect(Bool(false)) }
        #expect(board.switchboard.declined(call, by: other.id) == nil)
        #expect(board.switchboard.declined(call, by: gateway.id) == first.id)
        board.switchboard.sessionEnded(first.id)
        let second = board.arrive(for: name)
        board.now += .seconds(10)
        #expect(board.switchboard.expire(now: board.now).unanswered == [second.id])
        #expect(board.switchboard.standbyEnded(gateway.id) == [second.id])
        board.switchboard.sessionEnded(second.id)
        #expect(board.switchboard.waitingCount == 0)
        #expect(board.switchboard.sessionCount == 0)
    }

    @Test("A gateway that is not heard three times over is silent")
    func silence() throws {
        var board = Board()
        let gateway = try board.stand(try board.name())
        board.now += .seconds(149)
        #expect(board.switchboard.expire(now: board.now).silent == [])
        board.switchboard.heard(gateway.id, now: board.now)
        board.now += .seconds(149)
        #expect(board.switchboard.expire(now: board.now).silent == [])
        board.now += .seconds(1)
        #expect(board.switchboard.expire(now: board.now).silent == [gateway.id])
    }

    @Test("A gateway and a source each have so many sessions and no more, and others do not notice")
    func limits() throws {
        var board = Board {
            $0.sessionsPerGateway = 3
            $0.sessionsPerSource = 4
        }
        let name = try board.name()
        let other = try board.name()
        try board.stand(name)
        try board.stand(other)
        var sessions: [UInt64] = []
        for _ in 0..<3 { sessions.append(board.arrive(for: name).id) }
        #expect(board.arrive(for: name).arrival == .refused(.tooMany))
        guard case .call = board.arrive(for: other).arrival else { return #expect(Bool(false)) }
        #expect(board.arrive(for: other).arrival == .refused(.tooMany))
        guard case .call = board.arrive(for: other, from: Self.home).arrival else { return #expect(Bool(false)) }
        board.switchboard.sessionEnded(sessions[0])
        guard case .call = board.arrive(for: name).arrival else { return #expect(Bool(false)) }
    }

    @Test("A source comes so fast and no faster, whatever it asks for; an IPv6 source is its /64")
    func rates() throws {
        var board = Board { $0.sourceRate = .init(perSecond: 2, burst: 3) }
        let name = try board.name()
        for host in 1...3 {
            let source = try #require(IPAddress("2001:db8:1:2::\(host)"))
            #expect(board.arrive(for: name, from: source).arrival == .refused(.unknownName))
        }
        let fourth = try #require(IPAddress("2001:db8:1:2::4"))
        #expect(board.arrive(for: name, from: fourth).arrival == .refused(.tooMany))
        let neighbour = try #require(IPAddress("2001:db8:1:3::1"))
        #expect(board.arrive(for: name, from: neighbour).arrival == .refused(.unknownName))
        board.now += .milliseconds(500)
        #expect(board.arrive(for: name, from: fourth).arrival == .refused(.unknownName))
        #expect(board.arrive(for: name, from: fourth).arrival == .refused(.tooMany))
    }

    @Test("A source registers so many gateways and no more, and a place is free again when one is gone")
    func gatewaysPerSource() throws {
        var board = Board { $0.gatewaysPerSource = 2 }
        let first = try board.stand(try board.name())
        try board.stand(try board.name())
        #expect(board.switchboard.registrationArrived(from: Self.home, now: board.now) == .tooMany)
        #expect(board.switchboard.registrationArrived(from: Self.away, now: board.now) == nil)
        _ = board.switchboard.standbyEnded(first.id)
        #expect(board.switchboard.registrationArrived(from: Self.home, now: board.now) == nil)
        // One that came and did nothing gives its place back.
        #expect(board.switchboard.registrationArrived(from: Self.home, now: board.now) == .tooMany)
        board.switchboard.registrationEnded(from: Self.home)
        #expect(board.switchboard.registrationArrived(from: Self.home, now: board.now) == nil)
    }

    @Test("A full relay takes no new gateway, but lets one that it has register again")
    func full() throws {
        var board = Board { $0.gateways = 1 }
        let name = try board.name()
        try board.stand(name)
        let stranger = try board.name()
        #expect(
            board.switchboard.register(stranger, from: Self.away, now: board.now, using: &board.random)
                == .refused(.busy))
        #expect(try board.stand(name).replaced != nil)
    }

    @Test("While it drains nobody new is taken, and who waits is still answered")
    func drains() throws {
        var board = Board()
        let name = try board.name()
        let gateway = try board.stand(name)
        let (client, arrival) = board.arrive(for: name)
        guard case .call(_, let call) = arrival else { return #expect(Bool(false)) }
        board.switchboard.drain()
        #expect(board.arrive(for: name).arrival == .refused(.draining))
        #expect(board.switchboard.registrationArrived(from: Self.away, now: board.now) == .draining)
        #expect(board.switchboard.answered(gateway.key.answer(to: call)) == client)
    }

    @Test("Sources are forgotten when they do nothing, and told apart only up to a limit")
    func sources() throws {
        var table = SourceTable(most: 2, mostOpen: 10, rate: .init(perSecond: 1, burst: 5))
        let now = Self.start
        let third = IPAddress.v4(IPv4Address(203, 0, 113, 3))
        #expect(table.enter(Self.home, now: now) == true)
        #expect(table.enter(Self.away, now: now) == true)
        #expect(table.enter(third, now: now) == false)
        table.leave(Self.home)
        // It has come a moment ago, and could come faster than it may if it were forgotten.
        #expect(table.enter(third, now: now) == false)
        #expect(table.enter(third, now: now + .seconds(1)) == true)
        #expect(table.count == 2)
    }

    @Test("However things happen, counts come back to nothing")
    func model() throws {
        for seed in UInt64(1)...60 {
            var board = Board()
            board.random = SeededGenerator(seed: seed)
            var choice = SeededGenerator(seed: seed &* 7_919)
            let names = try (0..<4).map { _ in try board.name() }
            var standing: Set<UInt64> = []
            var sessions: [UInt64: (gateway: UInt64, call: RelayTicket)] = [:]
            for _ in 0..<300 {
                board.now += .milliseconds(Int.random(in: 0...900, using: &choice))
                switch Int.random(in: 0...5, using: &choice) {
                case 0:
                    guard let stood = try? board.stand(names[Int.random(in: 0..<4, using: &choice)]) else { continue }
                    standing.insert(stood.id)
                    if let replaced = stood.replaced { #expect(standing.remove(replaced) != nil, "seed \(seed)") }
                case 1...2:
                    let (id, arrival) = board.arrive(for: names[Int.random(in: 0..<4, using: &choice)])
                    if case .call(let gateway, let call) = arrival {
                        #expect(standing.contains(gateway), "seed \(seed)")
                        sessions[id] = (gateway, call)
                    }
                case 3:
                    if let id = sessions.keys.randomElement(using: &choice) {
                        board.switchboard.sessionEnded(id)
                        sessions[id] = nil
                    }
                case 4:
                    if let id = standing.randomElement(using: &choice) {
                        standing.remove(id)
                        for refused in board.switchboard.standbyEnded(id) {
                            #expect(sessions[refused] != nil, "seed \(seed)")
                            board.switchboard.sessionEnded(refused)
                            sessions[refused] = nil
                        }
                    }
                default:
                    for id in board.switchboard.expire(now: board.now).unanswered {
                        board.switchboard.sessionEnded(id)
                        sessions[id] = nil
                    }
                }
                #expect(board.switchboard.gatewayCount == standing.count, "seed \(seed)")
                #expect(board.switchboard.sessionCount == sessions.count, "seed \(seed)")
            }
            for id in standing { _ = board.switchboard.standbyEnded(id) }
            for id in sessions.keys { board.switchboard.sessionEnded(id) }
            #expect(board.switchboard.sessionCount == 0 && board.switchboard.waitingCount == 0, "seed \(seed)")
            board.switchboard.sweep(now: board.now + .seconds(3_600))
        }
    }
}
