import HTTPTypes
public import Logging
import NIOCore
import NetworkTypes
public import UPnP

/// One service's events over the network: answers SUBSCRIBE and UNSUBSCRIBE, delivers NOTIFYs in order, lets
/// subscriptions run out (UDA 2.0 §4.1).
///
/// The order and the numbers are `EventPublisher`'s; this actor performs what that machine says.
public actor EventPublishing {
    private var publisher: EventPublisher
    private let client: HTTPClient
    private let serverName: String
    private let callbackRule: @Sendable () -> CallbackRule?
    private let logger: Logger
    private var deliveries: [String: Task<Void, Never>] = [:]
    private var expiry: Task<Void, Never>?

    /// - Parameters:
    ///   - variables: The evented state; nil while it is not known.
    ///   - serverName: The `SERVER` field of answers.
    ///   - callbackRule: Where events may be sent at the moment; nil for nowhere.
    public init(
        variables: [EventProperty]?, limits: EventPublisherLimits = .init(), client: HTTPClient, serverName: String,
        callbackRule: @escaping @Sendable () -> CallbackRule?, logger: Logger
    ) {
        self.publisher = EventPublisher(variables: variables, limits: limits)
        self.client = client
        self.serverName = serverName
        self.callbackRule = callbackRule
        self.logger = logger
    }

    /// How many subscriptions there are.
    public var subscriptionCount: Int { publisher.subscriptionCount }

    /// The state that a new subscriber is told.
    public var currentState: PropertySet { publisher.currentState }

    /// Takes new values and tells the subscribers.
    public func publish(_ changes: [EventProperty]) {
        perform(publisher.publish(changes))
    }

    /// Ends every subscription, as a device does that leaves.
    public func endAll() {
        perform(publisher.endAll())
        expiry?.cancel()
        expiry = nil
    }

    /// Answers SUBSCRIBE (new or renewal) and UNSUBSCRIBE.
    public func handle(_ exchange: HTTPServerExchange) async throws {
        let fields = exchange.request.headerFields
        let header: (String) -> String? = { name in HTTPField.Name(name).flatMap { fields[$0] } }
        do {
            if exchange.request.method.rawValue == "UNSUBSCRIBE" {
                let request = try UnsubscribeRequest(header: header)
                try publisher.unsubscribe(request)
                deliveries.removeValue(forKey: request.sid)?.cancel()
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
        scheduleExpiry()
    }

    private func subscribe(_ request: SubscribeRequest, _ exchange: HTTPServerExchange) async throws {
        let sender = exchange.peer.address
        let rule = callbackRule()
        var random = SystemRandomNumberGenerator()
        let accepted = try publisher.subscribe(request, sender: sender, now: .now, using: &random) { url in
            rule?.permits(url, sender: sender) ?? false
        }
        do {
            try await answer(exchange, accepted)
        } catch {
            publisher.subscribeResponseFailed(sid: accepted.sid)
            throw error
        }
        // UDA 2.0 §4.1.2: the initial event follows the answer, never overtakes it.
        perform(publisher.subscribeResponseSent(sid: accepted.sid))
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
                deliveries.removeValue(forKey: sid)?.cancel()
            }
        }
    }

    private func deliver(_ delivery: EventDelivery) async {
        let outcome = await send(delivery)
        guard !Task.isCancelled else { return }
        deliveries[delivery.sid] = nil
        perform(publisher.deliveryFinished(sid: delivery.sid, sequence: delivery.sequence, outcome: outcome))
    }

    private func send(_ delivery: EventDelivery) async -> EventDeliveryOutcome {
        guard let endpoint = delivery.callback.endpoint else { return .unreachable }
        var request = HTTPRequest(
            method: .init("NOTIFY") ?? .post, scheme: "http", authority: delivery.callback.authority,
            path: delivery.callback.pathAndQuery)
        request.headerFields[.contentType] = "text/xml; charset=\"utf-8\""
        for (name, value) in NotifyRequest(sid: delivery.sid, sequence: delivery.sequence).headers {
            if let name = HTTPField.Name(name) { request.headerFields[name] = value }
        }
        var limits = HTTPClientLimits()
        limits.totalTime = .seconds(30)
        limits.headerBytes = 4 << 10
        do {
            return try await client.withResponse(
                request, body: ByteBuffer(string: delivery.properties.serialized()), to: endpoint, limits: limits
            ) { response, _ in
                response.status.kind == .successful ? .accepted : .refused
            }
        } catch {
            logger.debug("an event was not delivered", metadata: ["gena.sid": "\(delivery.sid)", "error": "\(error)"])
            return .unreachable
        }
    }

    private func scheduleExpiry() {
        guard expiry == nil, let next = publisher.nextExpiry else { return }
        // Unstructured: one timer at a time, cancelled by `endAll`.
        expiry = Task { [weak self] in
            do { try await Task.sleep(until: next, clock: .continuous) } catch { return }
            await self?.expire()
        }
    }

    private func expire() {
        expiry = nil
        perform(publisher.expire(now: .now))
        scheduleExpiry()
    }
}
