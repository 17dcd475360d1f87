import HTTPTypes
package import Logging
import NIOCore
package import NIOUPnP
import NetworkTypes
import Tunnel
package import UPnP

/// The events of mirrored services for the apps of the away network.
///
/// However many apps subscribe to a service, the gateway is asked once; each app has its own SID and its own
/// numbers. When a session was replaced, services with subscribers are subscribed anew, and what changed
/// meanwhile is told as an event.
package actor EventFrontend {
    /// The bounds of the frontend.
    package struct Limits: Hashable, Sendable {
        /// Services with subscribers at once.
        package var services = 256
        /// How long a SUBSCRIBE waits for the tunnel.
        package var tunnelTime: Duration = .seconds(10)
        /// Events that wait for the answer to their subscription.
        package var unclaimed = 64

        package init() {}
    }

    /// A mirrored service that apps hear.
    private struct Service {
        let publishing: EventPublishing
        /// The gateway's name for the subscription; nil until it stands in this session.
        var subscription: String?
        var appliedUpTo: UInt64
    }

    private let link: TunnelLink
    private let client: HTTPClient
    private let callbackRule: @Sendable () -> CallbackRule?
    private let limits: Limits
    private let logger: Logger
    private var services: [String: Service] = [:]
    /// The last events of subscriptions that no service has yet.
    private var unclaimed: [(subscription: String, cursor: UInt64, changes: [EventProperty])] = []

    /// - Parameter callbackRule: Where events may be sent: on-link, and to the one who asks.
    package init(
        link: TunnelLink, client: HTTPClient, callbackRule: @escaping @Sendable () -> CallbackRule?,
        limits: Limits = .init(), logger: Logger
    ) {
        self.link = link
        self.client = client
        self.callbackRule = callbackRule
        self.limits = limits
        self.logger = logger
    }

    /// Answers SUBSCRIBE and UNSUBSCRIBE of an app at a sealed event path.
    func handle(_ exchange: HTTPServerExchange, via: String) async throws {
        let path = exchange.request.path ?? "/"
        let isNew =
            exchange.request.method.rawValue == "SUBSCRIBE" && exchange.request.headerFields[.known("SID")] == nil
        // The gateway decides about every new subscriber, also when the service is heard already.
        if isNew { try await join(path, via: via) }
        guard let service = services[path] else {
            return try await exchange.refuse(.preconditionFailed, "No such subscription.")
        }
        try await service.publishing.handle(exchange)
        await collect(path)
    }

    private func join(_ path: String, via: String) async throws {
        guard services[path] != nil || services.count < limits.services else {
            throw Problem(.unavailable, "Too many services are subscribed to.", status: 503)
        }
        let state = try await subscribe(to: path, via: via)
        // Another app may have come first while the gateway was asked.
        guard services[path] == nil else { return }
        let publishing = EventPublishing(
            variables: state.properties, client: client, serverName: RemoteAccessClient.serverName,
            callbackRule: { [callbackRule] _ in callbackRule() }, logger: logger)
        services[path] = Service(publishing: publishing, subscription: state.subscription, appliedUpTo: state.cursor)
        // Events may have overtaken the gateway's answer.
        for event in unclaimed where event.subscription == state.subscription && event.cursor > state.cursor {
            services[path]?.appliedUpTo = event.cursor
            await publishing.publish(event.changes)
        }
        unclaimed.removeAll { $0.subscription == state.subscription }
    }

    private func subscribe(to path: String, via: String) async throws -> SubscriptionState {
        let found = try await link.link(within: limits.tunnelTime)
        var request = HTTPRequest(
            method: .post, scheme: "https", authority: "gateway", path: WirePath.subscriptions)
        request.headerFields[.contentType] = "application/json"
        request.headerFields[.latchkeySession] = found.link.session
        request.headerFields[.latchkeyVia] = via
        let (head, body) = try await found.link.carrier.call(
            request, body: try WireCoding.encode(SubscriptionRequest(path: path)), upTo: WireLimits().eventBytes)
        guard head.status == .ok else { throw Problem(reading: head, body) }
        return try WireCoding.decode(SubscriptionState.self, from: body)
    }

    /// Lets go of a service that nobody hears any more.
    private func collect(_ path: String) async {
        guard let service = services[path], await service.publishing.subscriptionCount == 0,
            let removed = services.removeValue(forKey: path)
        else { return }
        await removed.publishing.endAll()
        guard let subscription = removed.subscription, link.isUp else { return }
        do {
            let found = try await link.link(within: limits.tunnelTime)
            var request = HTTPRequest(
                method: .delete, scheme: "https", authority: "gateway",
                path: WirePath.subscriptions + "/" + subscription)
            request.headerFields[.latchkeySession] = found.link.session
            _ = try await found.link.carrier.call(request, upTo: WireLimits().messageBytes)
        } catch {
            logger.debug("a subscription was not given back", metadata: ["error": "\(error)"])
        }
    }

    /// Variables changed at home.
    func received(_ changes: [MirroredProperty], of subscription: String, at cursor: UInt64) async {
        let changes = changes.map { EventProperty($0.name, $0.value) }
        var isClaimed = false
        for (path, service) in services where service.subscription == subscription {
            isClaimed = true
            guard service.appliedUpTo < cursor else { continue }
            services[path]?.appliedUpTo = cursor
            await service.publishing.publish(changes)
            // Its subscribers may have left without a word.
            await collect(path)
        }
        guard !isClaimed else { return }
        if unclaimed.count >= limits.unclaimed { unclaimed.removeFirst() }
        unclaimed.append((subscription, cursor, changes))
    }

    /// The home's device ended a subscription, and the gateway could not have it again.
    func ended(_ subscription: String) async {
        for (path, service) in services where service.subscription == subscription {
            services[path] = nil
            await service.publishing.endAll()
        }
    }

    /// The whole state after a break: what differs from what apps were told is told now; services that the
    /// gateway does not hold for this session are subscribed again.
    func snapshot(_ states: [SubscriptionState]) async {
        let known = Dictionary(states.map { ($0.subscription, $0) }, uniquingKeysWith: { first, _ in first })
        for (path, service) in services {
            if let subscription = service.subscription, let state = known[subscription] {
                await apply(state, at: path)
            } else {
                services[path]?.subscription = nil
                do {
                    await apply(try await subscribe(to: path, via: "own"), at: path)
                } catch {
                    logger.info("a service could not be subscribed again", metadata: ["error": "\(error)"])
                    services[path] = nil
                    await service.publishing.endAll()
                }
            }
        }
    }

    private func apply(_ state: SubscriptionState, at path: String) async {
        guard let service = services[path] else { return }
        services[path]?.subscription = state.subscription
        services[path]?.appliedUpTo = state.cursor
        guard let properties = state.properties else { return }
        let told = await service.publishing.currentState
        let changes = properties.filter { told[$0.name] != $0.value }
        if !changes.isEmpty { await service.publishing.publish(changes) }
    }
}

extension SubscriptionState {
    /// The state in the form of an event.
    fileprivate var properties: [EventProperty]? { state?.map { EventProperty($0.name, $0.value) } }
}
