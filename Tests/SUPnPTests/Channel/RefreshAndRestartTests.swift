import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("Pairwise channel: refresh and restart")
struct RefreshAndRestartTests {
    private let next = SecretBytes([UInt8](repeating: 0x33, count: 32))

    @Test("A refresh switches both ends, with 2 s for what is under way and nothing sent under the old key")
    func refresh() throws {
        let fixture = try ChannelFixture()
        let member = try fixture.channel(.member)
        let controller = try fixture.channel(.controller)
        let now = fixture.start
        let late = try (0..<3).map { try member.seal([UInt8($0)], .data)[0] }
        try controller.stage(generation: 1, relay: next)
        #expect(controller.generation == 0)
        #expect(try member.openWhole(controller.seal([7], .data)[0], now: now) == [7])
        try member.stage(generation: 1, relay: next)
        member.merge(now: now)
        #expect(try controller.openWhole(member.seal([8], .data)[0], now: now) == [8])
        #expect(controller.generation == 1)
        #expect(try member.openWhole(controller.seal([9], .data)[0], now: now) == [9])
        #expect(try controller.openWhole(late[0], now: now + .milliseconds(1_999)) == [0])
        #expect(controller.refusal(late[0], now: now + .milliseconds(1_999)) == .replayed)
        #expect(controller.nextWake == now + .seconds(2))
        #expect(controller.refusal(late[1], now: now + .seconds(2)) == .otherChannel)
        #expect(controller.nextWake == nil)
    }

    @Test("A forged message of the staged generation does not switch")
    func forgedGeneration() throws {
        let fixture = try ChannelFixture()
        let member = try fixture.channel(.member)
        let controller = try fixture.channel(.controller)
        try controller.stage(generation: 1, relay: next)
        var forged = try member.seal([1], .data)[0]
        forged[15] = 1
        #expect(controller.refusal(forged.withChecksum) == .notAuthentic)
        #expect(controller.generation == 0)
        #expect(throws: ChannelFault.notAscending) { try controller.stage(generation: 1, relay: next) }
        #expect(throws: ChannelFault.notAscending) { try member.stage(generation: 0, relay: next) }
    }

    @Test("A restarted controller has other keys, and no message from before opens")
    func controllerRestart() throws {
        let registry = NonceRegistry()
        try registry.watching {
            var fixture = try ChannelFixture()
            let old = try fixture.parties
            let boot = BootID(using: &fixture.random)
            let fresh = try #require(
                PairwiseParties(
                    suite: old.suite, group: old.group, member: old.member, keyID: old.keyID,
                    controller: old.controller, boot: boot))
            let recorded = try fixture.channel(.member).seal([1], .data)[0]
            _ = try fixture.channel(.controller).seal([1], .data)
            let controller = try PairwiseChannel(fresh, end: .controller, generation: 0, relay: fixture.relay)
            _ = try controller.seal([1], .data)
            #expect(controller.refusal(recorded) == .notAuthentic)
        }
        #expect(registry.count == 3)
        #expect(registry.repeated.isEmpty)
    }

    @Test("Two channels under one key would repeat a nonce, and the registry of these tests sees it")
    func registrySees() throws {
        let registry = NonceRegistry()
        try registry.watching {
            let fixture = try ChannelFixture()
            _ = try fixture.channel(.member).seal([1], .data)
            _ = try fixture.channel(.member).seal([2], .data)
        }
        #expect(registry.repeated.count == 1)
    }

    @Test("A durable member seals and accepts only what the store has reserved")
    func reservation() throws {
        let fixture = try ChannelFixture()
        let parties = try fixture.parties
        let stored = CounterReservation(generation: 0, sendCeiling: 3, receiveCeiling: 2)
        let member = try PairwiseChannel(parties, end: .member, relay: fixture.relay, resuming: stored)
        let controller = try fixture.channel(.controller)
        #expect(member.nextCounter == 3)
        #expect(throws: ChannelFault.unreserved) { try member.seal([1], .data) }
        let early = try (0..<4).map { try controller.seal([UInt8($0)], .data)[0] }
        #expect(member.refusal(early[3]) == .unreserved)
        let pending = try #require(member.pendingReservation)
        #expect(pending.sendCeiling == 3 + CounterReservation.block)
        #expect(pending.receiveCeiling == 2 + CounterReservation.block)
        member.reserved(pending)
        #expect(member.pendingReservation == nil)
        #expect(member.refusal(early[1]) == .tooOld)
        #expect(try member.openWhole(early[2]) == [2])
        #expect(try controller.openWhole(member.seal([5], .data)[0]) == [5])
    }

    @Test("A durable member asks for the next block when half of one is left")
    func nextBlock() throws {
        let fixture = try ChannelFixture()
        let member = try PairwiseChannel(
            fixture.parties, end: .member, generation: 4, relay: fixture.relay, isDurable: true)
        #expect(member.pendingReservation == nil)
        #expect(member.skipSending(to: CounterReservation.block / 2 - 1))
        #expect(member.pendingReservation == nil)
        _ = try member.seal([1], .data)
        let pending = try #require(member.pendingReservation)
        #expect(pending.generation == 4)
        #expect(pending.sendCeiling == CounterReservation.block / 2 + CounterReservation.block)
        #expect(pending.receiveCeiling == CounterReservation.block)
        #expect(member.skipSending(to: CounterReservation.block - 1))
        _ = try member.seal([1], .data)
        #expect(throws: ChannelFault.unreserved) { try member.seal([1], .data) }
    }

    @Test("A refresh of a durable member begins with the first block of the new generation, in both directions")
    func durableRefresh() throws {
        let registry = NonceRegistry()
        try registry.watching {
            let fixture = try ChannelFixture()
            let parties = try fixture.parties
            let member = try PairwiseChannel(
                parties, end: .member, generation: 0, relay: fixture.relay, isDurable: true)
            let controller = try fixture.channel(.controller)
            #expect(member.skipSending(to: CounterReservation.block / 2))
            let extended = try #require(member.pendingReservation)
            member.reserved(extended)
            try controller.stage(generation: 1, relay: next)
            try member.stage(generation: 1, relay: next)
            member.merge(now: fixture.start)
            // What is committed late, of the generation before, gives no counters of this one.
            member.reserved(CounterReservation(generation: 0, sendCeiling: 1 << 40, receiveCeiling: 1 << 40))
            #expect(member.pendingReservation == nil)
            #expect(try controller.openWhole(member.seal([1], .data)[0], now: fixture.start) == [1])
            #expect(member.skipSending(to: CounterReservation.block))
            #expect(throws: ChannelFault.unreserved) { try member.seal([1], .data) }
            #expect(controller.skipSending(to: CounterReservation.block))
            #expect(try member.refusal(controller.seal([1], .data)[0], now: fixture.start) == .unreserved)
            let pending = try #require(member.pendingReservation)
            #expect(pending.generation == 1)
            #expect(pending.sendCeiling == 2 * CounterReservation.block)
            // A crash before it is committed: what was stored with RELAY is the first block, and nothing comes again.
            let resumed = try PairwiseChannel(parties, end: .member, relay: next, resuming: .first(1))
            let again = try #require(resumed.pendingReservation)
            resumed.reserved(again)
            #expect(try controller.openWhole(resumed.seal([2], .data)[0], now: fixture.start) == [2])
        }
        #expect(registry.repeated.isEmpty)
    }

    @Test("Over random crashes of a durable member no pair repeats and no message from before a crash is accepted")
    func crashes() throws {
        for seed in 1...12 as ClosedRange<UInt64> {
            let registry = NonceRegistry()
            try registry.watching { try crashHistory(seed: seed) }
            #expect(registry.repeated.isEmpty, "seed \(seed)")
            #expect(registry.count > 100, "seed \(seed)")
        }
    }

    private func crashHistory(seed: UInt64) throws {
        var extensions = 0
        let fixture = try ChannelFixture(seed: seed)
        var random = SeededGenerator(seed: seed)
        let parties = try fixture.parties
        let controller = try fixture.channel(.controller)
        var stored = CounterReservation.first(0)
        var member = try PairwiseChannel(parties, end: .member, generation: 0, relay: fixture.relay, isDurable: true)
        var recorded: [[UInt8]] = []
        for _ in 0..<300 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                // A crash: what was committed is all that is left. Sometimes the commit had not been asked for yet.
                member = try PairwiseChannel(parties, end: .member, relay: fixture.relay, resuming: stored)
                let pending = try #require(member.pendingReservation, "seed \(seed)")
                stored = pending
                member.reserved(pending)
                for datagram in recorded { #expect(member.refusal(datagram) == .tooOld, "seed \(seed)") }
                // Its first sealed message tells the controller where to go on.
                #expect(try controller.openWhole(member.seal([1], .control)[0]) == [1], "seed \(seed)")
                #expect(controller.skipSending(to: member.receiveFloor))
            case 1, 2:
                // Counters go in leaps here, so that blocks end while nothing has crashed.
                let reached = max(member.nextCounter, stored.sendCeiling - CounterReservation.block / 3)
                #expect(member.skipSending(to: reached), "seed \(seed)")
                let pending = try #require(member.pendingReservation, "seed \(seed)")
                stored = pending
                member.reserved(pending)
                extensions += 1
            case 3...10:
                #expect(try controller.openWhole(member.seal([2], .data)[0]) == [2], "seed \(seed)")
            default:
                let datagram = try controller.seal([3], .data)[0]
                recorded.append(datagram)
                #expect(try member.openWhole(datagram) == [3], "seed \(seed)")
            }
        }
        #expect(extensions > 5, "seed \(seed)")
    }

    @Test("A controller leaves out at most 2^32 counters at a time, and never goes back")
    func skip() throws {
        let controller = try ChannelFixture().channel(.controller)
        #expect(controller.skipSending(to: 1_000))
        #expect(controller.skipSending(to: 10))
        #expect(controller.nextCounter == 1_000)
        #expect(!controller.skipSending(to: 1_001 + 1 << 32))
        #expect(controller.nextCounter == 1_000)
    }
}
