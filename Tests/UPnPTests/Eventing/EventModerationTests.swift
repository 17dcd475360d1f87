import NetworkTypes
import Testing
import UPnP

@Suite("Moderating events")
struct EventModerationTests {
    private let start = ContinuousClock.now

    /// A publisher with one subscriber that has the initial event.
    private struct Harness {
        var publisher: EventPublisher
        var sid = ""
        var sequence: UInt32 = 0
        /// What the subscriber was told, in order.
        var told: [[EventProperty]] = []

        init(
            _ variables: [EventProperty], _ moderation: [String: EventModeration], now: ContinuousClock.Instant
        ) throws {
            publisher = EventPublisher(variables: variables, moderation: moderation)
            sid = try subscribe(&publisher, host: 9, now: now)
            take(publisher.subscribeResponseSent(sid: sid, now: now), now: now)
        }

        private func subscribe(
            _ publisher: inout EventPublisher, host: UInt8, now: ContinuousClock.Instant
        ) throws -> String {
            var generator = SeededGenerator(seed: 4)
            let url = try #require(HTTPURL("http://10.0.0.\(host):5000/"))
            return try publisher.subscribe(
                SubscribeRequest(callbacks: [url]), sender: .v4(IPv4Address(10, 0, 0, host)), now: now,
                using: &generator
            ) { _ in true }.sid
        }

        /// The subscriber answers at once.
        mutating func take(_ actions: [EventPublisher.Action], now: ContinuousClock.Instant) {
            for case .deliver(let delivery) in actions {
                #expect(delivery.sequence == sequence)
                sequence += 1
                told.append(delivery.properties.properties)
                take(
                    publisher.deliveryFinished(
                        sid: sid, sequence: delivery.sequence, outcome: .accepted, now: now), now: now)
            }
        }

        mutating func publish(_ name: String, _ value: String, at now: ContinuousClock.Instant) {
            take(publisher.publish([EventProperty(name, value)], now: now), now: now)
        }

        mutating func tick(at now: ContinuousClock.Instant) { take(publisher.tick(now: now), now: now) }

        mutating func values(_ name: String) -> [String] { told.flatMap { $0 }.filter { $0.name == name }.map(\.value) }
    }

    @Test func `A fast variable is told no more often than its rate, and then the newest value`() throws {
        var harness = try Harness(
            [EventProperty("A", "0")], ["A": EventModeration(maximumRate: .seconds(1))], now: start)
        for step in 1...25 { harness.publish("A", String(step), at: start + .milliseconds(step * 100)) }
        #expect(harness.values("A") == ["0", "10", "20"])
        #expect(harness.publisher.nextWakeup == start + .seconds(3))
        harness.tick(at: start + .milliseconds(2999))
        #expect(harness.values("A") == ["0", "10", "20"])
        harness.tick(at: start + .seconds(3))
        #expect(harness.values("A") == ["0", "10", "20", "25"])
        harness.tick(at: start + .seconds(9))
        harness.publish("A", "26", at: start + .seconds(10))
        #expect(harness.values("A") == ["0", "10", "20", "25", "26"])
    }

    @Test func `A rate delays nothing but its own variable`() throws {
        var harness = try Harness(
            [EventProperty("A", "0"), EventProperty("B", "0")], ["A": EventModeration(maximumRate: .seconds(1))],
            now: start)
        harness.publish("A", "1", at: start + .milliseconds(10))
        harness.publish("B", "1", at: start + .milliseconds(20))
        #expect(harness.told.dropFirst() == [[EventProperty("B", "1")]])
        harness.publish("B", "2", at: start + .seconds(2))
        #expect(harness.told.last == [EventProperty("B", "2"), EventProperty("A", "1")])
    }

    @Test func `The least change counts from the value last sent, not from the value before`() throws {
        var harness = try Harness(
            [EventProperty("T", "20")], ["T": EventModeration(minimumDelta: 1)], now: start)
        for value in ["20.4", "20.8", "20.9", "21.0", "21.5", "20.2", "20.0", "off"] {
            harness.publish("T", value, at: start)
        }
        #expect(harness.values("T") == ["20", "21.0", "20.0", "off"])
    }

    @Test func `With both rules, a value that came back in time is not told`() throws {
        let rule = EventModeration(
            maximumRate: .seconds(1), minimumSteps: 2, of: AllowedValueRange(minimum: "0", maximum: "100", step: "5"))
        #expect(rule.minimumDelta == 10)
        var harness = try Harness([EventProperty("A", "0")], ["A": rule], now: start)
        harness.publish("A", "50", at: start + .milliseconds(100))
        harness.publish("A", "5", at: start + .milliseconds(200))
        harness.tick(at: start + .seconds(5))
        #expect(harness.values("A") == ["0"])
        harness.publish("A", "10", at: start + .seconds(6))
        #expect(harness.values("A") == ["0", "10"])
    }

    @Test func `What a LastChange kept back tells is gathered, not replaced`() throws {
        func change(_ content: String) -> String { "<Event><InstanceID val=\"0\">\(content)</InstanceID></Event>" }
        var harness = try Harness(
            [EventProperty("LastChange", change("<A val=\"0\"/>"))], ["LastChange": .lastChange], now: start)
        harness.publish("LastChange", change("<A val=\"1\"/>"), at: start + .milliseconds(10))
        harness.publish("LastChange", change("<B val=\"2\"/>"), at: start + .milliseconds(20))
        harness.tick(at: start + .milliseconds(200))
        #expect(harness.values("LastChange").last == change("<A val=\"1\"/><B val=\"2\"/>"))
        #expect(harness.told.count == 2)
    }

    @Test func `A subscriber that fails is left alone for longer and longer, and then told what it missed`() throws {
        var generator = SeededGenerator(seed: 1)
        var publisher = EventPublisher(
            variables: [EventProperty("A", "0"), EventProperty("B", "0")],
            limits: EventPublisherLimits(failures: 6, lastBackOff: .seconds(4)))
        let url = try #require(HTTPURL("http://10.0.0.9/"))
        let sid = try publisher.subscribe(
            SubscribeRequest(callbacks: [url], timeout: .seconds(86_400)), sender: .v4(.loopback), now: start,
            using: &generator
        ) { _ in true }.sid
        var now = start
        var actions = publisher.subscribeResponseSent(sid: sid, now: now)
        var waits: [Duration] = []
        for attempt in 0..<5 as Range<UInt32> {
            #expect(actions.count == 1)
            #expect(publisher.deliveryFinished(sid: sid, sequence: attempt, outcome: .unreachable, now: now).isEmpty)
            #expect(publisher.publish([EventProperty("A", String(attempt))], now: now).isEmpty)
            let wakeup = try #require(publisher.nextWakeup)
            waits.append(wakeup - now)
            #expect(publisher.tick(now: wakeup - .milliseconds(1)).isEmpty)
            now = wakeup
            actions = publisher.tick(now: now)
        }
        #expect(waits == [1, 2, 4, 4, 4].map { .seconds($0) })
        guard case .deliver(let last)? = actions.first else { return #expect(Bool(false), "nothing is sent") }
        #expect(
            last.sequence == 5 && last.properties == PropertySet([EventProperty("A", "4"), EventProperty("B", "0")]))
        #expect(
            publisher.deliveryFinished(sid: sid, sequence: 5, outcome: .unreachable, now: now)
                == [.ended(sid: sid, .unreachable)])
    }

    @Test func `A subscriber that never answers costs no more than one value for each variable`() throws {
        var generator = SeededGenerator(seed: 1)
        let names = (0..<20).map { "V\($0)" }
        var publisher = EventPublisher(variables: names.map { EventProperty($0, "") })
        let url = try #require(HTTPURL("http://10.0.0.9/"))
        let sid = try publisher.subscribe(
            SubscribeRequest(callbacks: [url]), sender: .v4(.loopback), now: start, using: &generator
        ) { _ in true }.sid
        _ = publisher.subscribeResponseSent(sid: sid, now: start)
        let filler = String(repeating: "x", count: 1000)
        for round in 0..<20_000 {
            #expect(publisher.publish([EventProperty(names[round % 20], "\(round)\(filler)")], now: start).isEmpty)
        }
        var messages = 0
        var seen: [String: String] = [:]
        var sequence: UInt32 = 0
        var actions = publisher.deliveryFinished(sid: sid, sequence: 0, outcome: .accepted, now: start)
        while case .deliver(let delivery)? = actions.first {
            messages += 1
            sequence += 1
            #expect(delivery.properties.properties.count <= 20 && delivery.sequence == sequence)
            for property in delivery.properties.properties { seen[property.name] = property.value }
            actions = publisher.deliveryFinished(sid: sid, sequence: sequence, outcome: .accepted, now: start)
        }
        #expect(messages <= 17 && seen.count == 20)
        for (index, name) in names.enumerated() { #expect(seen[name] == "\(19_980 + index)\(filler)") }
    }

    @Test func `A delivery that is not permitted any more ends the subscription`() throws {
        var harness = try Harness([EventProperty("A", "0")], [:], now: start)
        let actions = harness.publisher.publish([EventProperty("A", "1")], now: start)
        guard case .deliver(let delivery)? = actions.first else { return #expect(Bool(false), "nothing is sent") }
        let near = InterfaceAddress(
            interface: "x", index: 3, address: .v4(IPv4Address(10, 0, 0, 1)),
            prefix: try #require(IPPrefix("10.0.0.0/24")))
        let far = InterfaceAddress(
            interface: "x", index: 3, address: .v4(IPv4Address(10, 0, 1, 1)),
            prefix: try #require(IPPrefix("10.0.1.0/24")))
        #expect(harness.publisher.permitted(delivery, by: CallbackRule(interface: near))?.port == 5000)
        #expect(harness.publisher.permitted(delivery, by: CallbackRule(interface: far)) == nil)
        let ended = harness.publisher.deliveryFinished(
            sid: harness.sid, sequence: 1, outcome: .notPermitted, now: start)
        #expect(ended == [.ended(sid: harness.sid, .notPermitted)])
    }
}
