import Logging
import NIOSUPnP
import SUPnP

/// A request that a server is asked to answer.
public struct GroupInboundRequest: Sendable {
    /// The service.
    public let service: String
    /// What is asked.
    public let payload: [UInt8]
    /// A number of the client that says nothing of who it is, and is the same in the requests of a while.
    public let client: UInt32
    /// Whether the client has come by the hardened protocol, and not by the paper's.
    public let isHardened: Bool
    /// Whether it came without encryption, from anybody: only where
    /// ``GroupMemberConfiguration/acceptsUnencrypted`` is set.
    public let isUnencrypted: Bool
    private let send: @Sendable ([UInt8], Bool) throws -> Void

    init(_ request: InboundRequest, send: @escaping @Sendable ([UInt8], Bool) throws -> Void) {
        service = request.service.description
        payload = request.payload
        client = request.alias
        isHardened = request.isFromHardened
        isUnencrypted = request.isUnencrypted
        self.send = send
    }

    /// The payload as UTF-8; what is none is replaced.
    public var text: String { String(decoding: payload, as: UTF8.self) }

    /// Sends one of several answers, at most ``GroupMember/longestPayload`` bytes.
    ///
    /// - Throws: ``GroupError`` of the kind `invalid` when it is longer.
    public func answer(_ payload: [UInt8]) throws { try send(payload, false) }

    /// Sends one of several answers, a text.
    ///
    /// - Throws: ``GroupError`` of the kind `invalid` when it is longer than it may be.
    public func answer(_ text: String) throws { try send(Array(text.utf8), false) }

    /// Sends an answer, the last one or one of several.
    ///
    /// - Throws: ``GroupError`` of the kind `invalid` when it is longer than it may be.
    package func reply(_ payload: [UInt8], isLast: Bool) throws { try send(payload, isLast) }
}

/// Answering.
extension GroupMember {
    /// Offers a service and answers its requests, until the task is cancelled.
    ///
    ///     try await group.serve("urn:example:service:Light:1") { request in
    ///         Array("on".utf8)
    ///     }
    ///
    /// The handler's result is the last answer; nil gives none, for what is an announcement or was answered by the
    /// request's own `answer`. When the handler throws, nothing is answered and the log says why.
    /// Each request is handled once.
    ///
    /// - Parameters:
    ///   - service: The service's name, usually a URN; 1 to 128 visible ASCII characters. At most 32 services.
    ///   - concurrency: How many requests are handled at one time; the others wait.
    ///   - admitsClassicClients: Whether clients that know the paper's protocol only are served too.
    ///   - handler: Answers a request.
    /// - Throws: ``GroupError`` when the service is served already or the device was enrolled as a client, and when
    ///   ``run()`` ends; `CancellationError`.
    public func serve(
        _ service: String, concurrency: Int = 16, admitsClassicClients: Bool = false,
        _ handler: @escaping @Sendable (GroupInboundRequest) async throws -> [UInt8]?
    ) async throws {
        guard let name = ServiceName(service) else { throw Self.invalidService(service) }
        let (requests, continuation) = AsyncStream.makeStream(
            of: InboundRequest.self, bufferingPolicy: .bufferingOldest(max(configuration.waitingRequests, 1)))
        let offer = ServiceOffer(
            name, lowestSuite: admitsClassicClients ? 0 : 1, admitsHardenedOverClassic: admitsClassicClients)
        guard membership.offers.count < ServiceOfferCodec.maximumOffers else {
            throw GroupError.invalid("a device serves at most \(ServiceOfferCodec.maximumOffers) services")
        }
        guard membership.add(Membership.Server(offer: offer, requests: continuation)) else {
            throw GroupError.invalid("“\(service)” is served by this member already")
        }
        defer {
            membership.removeServer(name)
            continuation.finish()
            tellOffers()
        }
        guard try await isServer() else {
            throw GroupError(
                .notAServer,
                """
                the device was enrolled as a client; let it answer requests with: \
                latchkey group enrol \(configuration.id) --role both
                """)
        }
        tellOffers()
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            for await request in requests {
                if running >= max(concurrency, 1) {
                    try await group.next()
                    running -= 1
                }
                running += 1
                group.addTask { await self.handle(request, handler) }
            }
            group.cancelAll()
        }
        try Task.checkCancellation()
        if case .ended(let error) = membership.phase { throw error ?? GroupError.notRunning }
    }

    /// Offers a service and answers its requests with texts. See the other `serve`.
    @_disfavoredOverload  // A handler that gives nothing but nil is the other one's.
    public func serve(
        _ service: String, concurrency: Int = 16, admitsClassicClients: Bool = false,
        _ handler: @escaping @Sendable (GroupInboundRequest) async throws -> String?
    ) async throws {
        try await serve(service, concurrency: concurrency, admitsClassicClients: admitsClassicClients) { request in
            try await handler(request).map { Array($0.utf8) }
        }
    }

    /// Whether it was enrolled as a server; waits until that is known, over memberships that end at once.
    private func isServer() async throws -> Bool {
        while true {
            try await registered()
            guard let host else { throw GroupError.notRunning }
            let known = try await host.perform { machine, _ in machine.id == nil ? nil : machine.isServer }
            if let known { return known }
            // The phase follows the machine on its loop, so that it is dropped by now, or registered anew.
            await Task.yield()
        }
    }

    /// Tells the machine, which tells the key manager, what is served.
    func tellOffers() { host?.tell(.offer(membership.offers)) }

    private func handle(
        _ request: InboundRequest, _ handler: @Sendable (GroupInboundRequest) async throws -> [UInt8]?
    ) async {
        let host = host
        let inbound = GroupInboundRequest(request) { payload, isLast in
            guard payload.count <= Self.longestPayload else {
                throw GroupError.invalid("an answer has at most \(Self.longestPayload) bytes")
            }
            host?.tell(.answer(request.id, payload: payload, isLast: isLast))
        }
        do {
            if let payload = try await handler(inbound) { try inbound.reply(payload, isLast: true) }
        } catch {
            logger.warning(
                "a request is not answered",
                metadata: ["group.service": "\(request.service)", "error": "\(error)"])
        }
    }
}
