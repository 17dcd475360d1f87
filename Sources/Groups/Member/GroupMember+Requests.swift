import NIOSUPnP
import SUPnP

/// Asking.
extension GroupMember {
    /// Asks all servers of a service. Nothing is sent before the result is iterated.
    ///
    /// Any number of requests may be under way; 64 are open at one time and the others wait for their turn.
    ///
    /// - Parameters:
    ///   - service: The service's name, usually a URN; 1 to 128 visible ASCII characters.
    ///   - payload: What is asked, at most ``longestPayload`` bytes.
    ///   - window: How long answers are collected, 50 ms to 30 s.
    ///   - maximumAnswers: With how many answers it ends early, at most 63; 0 for as many as come in time.
    public func request(
        _ service: String, _ payload: [UInt8] = [], window: Duration = .seconds(2), maximumAnswers: Int = 0
    ) -> GroupRequest {
        GroupRequest(
            member: self,
            order: RequestOrder(service: service, payload: payload, window: window, maximumAnswers: maximumAnswers))
    }

    /// Asks all servers of a service with a text. See the other `request`.
    public func request(
        _ service: String, _ text: String, window: Duration = .seconds(2), maximumAnswers: Int = 0
    ) -> GroupRequest {
        request(service, Array(text.utf8), window: window, maximumAnswers: maximumAnswers)
    }

    /// Tells all servers of a service something, without wanting an answer; returns when a forwarder has taken it.
    ///
    /// - Throws: ``GroupError`` when it was refused or not taken; `CancellationError`.
    public func announce(_ service: String, _ payload: [UInt8]) async throws {
        // Long enough for the forwarder to say it twice (supnp machines, section 2).
        for try await update in request(service, payload, window: .milliseconds(300)).updates {
            switch update {
            case .accepted, .answer, .completed: return
            }
        }
    }

    /// Tells all servers of a service a text. See the other `announce`.
    public func announce(_ service: String, _ text: String) async throws {
        try await announce(service, Array(text.utf8))
    }

    /// Sends a request when it is its turn.
    func open(_ order: RequestOrder) async throws -> OpenRequest {
        guard let name = ServiceName(order.service) else { throw Self.invalidService(order.service) }
        guard order.payload.count <= Self.longestPayload else {
            throw GroupError.invalid("a payload has at most \(Self.longestPayload) bytes")
        }
        guard (.milliseconds(50) ... .seconds(30)).contains(order.window) else {
            throw GroupError.invalid("the time for answers is 50 ms to 30 s")
        }
        guard let maximum = UInt8(exactly: order.maximumAnswers), maximum <= DataPayload.answerLimit else {
            throw GroupError.invalid("a request ends early with 1 to 63 answers; 0 takes all that come in time")
        }
        guard case .registered = membership.phase, let host else { throw GroupError.notRegistered }
        switch await slots.enter() {
        case .entered: break
        case .full:
            throw GroupError(.tooManyRequests, "\(configuration.queuedRequests) requests wait for their turn already")
        case .cancelled: throw CancellationError()
        }
        let (slots, membership) = (slots, membership)
        let request = OpenRequest(limit: configuration.waitingAnswers) { id in
            // The machine first: whoever gets the slot finds its place there free.
            if let id, membership.removeRequest(id) != nil { host.tell(.abandon(id)) }
            slots.leave()
        }
        let sink = request.sink
        let id = try await host.perform { machine, now -> UInt64? in
            let id = machine.request(
                name, payload: order.payload, window: order.window, maximumAnswers: maximum, now: now)
            // Before anything can be heard of it.
            if let id { membership.add(sink, as: id) }
            return id
        }
        guard let id else {
            if case .registered = membership.phase {
                throw GroupError(.tooManyRequests, "as many requests are open as may be; wait until one is over")
            }
            throw GroupError.notRegistered
        }
        request.sent(as: id)
        return request
    }

    /// Whether a text may name a service.
    package static func isServiceName(_ text: String) -> Bool { ServiceName(text) != nil }

    static func invalidService(_ name: String) -> GroupError {
        .invalid("a service's name has 1 to 128 visible ASCII characters, and “\(name)” is none")
    }
}
