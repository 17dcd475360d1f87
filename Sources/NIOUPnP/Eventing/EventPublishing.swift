import HTTPTypes
public import Logging
import NIOCore
public import NetworkTypes
public import UPnP

/// One service's events over the network: answers SUBSCRIBE and UNSUBSCRIBE, delivers NOTIFYs in order, lets
/// subscriptions run out (UDA 2.0 §4.1).
///
/// One publishing may serve several links: where a subscription's events may go is decided by the link that
/// it arrived on, when it arrives and again before each event. The order and the numbers are
/// `EventPublisher`'s; this actor performs what that machine says.
public actor EventPublishing {
    /// A subscription's link, by our own address and port that it was made at.
    private var origins: [String: SocketEndpoint] = [:]
    private var publisher: EventPublisher
    private let client: HTTPClient
    private let serverName: String
    private let callbackRule: @Sendable (_ local: SocketEndpoint) -> CallbackRule?
    private let stateDelay: Duration
    private let logger: Logger
    private var deliveries: [String: Task<Void, Never>] = [:]
    private var timer: (task: Task<Void, Never>, due: ContinuousClock.Instant)?

    /// - Parameters:
    ///   - variables: The evented state; nil while it is not known.
    ///   - moderation: The rules of variables that change fast, by their names.
    ///   - serverName: The `SERVER` field of answers.
    ///   - callbackRule: Where events may be sent at the moment for a subscription that arrived at that
    ///     own endpoint; nil for nowhere, as when the link is gone.
    public init(
        variables: [EventProperty]?, moderation: [String: EventModeration] = [:],
        limits: EventPublisherLimits = .init(),
        client: HTTPClient, serverName: String,
        callbackRule: @escaping @Sendable (_ local: SocketEndpoint) -> CallbackRule?, logger: Logger
    ) {
        self.publisher = EventPublisher(variables: variables, moderation: moderation, limits: limits)
        self.client = client
        self.serverName = serverName
        self.callbackRule = callbackRule
        self.stateDelay = limits.stateDelay
        self.logger = logger
    }

    /// How many subscriptions there are.
    public var subscriptionCount: Int { publisher.subscriptionCount }

    /// The state that a new subscriber is told.
    public var currentState: PropertySet { publisher.currentState }

    /// Takes new values and tells the subscribers.
    public func publish(_ changes: [EventProperty]) {
        perform(publisher.publish(changes, now: .now))
    }

    /// The host's links have changed: ends the subscriptions whose events may not be sent any more.
    public func linksChanged() {
        let rules = origins.mapValues(callbackRule)
        perform(publisher.revalidate { sid, url, sender in (rules[sid] ?? nil)?.permits(url, sender: sender) ?? false })
    }

    /// Ends every subscription, as a device does that leaves.
    public func endAll() {
        perform(publisher.endAll())
    }

    /// Answers SUBSCRIBE (new or renewal) and UNSUBSCRIBE.
    public func handle(_ exchange: HTTPServerExchange) async throws {
        let fields = exchange.request.headerFields
        let header: (String) -> String? = { name in HTTPField.Name(name).flatMap { fields[$0] } }
        do {
            if exchange.request.method.rawValue == "UNSUBSCRIBE" {
                let request = try UnsubscribeRequest(header: header)
                try publisher.unsubscribe(request)
                forget(request.sid)
                return try await exchange.respond(.ok)
            }
            switch try SubscriptionRequest(header: header) {
            case .renew(let request):
                try await answer(exchange, try publisher.renew(request, now: .now))
            case .subscribe(let request): try await subscribe(request, exchange)
            }
        } catch let error as GENAError {
            try await exchange.respond(
                .init(code: error.status), headers: [.contentType: "text/plain; charset=utf-8"],
                body: ByteBuffer(string: error.reason + "\n"))
        }
        schedule()
    }

    private func subscribe(_ request: SubscribeRequest, _ exchange: HTTPServerExchange) async throws {
        let sender = exchange.peer.address
        let rule = callbackRule(exchange.local)
        var random = SystemRandomNumberGenerator()
        let accepted = try publisher.subscribe(request, sender: sender, now: .now, using: &random) { url in
            rule?.permits(url, sender: sender) ?? false
        }
        origins[accepted.sid] = exchange.local
        do {
            try await answer(exchange, accepted)
        } catch {
            publisher.subscribeResponseFailed(sid: accepted.sid)
            forget(accepted.sid)
            throw error
        }
        // UDA 2.0 §4.1.2: the initial event follows the answer, never overtakes it. GUPnP reads its sockets in any
        // order, and drops, with 200, an event that it reads before the answer; hence also the delay of that event.
        perform(publisher.subscribeResponseSent(sid: accepted.sid, now: .now))
    }

    private func answer(_ exchange: HTTPServerExchange, _ accepted: AcceptedSubscription) async throws {
        var headers: HTTPFields = [.server: serverName]
        for (name, value) in accepted.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        try await exchange.respond(.ok, headers: headers)
    }

    private func perform(_ actions: [EventPublisher.Action]) {
        for action in actions {
            switch action {
            case .deliver(let delivery):
                // Unstructured, bounded by the machine to one a subscriber; `ended` and `endAll` cancel it.
                deliveries[delivery.sid] = Task { await self.deliver(delivery) }
            case .ended(let sid, let reason):
                logger.debug("a subscription ended", metadata: ["gena.sid": "\(sid)", "reason": "\(reason)"])
                forget(sid)
            }
        }
        schedule()
    }

    private func forget(_ sid: String) {
        origins[sid] = nil
        deliveries.removeValue(forKey: sid)?.cancel()
    }

    private func deliver(_ delivery: EventDelivery) async {
        if delivery.sequence == 0 { try? await Task.sleep(for: stateDelay) }
        guard !Task.isCancelled else { return }
        let outcome = await send(delivery)
        guard !Task.isCancelled else { return }
        deliveries[delivery.sid] = nil
        perform(
            publisher.deliveryFinished(
                sid: delivery.sid, sequence: delivery.sequence, outcome: outcome, now: .now))
    }

    private func send(_ delivery: EventDelivery) async -> EventDeliveryOutcome {
        // upnp.md §4.2 rule 1: the link may have changed since the subscription was accepted.
        guard let rule = origins[delivery.sid].flatMap(callbackRule),
            let endpoint = publisher.permitted(delivery, by: rule)
        else { return .notPermitted }
        var request = HTTPRequest(
            method: .init("NOTIFY") ?? .post, scheme: "http", authority: delivery.callback.authority,
            path: delivery.callback.pathAndQuery)
        request.headerFields[.contentType] = "text/xml; charset=\"utf-8\""
        for (name, value) in NotifyRequest(sid: delivery.sid, sequence: delivery.sequence).headers {
            if let name = HTTPField.Name(name) { request.headerFields[name] = value }
        }
        do {
            return try await client.withResponse(
                request, body: ByteBuffer(string: delivery.properties.serialized()), to: endpoint, limits: Self.limits
            ) { response, _ in
                response.status.kind == .successful ? .accepted : .refused
            }
        } catch {
            logger.debug("an event was not delivered", metadata: ["gena.sid": "\(delivery.sid)", "error": "\(error)"])
            return .unreachable
        }
    }

    /// UDA 2.0 §4.3.2 gives a subscriber 30 seconds to answer. Of the answer nothing but its status matters
    /// (upnp.md §4.2 rules 4 and 6): little is read, a redirect is a refusal.
    private static var limits: HTTPClientLimits {
        var limits = HTTPClientLimits()
        limits.connectTime = .seconds(5)
        limits.headTime = .seconds(30)
        limits.totalTime = .seconds(30)
        limits.headerBytes = 1 << 10
        limits.headerFieldBytes = 1 << 10
        limits.headerFields = 32
        limits.bufferedBytes = 1 << 10
        return limits
    }

    /// Keeps one timer, for the machine's next wish.
    private func schedule() {
        let next = publisher.nextWakeup
        guard next != timer?.due else { return }
        timer?.task.cancel()
        timer = nil
        guard let next else { return }
        // Unstructured: one at a time, cancelled when it is replaced or no subscription is left.
        let task = Task { [weak self] in
            do { try await Task.sleep(until: next, clock: .continuous) } catch { return }
            await self?.wake()
        }
        timer = (task, next)
    }

    private func wake() {
        timer = nil
        perform(publisher.tick(now: .now))
    }
}
