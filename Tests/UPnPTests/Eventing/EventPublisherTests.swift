import NetworkTypes
import Testing
import UPnP

@Suite("Publishing events")
struct EventPublisherTests {
    private let start = ContinuousClock.now
    private let sender = IPAddress.v4(IPv4Address(10, 0, 0, 9))
    private var generator = SeededGenerator(seed: 1)

    private func callback(_ port: Int = 5000) throws -> HTTPURL { try #require(HTTPURL("http://10.0.0.9:\(port)/cb")) }

    private mutating func subscribe(
        _ publisher: inout EventPublisher, ports: [Int] = [5000], variables: [String] = [],
        timeout: SubscriptionTimeout? = nil
    ) throws -> AcceptedSubscription {
        let request = SubscribeRequest(callbacks: try ports.map(callback), timeout: timeout, stateVariables: variables)
        return try publisher.subscribe(request, sender: sender, now: start, using: &generator) { _ in true }
    }

    private func delivery(_ actions: [EventPublisher.Action]) throws -> EventDelivery {
        guard actions.count == 1, case .deliver(let delivery) = actions[0] else {
            throw GENAError(status: 0, reason: "not one delivery: \(actions)")
        }
        return delivery
    }

    @Test mutating func `The first event has number 0 and the whole state, and only after the answer`() throws {
        var publisher = EventPublisher(variables: [EventProperty("A", "1"), EventProperty("B", "2")])
        let sid = try subscribe(&publisher).sid
        #expect(publisher.publish([EventProperty("A", "5")], now: start).isEmpty)
        let first = try delivery(publisher.subscribeResponseSent(sid: sid, now: start))
        #expect(first.sequence == 0 && first.sid == sid && sid.hasPrefix("uuid:"))
        #expect(first.properties == PropertySet([EventProperty("A", "5"), EventProperty("B", "2")]))
        #expect(publisher.subscribeResponseSent(sid: sid, now: start).isEmpty)
    }

    @Test mutating func `One event at a time is on its way, in order, without gaps`() throws {
        var publisher = EventPublisher(variables: [EventProperty("A", "0")])
        let sid = try subscribe(&publisher).sid
        _ = publisher.subscribeResponseSent(sid: sid, now: start)
        #expect(publisher.publish([EventProperty("A", "1")], now: start).isEmpty)
        #expect(publisher.publish([EventProperty("A", "2")], now: start).isEmpty)
        let second = try delivery(publisher.deliveryFinished(sid: sid, sequence: 0, outcome: .accepted, now: start))
        #expect(second.sequence == 1 && second.properties["A"] == "1")
        #expect(publisher.deliveryFinished(sid: sid, sequence: 0, outcome: .accepted, now: start).isEmpty)
        let third = try delivery(publisher.deliveryFinished(sid: sid, sequence: 1, outcome: .accepted, now: start))
        #expect(third.sequence == 2 && third.properties["A"] == "2")
        #expect(publisher.deliveryFinished(sid: sid, sequence: 2, outcome: .accepted, now: start).isEmpty)
        #expect(try delivery(publisher.publish([EventProperty("A", "3")], now: start)).sequence == 3)
    }

    @Test mutating func `URLs are tried in order, with the same number`() throws {
        var publisher = EventPublisher(variables: [EventProperty("A", "0")])
        let sid = try subscribe(&publisher, ports: [1, 2, 3]).sid
        #expect(try delivery(publisher.subscribeResponseSent(sid: sid, now: start)).callback.port == 1)
        let second = try delivery(publisher.deliveryFinished(sid: sid, sequence: 0, outcome: .unreachable, now: start))
        #expect(second.callback.port == 2 && second.sequence == 0)
        #expect(
            try delivery(publisher.deliveryFinished(sid: sid, sequence: 0, outcome: .unreachable, now: start)).callback
                .port == 3)
        #expect(publisher.deliveryFinished(sid: sid, sequence: 0, outcome: .unreachable, now: start).isEmpty)
        #expect(publisher.publish([EventProperty("A", "1")], now: start).isEmpty)
        let next = try delivery(publisher.tick(now: start + .seconds(1)))
        #expect(next.properties == PropertySet([EventProperty("A", "1")]))
        #expect(next.sequence == 1 && next.callback.port == 1)
    }

    @Test mutating func `A subscriber that never answers is dropped at last, one that does is not`() throws {
        var publisher = EventPublisher(variables: [EventProperty("A", "0")], limits: EventPublisherLimits(failures: 3))
        let sid = try subscribe(&publisher).sid
        _ = publisher.subscribeResponseSent(sid: sid, now: start)
        var now = start
        for (sequence, outcome) in [EventDeliveryOutcome.unreachable, .refused, .accepted, .unreachable, .refused]
            .enumerated()
        {
            if outcome == .accepted { _ = publisher.publish([EventProperty("A", "x")], now: now) }
            var actions = publisher.deliveryFinished(sid: sid, sequence: UInt32(sequence), outcome: outcome, now: now)
            #expect(actions.isEmpty == (outcome != .accepted))
            now += .seconds(2)
            if actions.isEmpty { actions = publisher.tick(now: now) }
            #expect(try delivery(actions).sequence == UInt32(sequence) + 1)
        }
        #expect(
            publisher.deliveryFinished(sid: sid, sequence: 5, outcome: .unreachable, now: now)
                == [.ended(sid: sid, .unreachable)])
        #expect(publisher.subscriptionCount == 0 && publisher.publish([EventProperty("A", "y")], now: now).isEmpty)
    }

    @Test mutating func `What waits is bounded, and the newest values are never lost`() throws {
        var publisher = EventPublisher(
            variables: [EventProperty("A", "0"), EventProperty("B", "0")],
            limits: EventPublisherLimits(waitingEvents: 2))
        let sid = try subscribe(&publisher).sid
        _ = publisher.subscribeResponseSent(sid: sid, now: start)
        for value in 1...100 {
            _ = publisher.publish([EventProperty(value % 2 == 0 ? "A" : "B", String(value))], now: start)
        }
        let first = try delivery(publisher.deliveryFinished(sid: sid, sequence: 0, outcome: .accepted, now: start))
        #expect(first.sequence == 1 && first.properties["A"] == "98" && first.properties["B"] == "99")
        let second = try delivery(publisher.deliveryFinished(sid: sid, sequence: 1, outcome: .accepted, now: start))
        #expect(second.sequence == 2 && second.properties == PropertySet([EventProperty("A", "100")]))
        #expect(publisher.deliveryFinished(sid: sid, sequence: 2, outcome: .accepted, now: start).isEmpty)
    }

    @Test mutating func `LastChange is told as a change, and whole to a new subscriber`() throws {
        func change(_ variable: String) -> EventProperty {
            EventProperty("LastChange", "<Event><InstanceID val=\"0\">\(variable)</InstanceID></Event>")
        }
        var publisher = EventPublisher(variables: [change("<A val=\"1\"/>")])
        let old = try subscribe(&publisher).sid
        _ = publisher.subscribeResponseSent(sid: old, now: start)
        _ = publisher.deliveryFinished(sid: old, sequence: 0, outcome: .accepted, now: start)
        let told = try delivery(publisher.publish([change("<B val=\"2\"/>")], now: start))
        #expect(told.properties == PropertySet([change("<B val=\"2\"/>")]))
        let new = try subscribe(&publisher).sid
        #expect(
            try delivery(publisher.subscribeResponseSent(sid: new, now: start)).properties
                == PropertySet([change("<A val=\"1\"/><B val=\"2\"/>")]))
    }

    @Test mutating func `Only the variables asked for are sent, unless one of them is unknown`() throws {
        var publisher = EventPublisher(variables: [EventProperty("A", "1"), EventProperty("B", "2")])
        let filtered = try subscribe(&publisher, variables: ["B"])
        #expect(filtered.stateVariables == ["B"])
        #expect(filtered.headers.map(\.name) == ["SID", "TIMEOUT", "ACCEPTED-STATEVAR"])
        let first = try delivery(publisher.subscribeResponseSent(sid: filtered.sid, now: start))
        #expect(first.properties == PropertySet([EventProperty("B", "2")]))
        _ = publisher.deliveryFinished(sid: filtered.sid, sequence: 0, outcome: .accepted, now: start)
        #expect(publisher.publish([EventProperty("A", "3")], now: start).isEmpty)
        let all = try subscribe(&publisher, variables: ["B", "C"])
        #expect(all.stateVariables == nil)
        #expect(
            try delivery(publisher.subscribeResponseSent(sid: all.sid, now: start)).properties.properties.count == 2)
    }

    @Test mutating func `While the state is not known, first events wait for it`() throws {
        var publisher = EventPublisher(variables: nil)
        let sid = try subscribe(&publisher).sid
        #expect(publisher.subscribeResponseSent(sid: sid, now: start).isEmpty)
        let late = try subscribe(&publisher).sid
        let first = try delivery(publisher.publish([EventProperty("A", "1")], now: start))
        #expect(first.sid == sid && first.sequence == 0 && first.properties["A"] == "1")
        #expect(try delivery(publisher.subscribeResponseSent(sid: late, now: start)).sequence == 0)
    }

    @Test mutating func `A subscription ends when it is not renewed`() throws {
        var publisher = EventPublisher(variables: [])
        let one = try subscribe(&publisher, timeout: .seconds(100))
        let two = try subscribe(&publisher, timeout: .seconds(100))
        #expect(one.timeout == 100 && publisher.nextWakeup == start + .seconds(100))
        #expect(
            try publisher.renew(RenewRequest(sid: two.sid, timeout: .seconds(300)), now: start + .seconds(99)).timeout
                == 300)
        #expect(publisher.tick(now: start + .milliseconds(99_999)).isEmpty)
        #expect(publisher.tick(now: start + .seconds(100)) == [.ended(sid: one.sid, .expired)])
        #expect(throws: GENAError.self) { _ = try publisher.renew(RenewRequest(sid: one.sid), now: start) }
        #expect(publisher.nextWakeup == start + .seconds(399))
        #expect(throws: GENAError.self) {
            _ = try publisher.renew(RenewRequest(sid: two.sid), now: start + .seconds(399))
        }
    }

    @Test mutating func `UNSUBSCRIBE needs the right SID, and nothing is sent after it`() throws {
        var publisher = EventPublisher(variables: [EventProperty("A", "1")])
        let sid = try subscribe(&publisher).sid
        _ = publisher.subscribeResponseSent(sid: sid, now: start)
        #expect(throws: GENAError.self) { try publisher.unsubscribe(UnsubscribeRequest(sid: "uuid:other")) }
        try publisher.unsubscribe(UnsubscribeRequest(sid: sid))
        #expect(publisher.deliveryFinished(sid: sid, sequence: 0, outcome: .accepted, now: start).isEmpty)
        #expect(publisher.publish([EventProperty("A", "2")], now: start).isEmpty)
    }

    @Test mutating func `Every URL must be permitted, and stays so`() throws {
        var publisher = EventPublisher(variables: [])
        let request = SubscribeRequest(callbacks: [try callback(1), try callback(2)])
        #expect(throws: GENAError.self) {
            _ = try publisher.subscribe(request, sender: sender, now: start, using: &generator) { $0.port == 1 }
        }
        #expect(publisher.subscriptionCount == 0)
        let sid = try publisher.subscribe(request, sender: sender, now: start, using: &generator) { _ in true }.sid
        #expect(publisher.revalidate { _, _, from in from == sender }.isEmpty)
        #expect(publisher.revalidate { _, url, _ in url.port == 1 } == [.ended(sid: sid, .notPermitted)])
    }

    @Test mutating func `Subscriptions are limited, for each address and in all`() throws {
        var publisher = EventPublisher(
            variables: [], limits: EventPublisherLimits(subscriptions: 3, subscriptionsPerAddress: 2))
        _ = try subscribe(&publisher)
        _ = try subscribe(&publisher)
        #expect { _ = try subscribe(&publisher) } throws: { ($0 as? GENAError)?.status == 503 }
        let request = SubscribeRequest(callbacks: [try callback()])
        for (host, isAccepted) in [(UInt8(1), true), (2, false)] {
            let other = IPAddress.v4(IPv4Address(10, 0, 0, host))
            let accepted = try? publisher.subscribe(request, sender: other, now: start, using: &generator) { _ in true }
            #expect((accepted != nil) == isAccepted)
        }
        #expect(publisher.endAll().count == 3 && publisher.subscriptionCount == 0)
    }

    @Test mutating func `A subscriber whose answer was lost is forgotten`() throws {
        var publisher = EventPublisher(variables: [])
        let lost = try subscribe(&publisher).sid
        publisher.subscribeResponseFailed(sid: lost)
        #expect(publisher.subscriptionCount == 0)
        let kept = try subscribe(&publisher).sid
        _ = publisher.subscribeResponseSent(sid: kept, now: start)
        publisher.subscribeResponseFailed(sid: kept)
        #expect(publisher.subscriptionCount == 1)
    }
}
