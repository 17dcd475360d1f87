import HTTPTypes
import NIOCore
import NetworkTypes
import UPnP

/// Drives one subscription: sends its requests, takes its events, renews it in time.
actor EventReceiver {
    /// What a receiver needs of its control point.
    struct Surroundings: Sendable {
        let configuration: ControlPointConfiguration
        let client: HTTPClient
        let links: OwnLinks
        /// Makes the callback URL of a new subscription on a link, unguessable, and sends its events to the receiver.
        let openCallback: @Sendable (EventReceiver, InterfaceAddress) async throws -> HTTPURL
        let closeCallback: @Sendable (HTTPURL) -> Void
    }

    /// What is subscribed to.
    struct Target: Sendable {
        /// Where the subscription is made.
        var url: HTTPURL
        /// The link that heard the device.
        var link: InterfaceAddress?
        /// The service, when it is to be followed to another URL.
        var service: DeviceService?
        /// The types of its variables, as far as they are known.
        var types: [String: UPnPDataType] = [:]
    }

    /// The device's root UDN, if it is known.
    nonisolated let udn: String?
    private var target: Target
    private let surroundings: Surroundings
    private let events: @Sendable (DeviceEvent?) -> Void
    private var machine: EventSubscription
    private var random = SystemRandomNumberGenerator()
    /// Whether the next event is the first of its subscription.
    private var awaitsState = true
    private var callback: HTTPURL?
    private var requests: Task<Void, Never>?
    private var timer: Task<Void, Never>?
    private var firstAnswer: CheckedContinuation<Void, any Error>?

    /// - Parameter events: Takes each event; nil at the end.
    init(
        _ target: Target, udn: String?, surroundings: Surroundings,
        events: @escaping @Sendable (DeviceEvent?) -> Void
    ) {
        self.udn = udn
        self.target = target
        self.surroundings = surroundings
        self.events = events
        self.machine = EventSubscription(configuration: surroundings.configuration.eventing)
    }

    /// Subscribes; returns when the device has accepted and throws when it did not.
    func start() async throws {
        try await withCheckedThrowingContinuation { continuation in
            firstAnswer = continuation
            perform(machine.start())
        }
    }

    /// The device's description was read again; false when the service is not where it was and is not followed.
    func follow(_ device: RootDevice, hasRestarted: Bool) -> Bool {
        let services = device.services
        if let service = target.service {
            guard let url = services.first(where: { $0.isSame(as: service) })?.eventSubURL else { return false }
            let hasMoved = url != target.url || device.interface != target.link
            target.url = url
            target.link = device.interface
            if hasMoved || hasRestarted { perform(machine.deviceRestarted()) }
            return true
        }
        guard services.contains(where: { $0.eventSubURL == target.url }) else { return false }
        if hasRestarted { perform(machine.deviceRestarted()) }
        return true
    }

    /// The reader has missed events: makes the subscription anew, which brings the whole state.
    func refresh() { perform(machine.resubscribe()) }

    /// Ends the subscription without a word to the device, which is gone.
    func abandon() {
        timer?.cancel()
        _ = machine.cancel()
        events(nil)
        if let callback { surroundings.closeCallback(callback) }
        callback = nil
    }

    /// Ends the subscription and waits until the device has been told, or cannot be.
    func cancel() async {
        timer?.cancel()
        perform(machine.cancel())
        events(nil)
        await requests?.value
        if let callback { surroundings.closeCallback(callback) }
        callback = nil
    }

    /// Answers a NOTIFY.
    func handle(_ exchange: HTTPServerExchange) async throws {
        let fields = exchange.request.headerFields
        do throws(GENAError) {
            let request = try NotifyRequest { name in HTTPField.Name(name).flatMap { fields[$0] } }
            let properties = try await Self.properties(exchange, limit: surroundings.configuration.eventBytes)
            perform(try machine.handleNotify(request, properties))
        } catch {
            return try await exchange.respond(.init(code: error.status))
        }
        try await exchange.respond(.ok)
    }

    private static func properties(_ exchange: HTTPServerExchange, limit: Int) async throws(GENAError) -> PropertySet {
        do {
            let body = try await exchange.body.collect(upTo: limit)
            return try PropertySet(parsing: body.readableBytesView)
        } catch {
            throw GENAError(status: 400, reason: "The event cannot be read: \(error)")
        }
    }

    private func perform(_ actions: [EventSubscriptionAction]) {
        // An event with which the subscription is given up was not the first one.
        let isGivenUp = actions.contains { if case .subscribe = $0 { true } else { false } }
        for action in actions {
            switch action {
            case .deliver(let sequence, let properties):
                events(
                    DeviceEvent(
                        sequence: sequence, properties: properties, isInitialState: awaitsState && !isGivenUp,
                        types: target.types))
                awaitsState = false
            case .subscribe(let timeout):
                awaitsState = true
                enqueue { await $0.subscribe(timeout: timeout) }
            case .renew(let request):
                enqueue { await $0.send(request.headers, method: "SUBSCRIBE", renews: true, to: $0.target) }
            case .unsubscribe(let request):
                enqueue { await $0.unsubscribe(request) }
            }
        }
        schedule()
    }

    /// Requests leave one after another: an UNSUBSCRIBE must not overtake, nor be overtaken.
    private func enqueue(_ request: @escaping @Sendable (EventReceiver) async -> Void) {
        let previous = requests
        // Unstructured because the machine's actions outlive the call that caused them. Bounded: one
        // SUBSCRIBE is on its way at a time, and an UNSUBSCRIBE for each; every one has a time limit.
        requests = Task {
            await previous?.value
            await request(self)
        }
    }

    private func schedule() {
        timer?.cancel()
        timer = nil
        guard let next = machine.nextWakeup else { return }
        // Unstructured: one at a time, replaced here and cancelled by `cancel`.
        timer = Task {
            do { try await Task.sleep(until: next, clock: .continuous) } catch { return }
            self.wake()
        }
    }

    private func wake() { perform(machine.tick(now: .now)) }

    private func subscribe(timeout: SubscriptionTimeout) async {
        if let callback { surroundings.closeCallback(callback) }
        callback = nil
        guard !machine.isEnded else { return }
        do {
            // The device may be told to have moved while the callback is opened; this SUBSCRIBE still goes where its
            // callback belongs, because devices refuse one on another link.
            let target = target
            let link = try surroundings.links.link(to: target.url, heard: target.link).link
            let callback = try await surroundings.openCallback(self, link)
            self.callback = callback
            let request = SubscribeRequest(callbacks: [callback], timeout: timeout)
            await send(request.headers, method: "SUBSCRIBE", renews: false, to: target)
        } catch {
            finish(.failure(error))
            perform(machine.failed(now: .now, using: &random))
        }
    }

    private func unsubscribe(_ request: UnsubscribeRequest) async {
        _ = try? await exchange(request.headers, method: "UNSUBSCRIBE", time: .seconds(2), with: target)
    }

    private func send(
        _ headers: [(name: String, value: String)], method: String, renews: Bool, to target: Target
    ) async {
        do {
            let response = try await exchange(headers, method: method, time: .seconds(30), with: target)
            let fields = response.headerFields
            guard response.status == .ok, let sid = HTTPField.Name("SID").flatMap({ fields[$0] }) else {
                let status = response.status.code
                finish(
                    .failure(
                        ControlPointError(
                            .httpStatus(status),
                            "\(target.url) refuses to be subscribed to: status \(status). Its values can be polled.")
                    ))
                // 412 says that the device knows no such subscription.
                return perform(
                    status == 412
                        ? machine.refused(now: .now, using: &random) : machine.failed(now: .now, using: &random))
            }
            let timeout = HTTPField.Name("TIMEOUT").flatMap { fields[$0] }.flatMap { SubscriptionTimeout($0) }
            finish(.success(()))
            perform(machine.accepted(sid: sid, timeout: timeout, now: .now, using: &random))
        } catch {
            finish(.failure(error))
            perform(machine.failed(now: .now, using: &random))
        }
    }

    private func exchange(
        _ headers: [(name: String, value: String)], method: String, time: Duration, with target: Target
    ) async throws -> HTTPResponse {
        let url = target.url
        let peer = try surroundings.links.link(to: url, heard: target.link).peer
        var request = surroundings.configuration.request(.init(method) ?? .get, url)
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { request.headerFields[name] = value }
        }
        var limits = HTTPClientLimits()
        limits.totalTime = time
        do {
            return try await surroundings.client.withResponse(request, to: peer, limits: limits) { response, body in
                _ = try? await body.collect(upTo: 1024)
                return response
            }
        } catch let error as HTTPTransportError {
            throw ControlPointError(error, url)
        }
    }

    private func finish(_ result: Result<Void, any Error>) {
        firstAnswer?.resume(with: result)
        firstAnswer = nil
    }
}
