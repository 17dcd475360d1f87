package import Logging
package import NIOUPnP
import NetworkTypes
import UPnP

/// One home subscription for each evented service, however many sessions and local subscribers hear it.
///
/// The hub keeps the service's whole state, so that a session that joins later gets what the device would
/// have told it in an initial event. An actor, so that a state and the cursor at which it holds are read
/// in one step: no change is lost or told twice between them.
package actor SubscriptionHub {
    /// The bounds of a hub.
    package struct Limits: Hashable, Sendable {
        /// Home subscriptions at once.
        package var subscriptions = 512
        /// How long a new listener waits for the device's initial event; afterwards it is told when it comes.
        package var initialTime = Duration.seconds(3)
        /// Variables of one service.
        package var variables = 512

        /// Bounds for a home.
        package init() {}
    }

    /// A session that hears a service, and how its events are translated for it.
    private struct Listener {
        let session: RemoteSession
        let isPermitted: @Sendable () -> Bool
        let translate: @Sendable ([EventProperty]) -> [MirroredProperty]
    }

    private struct HomeSubscription {
        let id: String
        let udn: String
        var state: [EventProperty] = []
        var hasState = false
        /// The time for the initial event is over.
        var isLate = false
        var listeners: [ObjectIdentifier: Listener] = [:]
        var waiting: [CheckedContinuation<Void, Never>] = []
        var task: Task<Void, Never>?
    }

    private let controlPoint: ControlPoint?
    private let limits: Limits
    private let logger: Logger
    private var subscriptions: [HTTPURL: HomeSubscription] = [:]

    /// Makes a hub without subscriptions.
    package init(controlPoint: ControlPoint?, limits: Limits = .init(), logger: Logger) {
        self.controlPoint = controlPoint
        self.limits = limits
        self.logger = logger
    }

    /// Lets a session hear a service. Returns the service's state, translated, at the session's cursor.
    func attach(
        _ session: RemoteSession, to url: HTTPURL, of device: KnownDevice,
        isPermitted: @escaping @Sendable () -> Bool,
        translate: @escaping @Sendable ([EventProperty]) -> [MirroredProperty]
    ) async throws(Problem) -> SubscriptionState {
        if subscriptions[url] == nil {
            guard subscriptions.count < limits.subscriptions else {
                throw Problem(.unavailable, "The gateway holds too many subscriptions.", status: 503)
            }
            start(url, of: device)
        }
        await initialState(of: url)
        guard var subscription = subscriptions[url] else {
            throw Problem(.device, "\(device.name) did not accept the subscription.", status: 502)
        }
        guard session.subscribed(subscription.id) else {
            throw Problem(.unavailable, "The session holds too many subscriptions.", status: 503)
        }
        subscription.listeners[ObjectIdentifier(session)] = Listener(
            session: session, isPermitted: isPermitted, translate: translate)
        subscriptions[url] = subscription
        return SubscriptionState(
            subscription: subscription.id, state: subscription.hasState ? translate(subscription.state) : nil,
            cursor: session.cursor)
    }

    /// A session no longer hears a subscription.
    func detach(_ session: RemoteSession, from id: String) {
        session.unsubscribed(id)
        for url in subscriptions.keys where subscriptions[url]?.id == id { drop(session, at: url) }
    }

    /// Ends what the policy no longer permits.
    func reconsider() {
        for (url, subscription) in subscriptions {
            for listener in subscription.listeners.values where !listener.isPermitted() {
                listener.session.unsubscribed(subscription.id)
                listener.session.record(.subscriptionEnded(subscription: subscription.id), size: 64)
                drop(listener.session, at: url)
            }
        }
    }

    /// A session ended.
    func detachAll(_ session: RemoteSession) {
        for url in subscriptions.keys { drop(session, at: url) }
    }

    /// A device left: its subscriptions end with it.
    func deviceGone(udn: String) {
        for (url, subscription) in subscriptions where subscription.udn == udn { end(url) }
    }

    /// Everything that a session hears, with the cursor at which it holds.
    func states(for session: RemoteSession) -> (states: [SubscriptionState], cursor: UInt64) {
        let cursor = session.cursor
        let states = subscriptions.values.compactMap { subscription in
            subscription.listeners[ObjectIdentifier(session)].map { listener in
                SubscriptionState(
                    subscription: subscription.id,
                    state: subscription.hasState ? listener.translate(subscription.state) : nil, cursor: cursor)
            }
        }
        return (states, cursor)
    }

    private func drop(_ session: RemoteSession, at url: HTTPURL) {
        guard subscriptions[url]?.listeners.removeValue(forKey: ObjectIdentifier(session)) != nil,
            let subscription = subscriptions[url], subscription.listeners.isEmpty
        else { return }
        subscription.task?.cancel()
        subscriptions[url] = nil
    }

    private func start(_ url: HTTPURL, of device: KnownDevice) {
        var random = SystemRandomNumberGenerator()
        var subscription = HomeSubscription(id: random.uuid(), udn: device.udn)
        let id = subscription.id
        // Unstructured on purpose: it lives as long as somebody listens, and `drop` and `end` cancel it.
        subscription.task = Task { [controlPoint, logger] in
            do {
                try await controlPoint?.withSubscription(to: url) { events in
                    for try await event in events { await self.received(event, at: url, id: id) }
                }
            } catch {
                logger.debug("a home subscription ended", metadata: ["error": "\(error)"])
            }
            self.ended(url, id: id)
        }
        subscriptions[url] = subscription
    }

    private func initialState(of url: HTTPURL) async {
        guard let subscription = subscriptions[url], !subscription.hasState, !subscription.isLate else { return }
        // Unstructured and short: it lets go of those who wait below, whatever the device does.
        let time = limits.initialTime
        let timer = Task {
            do { try await Task.sleep(for: time) } catch { return }
            self.giveUpWaiting(url, id: subscription.id)
        }
        await withCheckedContinuation { subscriptions[url]?.waiting.append($0) }
        timer.cancel()
    }

    private func giveUpWaiting(_ url: HTTPURL, id: String) {
        guard subscriptions[url]?.id == id, let waiting = subscriptions[url]?.waiting else { return }
        subscriptions[url]?.isLate = true
        subscriptions[url]?.waiting = []
        for continuation in waiting { continuation.resume() }
    }

    private func received(_ change: PropertySet, at url: HTTPURL, id: String) {
        guard var subscription = subscriptions[url], subscription.id == id else { return }
        for property in change.properties {
            if let index = subscription.state.firstIndex(where: { $0.name == property.name }) {
                let value =
                    property.name == "LastChange"
                    ? LastChange.merge(state: subscription.state[index].value, change: property.value)
                    : property.value
                subscription.state[index] = EventProperty(property.name, value)
            } else if subscription.state.count < limits.variables {
                subscription.state.append(property)
            }
        }
        // Those who waited for the initial event get it as their state.
        let isState = !subscription.hasState && !subscription.isLate
        subscription.hasState = true
        let waiting = subscription.waiting
        subscription.waiting = []
        subscriptions[url] = subscription
        for continuation in waiting { continuation.resume() }
        guard !isState else { return }
        for listener in subscription.listeners.values {
            let changes = listener.translate(change.properties)
            listener.session.record(
                .properties(subscription: id, changes: changes),
                size: changes.reduce(64) { $0 + $1.name.utf8.count + $1.value.utf8.count })
        }
    }

    private func ended(_ url: HTTPURL, id: String) {
        guard subscriptions[url]?.id == id else { return }
        end(url)
    }

    private func end(_ url: HTTPURL) {
        guard let subscription = subscriptions.removeValue(forKey: url) else { return }
        subscription.task?.cancel()
        for continuation in subscription.waiting { continuation.resume() }
        for listener in subscription.listeners.values {
            listener.session.unsubscribed(subscription.id)
            listener.session.record(.subscriptionEnded(subscription: subscription.id), size: 64)
        }
    }
}
