import NetworkTypes
import Testing

@testable import UPnP

@Suite("Publishing events, against a model")
struct EventPublisherModelTests {
    /// A subscriber that believes only what the standard promises.
    private struct Model {
        var isAnswered = false
        var isEnded = false
        var next: UInt32 = 0
        var seen: [String: String] = [:]
        var onItsWay: EventDelivery?
    }

    @Test(arguments: Array(1...12) as [UInt64])
    func `Whatever happens, numbers have no gap and every subscriber ends with the whole state`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var now = ContinuousClock.now
        var publisher = EventPublisher(
            variables: ["A", "B", "C"].map { EventProperty($0, "0") },
            limits: EventPublisherLimits(subscriptions: 6, waitingEvents: 3, failures: .max))
        var state = ["A": "0", "B": "0", "C": "0"]
        var models: [String: Model] = [:]
        let sender = IPAddress.v4(.loopback)
        let url = try #require(HTTPURL("http://10.0.0.1/"))

        func take(_ actions: [EventPublisher.Action]) {
            for action in actions {
                switch action {
                case .deliver(let delivery):
                    let model = models[delivery.sid]
                    #expect(
                        model?.isAnswered == true && model?.isEnded == false && model?.onItsWay == nil, "seed \(seed)")
                    #expect(delivery.sequence == model?.next, "seed \(seed)")
                    if delivery.sequence == 0 {
                        #expect(Set(delivery.properties.properties.map(\.name)) == ["A", "B", "C"])
                    }
                    models[delivery.sid]?.onItsWay = delivery
                case .ended(let sid, let reason):
                    #expect(reason == .expired && models[sid]?.isEnded == false, "seed \(seed)")
                    models[sid]?.isEnded = true
                }
            }
        }

        func finish(_ sid: String) {
            guard let delivery = models[sid]?.onItsWay else { return }
            models[sid]?.onItsWay = nil
            models[sid]?.next += 1
            for property in delivery.properties.properties { models[sid]?.seen[property.name] = property.value }
            take(publisher.deliveryFinished(sid: sid, sequence: delivery.sequence, outcome: .accepted, now: now))
        }

        for step in 0..<2000 {
            let sid = models.keys.sorted().randomElement(using: &generator) ?? ""
            switch Int.random(in: 0..<10, using: &generator) {
            case 0:
                let request = SubscribeRequest(
                    callbacks: [url], timeout: .seconds(Int.random(in: 60...200, using: &generator)))
                let accepted = try? publisher.subscribe(request, sender: sender, now: now, using: &generator) { _ in
                    true
                }
                if let accepted { models[accepted.sid] = Model() }
            case 1, 2:
                if models[sid]?.isEnded == false { models[sid]?.isAnswered = true }
                take(publisher.subscribeResponseSent(sid: sid, now: now))
            case 3, 4, 5:
                let name = ["A", "B", "C"][Int.random(in: 0..<3, using: &generator)]
                state[name] = String(step)
                take(publisher.publish([EventProperty(name, String(step))], now: now))
            case 6, 7:
                finish(sid)
            case 8:
                now += .seconds(Int.random(in: 0...10, using: &generator))
                take(publisher.tick(now: now))
            default:
                let isAlive = models[sid]?.isEnded == false
                if Bool.random(using: &generator) {
                    #expect(
                        ((try? publisher.renew(RenewRequest(sid: sid, timeout: .seconds(60)), now: now)) != nil)
                            == isAlive)
                } else if Int.random(in: 0..<4, using: &generator) == 0 {
                    #expect(((try? publisher.unsubscribe(UnsubscribeRequest(sid: sid))) != nil) == isAlive)
                    models[sid]?.isEnded = true
                }
            }
        }
        for (sid, model) in models where model.isAnswered && !model.isEnded {
            while models[sid]?.onItsWay != nil { finish(sid) }
            #expect(models[sid]?.seen == state, "seed \(seed)")
        }
        #expect(models.count > 10)
    }

    @Test func `After the greatest number comes 1`() {
        #expect(EventSubscriber.sequence(after: 0) == 1)
        #expect(EventSubscriber.sequence(after: .max - 1) == .max)
        #expect(EventSubscriber.sequence(after: .max) == 1)
        var subscriber = EventSubscriber(
            sender: .v4(.loopback), callbacks: [], filter: nil, expiry: .now, nextSequence: .max)
        subscriber.start(with: [])
        #expect(subscriber.sendNext(moderation: [:], now: .now) && subscriber.current?.sequence == .max)
        subscriber.delivered()
        subscriber.start(with: [])
        #expect(subscriber.sendNext(moderation: [:], now: .now) && subscriber.current?.sequence == 1)
    }
}
