import Testing
import UPnP

/// Draws nothing but zero: renewals come as late as they may, further attempts as early.
private struct NoJitter: RandomNumberGenerator {
    mutating func next() -> UInt64 { 1 }
}

@Suite("Subscribing to events")
struct EventSubscriptionTests {
    private let start = ContinuousClock.now
    private var random: NoJitter {
        get { NoJitter() }
        nonmutating set {}
    }
    private let subscribe = EventSubscriptionAction.subscribe(timeout: .seconds(1800))

    private func set(_ value: Int) -> PropertySet { PropertySet([EventProperty("A", String(value))]) }

    private func notify(
        _ subscription: inout EventSubscription, _ sequence: UInt32, sid: String = "uuid:1"
    ) throws -> [EventSubscriptionAction] {
        try subscription.handleNotify(NotifyRequest(sid: sid, sequence: sequence), set(Int(sequence)))
    }

    private func active(timeout: SubscriptionTimeout? = .seconds(100)) -> EventSubscription {
        var subscription = EventSubscription()
        _ = subscription.start()
        _ = subscription.accepted(sid: "uuid:1", timeout: timeout, now: start, using: &random)
        return subscription
    }

    private func active(startingAt sequence: UInt32) -> EventSubscription {
        var subscription = EventSubscription(configuration: EventSubscriptionConfiguration(lostStarts: 0))
        _ = subscription.start()
        _ = subscription.accepted(sid: "uuid:1", timeout: nil, now: start, using: &random)
        _ = try? notify(&subscription, sequence)
        return subscription
    }

    @Test func `Events are delivered in order from the first`() throws {
        var subscription = EventSubscription()
        #expect(subscription.start() == [subscribe])
        #expect(subscription.start().isEmpty && subscription.isActive == false)
        #expect(subscription.accepted(sid: "uuid:1", timeout: .seconds(100), now: start, using: &random).isEmpty)
        #expect(subscription.isActive == true && subscription.sid == "uuid:1")
        for sequence in 0...3 as ClosedRange<UInt32> {
            #expect(try notify(&subscription, sequence) == [.deliver(sequence: sequence, set(Int(sequence)))])
        }
    }

    @Test func `Events that arrive before the answer wait for it, others with another SID are dropped`() throws {
        var subscription = EventSubscription()
        _ = subscription.start()
        #expect(try notify(&subscription, 1).isEmpty)
        #expect(try notify(&subscription, 0).isEmpty)
        #expect(try notify(&subscription, 0, sid: "uuid:old").isEmpty)
        let actions = subscription.accepted(sid: "uuid:1", timeout: nil, now: start, using: &random)
        #expect(actions == [.deliver(sequence: 0, set(0)), .deliver(sequence: 1, set(1))])
        #expect(try notify(&subscription, 2) == [.deliver(sequence: 2, set(2))])
    }

    @Test func `What waits is bounded`() throws {
        var subscription = EventSubscription(configuration: EventSubscriptionConfiguration(parkedEvents: 2))
        _ = subscription.start()
        _ = try notify(&subscription, 0)
        _ = try notify(&subscription, 1)
        do {
            _ = try notify(&subscription, 2)
            Issue.record("accepted")
        } catch let error as GENAError {
            #expect(error.status == 503)
        }
    }

    @Test func `An event of another subscription is refused with 412`() {
        var subscription = active()
        do {
            _ = try notify(&subscription, 0, sid: "uuid:2")
            Issue.record("accepted")
        } catch {
            #expect((error as? GENAError)?.status == 412)
        }
    }

    @Test func `A gap delivers what came and subscribes anew`() throws {
        var subscription = active()
        _ = try notify(&subscription, 0)
        #expect(
            try notify(&subscription, 2) == [
                .deliver(sequence: 2, set(2)), .unsubscribe(UnsubscribeRequest(sid: "uuid:1")), subscribe,
            ])
        #expect(subscription.accepted(sid: "uuid:2", timeout: nil, now: start, using: &random).isEmpty)
        #expect(try notify(&subscription, 0, sid: "uuid:2") == [.deliver(sequence: 0, set(0))])
    }

    @Test func `An event that comes twice is delivered once`() throws {
        var subscription = active()
        _ = try notify(&subscription, 0)
        #expect(try notify(&subscription, 0).isEmpty)
        _ = try notify(&subscription, 1)
        #expect(try notify(&subscription, 1).isEmpty && notify(&subscription, 0).isEmpty)
        #expect(try notify(&subscription, 2) == [.deliver(sequence: 2, set(2))])
    }

    @Test func `Numbers wrap to 1`() throws {
        var subscription = active(startingAt: UInt32.max - 1)
        for sequence in [UInt32.max, 1, 2] {
            #expect(try notify(&subscription, sequence) == [.deliver(sequence: sequence, set(Int(sequence)))])
        }
        #expect(try notify(&subscription, .max).isEmpty)
        var wrapped = active(startingAt: .max)
        #expect(try notify(&wrapped, 2).count == 3)
    }

    @Test func `A first event that is not number 0 was preceded by a lost one, unless it always is`() throws {
        var subscription = active()
        for round in 1...3 {
            let sid = "uuid:\(round)"
            let actions = try notify(&subscription, 1, sid: sid)
            guard round < 3 else {
                #expect(actions == [.deliver(sequence: 1, set(1))])
                break
            }
            #expect(actions == [.deliver(sequence: 1, set(1)), .unsubscribe(UnsubscribeRequest(sid: sid)), subscribe])
            _ = subscription.accepted(sid: "uuid:\(round + 1)", timeout: nil, now: start, using: &random)
        }
        #expect(try notify(&subscription, 2, sid: "uuid:3") == [.deliver(sequence: 2, set(2))])
    }

    @Test func `A device that goes on counting after a new subscription is believed`() throws {
        var subscription = active()
        for sequence in 0...99 as ClosedRange<UInt32> { _ = try notify(&subscription, sequence) }
        _ = subscription.deviceRestarted()
        _ = subscription.accepted(sid: "uuid:2", timeout: nil, now: start, using: &random)
        #expect(try notify(&subscription, 101, sid: "uuid:2") == [.deliver(sequence: 101, set(101))])
        #expect(try notify(&subscription, 102, sid: "uuid:2") == [.deliver(sequence: 102, set(102))])
    }

    @Test func `A renewal is due at half the time, and moves it on`() throws {
        var subscription = active()
        #expect(subscription.nextWakeup == start + .seconds(50))
        #expect(subscription.tick(now: start + .seconds(49)).isEmpty)
        let renewal = EventSubscriptionAction.renew(RenewRequest(sid: "uuid:1", timeout: .seconds(1800)))
        #expect(subscription.tick(now: start + .seconds(50)) == [renewal])
        #expect(subscription.tick(now: start + .seconds(60)).isEmpty && subscription.nextWakeup == nil)
        _ = try notify(&subscription, 0)
        #expect(
            subscription.accepted(sid: "uuid:1", timeout: .seconds(200), now: start + .seconds(51), using: &random)
                .isEmpty)
        #expect(subscription.nextWakeup == start + .seconds(151))
        #expect(try notify(&subscription, 1) == [.deliver(sequence: 1, set(1))])
    }

    @Test func `A refused renewal subscribes anew at once`() {
        var subscription = active()
        _ = subscription.tick(now: start + .seconds(50))
        #expect(subscription.refused(now: start + .seconds(51), using: &random) == [subscribe])
        #expect(subscription.sid == nil)
    }

    @Test func `A renewal without an answer is tried again until the subscription is over`() {
        var subscription = active()
        var now = start
        var renewals = 0
        var actions: [EventSubscriptionAction] = []
        while actions != [subscribe], let wakeup = subscription.nextWakeup {
            now = wakeup
            actions = subscription.tick(now: now)
            guard actions != [subscribe] else { break }
            renewals += 1
            now += .seconds(1)
            actions = subscription.failed(now: now, using: &random)
        }
        #expect(actions == [subscribe] && renewals > 2 && now <= start + .seconds(101))
    }

    @Test func `Attempts to subscribe are spaced further and further, up to a limit`() {
        var subscription = EventSubscription(
            configuration: EventSubscriptionConfiguration(firstRetry: .seconds(1), lastRetry: .seconds(10)))
        _ = subscription.start()
        var now = start
        var waits: [Duration] = []
        for _ in 0..<6 {
            #expect(subscription.refused(now: now, using: &random).isEmpty)
            guard let wakeup = subscription.nextWakeup else { break }
            waits.append(wakeup - now)
            #expect(subscription.tick(now: wakeup - .milliseconds(1)).isEmpty)
            now = wakeup
            #expect(subscription.tick(now: now) == [subscribe])
        }
        #expect(waits == [1, 2, 4, 8, 10, 10].map { .seconds($0) })
        _ = subscription.accepted(sid: "uuid:1", timeout: .seconds(20), now: now, using: &random)
        #expect(subscription.tick(now: now + .seconds(20)) == [subscribe])
        _ = subscription.failed(now: now, using: &random)
        #expect(subscription.nextWakeup == now + .seconds(1))
    }

    @Test func `A device that restarted is subscribed to again, without UNSUBSCRIBE`() {
        var subscription = active()
        #expect(subscription.deviceRestarted() == [subscribe])
        #expect(subscription.deviceRestarted().isEmpty)
        let answered = subscription.accepted(sid: "uuid:2", timeout: nil, now: start, using: &random)
        #expect(answered == [.unsubscribe(UnsubscribeRequest(sid: "uuid:2")), subscribe])
    }

    @Test func `A gap during a renewal waits for its answer`() throws {
        var subscription = active()
        _ = try notify(&subscription, 0)
        _ = subscription.tick(now: start + .seconds(50))
        #expect(try notify(&subscription, 5) == [.deliver(sequence: 5, set(5))])
        let answered = subscription.accepted(sid: "uuid:1", timeout: nil, now: start + .seconds(51), using: &random)
        #expect(answered == [.unsubscribe(UnsubscribeRequest(sid: "uuid:1")), subscribe])
    }

    @Test func `Cancelling ends what there is, and what is answered later`() throws {
        var subscription = active()
        #expect(subscription.cancel() == [.unsubscribe(UnsubscribeRequest(sid: "uuid:1"))])
        #expect(subscription.cancel().isEmpty && subscription.isEnded == true && subscription.nextWakeup == nil)
        #expect(subscription.tick(now: start + .seconds(1000)).isEmpty && subscription.deviceRestarted().isEmpty)
        var waiting = EventSubscription()
        _ = waiting.start()
        #expect(waiting.cancel().isEmpty)
        #expect(
            waiting.accepted(sid: "uuid:9", timeout: nil, now: start, using: &random) == [
                .unsubscribe(UnsubscribeRequest(sid: "uuid:9"))
            ])
    }
}
