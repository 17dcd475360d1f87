import NetworkTypes
import Testing
import UPnP

/// A publisher and a subscriber with a network between them that loses, delays, repeats and reorders.
@Suite("A subscription over a bad network, against a model")
struct EventingWorldTests {
    private enum Message: Sendable {
        case subscribe(SubscribeRequest)
        case renew(RenewRequest)
        case unsubscribe(UnsubscribeRequest)
        /// The answer to SUBSCRIBE: nil when it was refused or lost.
        case answer(AcceptedSubscription?, isRefusal: Bool)
        case notify(EventDelivery, isRepeated: Bool)
        /// The subscriber's answer to a NOTIFY.
        case notified(sid: String, sequence: UInt32, EventDeliveryOutcome)
    }

    private struct World: ~Copyable {
        let seed: UInt64
        var generator: SeededGenerator
        let start = ContinuousClock.now
        var now: ContinuousClock.Instant
        var isLossy = true
        var publisher: EventPublisher
        var subscription = EventSubscription(configuration: EventSubscriptionConfiguration(timeout: 60))
        var state = ["A": "0", "B": "0", "C": "0"]
        /// What the subscriber believes, and of which identifier.
        var seen: [String: String] = [:]
        var wire: [(at: ContinuousClock.Instant, order: UInt64, message: Message)] = []
        var subscriptions = 0
        /// Identifiers whose event 0 was lost: what their subscriber can know is not the whole state.
        var lostStarts: Set<String> = []

        init(seed: UInt64) {
            self.seed = seed
            generator = SeededGenerator(seed: seed)
            now = start
            publisher = EventPublisher(
                variables: ["A", "B", "C"].map { EventProperty($0, "0") },
                moderation: ["C": EventModeration(maximumRate: .seconds(2))],
                limits: EventPublisherLimits(subscriptionsPerAddress: 64, failures: 1000, lastBackOff: .seconds(2)))
        }

        mutating func chance(_ percent: Int) -> Bool { isLossy && Int.random(in: 0..<100, using: &generator) < percent }

        mutating func send(_ message: Message) {
            let delay = Duration.milliseconds(Int.random(in: 1...(isLossy ? 800 : 5), using: &generator))
            wire.append((now + delay, generator.next(), message))
        }

        mutating func perform(_ actions: [EventSubscriptionAction]) {
            for action in actions {
                switch action {
                case .subscribe(let timeout):
                    subscriptions += 1
                    let url = HTTPURL("http://10.0.0.9/")
                    send(.subscribe(SubscribeRequest(callbacks: url.map { [$0] } ?? [], timeout: timeout)))
                case .renew(let request): send(.renew(request))
                case .unsubscribe(let request): if !chance(20) { send(.unsubscribe(request)) }
                case .deliver(_, let properties):
                    for property in properties.properties { seen[property.name] = property.value }
                }
            }
        }

        mutating func perform(_ actions: [EventPublisher.Action]) {
            for case .deliver(let delivery) in actions {
                if chance(15) {
                    if delivery.sequence == 0 { lostStarts.insert(delivery.sid) }
                    // Some losses the publisher learns of and makes good; the others only a gap betrays.
                    let outcome = seed.isMultiple(of: 2) ? EventDeliveryOutcome.accepted : .unreachable
                    send(.notified(sid: delivery.sid, sequence: delivery.sequence, outcome))
                } else {
                    send(.notify(delivery, isRepeated: false))
                    if chance(10) { send(.notify(delivery, isRepeated: true)) }
                }
            }
        }

        mutating func arrive(_ message: Message) {
            switch message {
            case .subscribe(let request):
                guard !chance(20) else { return send(.answer(nil, isRefusal: false)) }
                let accepted = try? publisher.subscribe(
                    request, sender: .v4(.loopback), now: now, using: &generator
                ) { _ in true }
                // The answer may be lost on its way; then the device has a subscriber that knows nothing.
                send(chance(10) ? .answer(nil, isRefusal: false) : .answer(accepted, isRefusal: accepted == nil))
                if let accepted { perform(publisher.subscribeResponseSent(sid: accepted.sid, now: now)) }
            case .renew(let request):
                guard !chance(20) else { return send(.answer(nil, isRefusal: false)) }
                let accepted = try? publisher.renew(request, now: now)
                send(.answer(accepted, isRefusal: accepted == nil))
            case .unsubscribe(let request): try? publisher.unsubscribe(request)
            case .answer(let accepted?, _):
                perform(
                    subscription.accepted(
                        sid: accepted.sid, timeout: .seconds(accepted.timeout), now: now, using: &generator))
            case .answer(nil, let isRefusal):
                perform(
                    isRefusal
                        ? subscription.refused(now: now, using: &generator)
                        : subscription.failed(now: now, using: &generator))
            case .notify(let delivery, let isRepeated):
                var outcome = EventDeliveryOutcome.accepted
                do {
                    perform(
                        try subscription.handleNotify(
                            NotifyRequest(sid: delivery.sid, sequence: delivery.sequence), delivery.properties))
                } catch { outcome = .refused }
                if outcome == .refused, delivery.sequence == 0 { lostStarts.insert(delivery.sid) }
                if !isRepeated { send(.notified(sid: delivery.sid, sequence: delivery.sequence, outcome)) }
            case .notified(let sid, let sequence, let outcome):
                perform(publisher.deliveryFinished(sid: sid, sequence: sequence, outcome: outcome, now: now))
            }
        }

        mutating func publish(_ name: String, _ value: String) {
            state[name] = value
            perform(publisher.publish([EventProperty(name, value)], now: now))
        }

        /// Lets everything happen that is due until `end`.
        mutating func run(until end: ContinuousClock.Instant) {
            while true {
                let next = wire.map(\.at).min()
                let wakeups = [next, subscription.nextWakeup, publisher.nextWakeup].compactMap(\.self)
                guard let due = wakeups.min(), due <= end else { break }
                now = max(now, due)
                if let next, next <= now {
                    let index = wire.indices.min { (wire[$0].at, wire[$0].order) < (wire[$1].at, wire[$1].order) }
                    if let index { arrive(wire.remove(at: index).message) }
                    continue
                }
                perform(subscription.tick(now: now))
                perform(publisher.tick(now: now))
            }
            now = end
        }
    }

    @Test(arguments: Array(1...40) as [UInt64])
    func `Whatever is lost, repeated or reordered, the subscriber ends with the device's state`(seed: UInt64) throws {
        var world = World(seed: seed)
        world.perform(world.subscription.start())
        for step in 0..<400 {
            let pause = Duration.milliseconds(Int.random(in: 1...2000, using: &world.generator))
            world.run(until: world.now + pause)
            let name = ["A", "B", "C"][Int.random(in: 0..<3, using: &world.generator)]
            world.publish(name, String(step))
            if world.chance(1) {
                _ = world.publisher.endAll()
                world.perform(world.subscription.deviceRestarted())
            }
        }
        world.isLossy = false
        // Long enough for a renewal to find out that the device has forgotten the subscription.
        world.run(until: world.now + .seconds(400))
        world.publish("A", "last")
        world.run(until: world.now + .seconds(400))
        let isActive = world.subscription.isActive
        let sid = world.subscription.sid ?? ""
        #expect(isActive, "seed \(seed)")
        if !world.lostStarts.contains(sid) {
            let (seen, state) = (world.seen, world.state)
            #expect(seen == state, "seed \(seed)")
        }
        let subscriptions = world.subscriptions
        #expect(subscriptions > 1 && subscriptions < 400, "seed \(seed): \(subscriptions)")
    }
}
