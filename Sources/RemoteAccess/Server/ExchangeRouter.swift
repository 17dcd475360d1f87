import AccessPolicy
import HTTPTypes
import Logging
import NIOCore
import TrustCore
import Tunnel
import UPnP

/// Where every exchange of an admitted client goes: the only way from the tunnel to the home.
struct ExchangeRouter: Sendable {
    let endpoints: SessionEndpoints
    let home: HomeMirror
    let hub: SubscriptionHub
    let control: ControlProxy
    let documents: DocumentProxy
    let media: MediaProxy
    let discovery: DiscoveryEndpoint
    let passage: SecurePassage
    let punches: PunchDesk?
    let limits: WireLimits
    let logger: Logger

    /// Answers one exchange; what goes wrong becomes a problem document, or a reset once the answer began.
    func handle(_ exchange: any InboundExchange, peer: AdmittedPeer, carrier: CarrierID) async {
        do {
            try await route(exchange, peer: peer, carrier: carrier)
        } catch let problem as Problem {
            await refuse(exchange, problem)
        } catch is CancellationError {
            exchange.reset(.cancelled)
        } catch let error as TranslationError {
            logger.warning("an answer was held back", metadata: ["error": "\(error)"])
            await refuse(exchange, Problem(.device, error.description, status: 502))
        } catch {
            logger.debug("an exchange failed", metadata: ["error": "\(error)"])
            exchange.reset(.internalError)
        }
    }

    private func refuse(_ exchange: any InboundExchange, _ problem: Problem) async {
        var problem = problem
        problem.title = home.sentence(problem.title)
        do { try await exchange.respond(problem) } catch { exchange.reset(.internalError) }
    }

    private func route(_ exchange: any InboundExchange, peer: AdmittedPeer, carrier: CarrierID) async throws {
        let request = exchange.request
        let path = request.path ?? "/"
        let plain = String(path.prefix { $0 != "?" })
        if plain == WirePath.session, request.method == .post {
            return try await endpoints.open(exchange, peer: peer, carrier: carrier)
        }
        guard
            let session = request.headerFields[.latchkeySession].flatMap({
                endpoints.registry.attach(
                    $0, fingerprint: peer.sessionBinding, carrier: carrier, path: peer.path)
            })
        else { throw Problem(.noSession, "The session is not known; open a new one.", status: 401) }
        switch (request.method, plain) {
        case (.get, WirePath.events): try await endpoints.events(exchange, of: session)
        case (.post, WirePath.subscriptions): try await subscribe(exchange, session)
        case (.delete, _) where plain.hasPrefix(WirePath.subscriptions + "/"):
            await hub.detach(session, from: String(plain.dropFirst(WirePath.subscriptions.count + 1)))
            try await exchange.respond(HTTPResponse(status: .noContent))
            try await exchange.finish()
        case _ where plain.hasPrefix(DiscoveryEndpoint.prefix):
            try await discovery.serve(exchange, path: plain, of: session)
        case (.post, WirePath.renewal): try await upkeep.renew(exchange, of: session, peer: peer)
        case (.post, WirePath.path):
            guard let punches else {
                throw Problem(.notFound, "This gateway looks for no direct paths.", status: 404)
            }
            try await punches.answer(exchange, from: peer)
        case (.post, WirePath.nat):
            guard let punches else {
                throw Problem(.notFound, "This gateway looks for no direct paths.", status: 404)
            }
            try await punches.exchangeNAT(exchange, of: session)
        case (.post, WirePath.audit): try await upkeep.audit(exchange, of: session)
        case (.post, WirePath.addresses): try await upkeep.addresses(exchange, of: session)
        case (.post, WirePath.role):
            try await RoleEndpoint(trust: endpoints.trust, nested: endpoints.nested, limits: limits)
                .hold(exchange, of: session)
        case (.post, _) where plain.hasPrefix(WirePath.secure + "/"):
            let context = try context(of: exchange, session)
            let (_, device) = try opened(String(path.dropFirst(WirePath.secure.count)), context)
            try await passage.serve(exchange, of: device, context: context)
        default: try await proxy(exchange, path: path, session)
        }
    }

    private var upkeep: UpkeepEndpoints { UpkeepEndpoints(trust: endpoints.trust, limits: limits) }

    /// The context of an exchange that an app caused.
    private func context(of exchange: any InboundExchange, _ session: RemoteSession) throws(Problem) -> AccessContext {
        guard let via = AccessContext.via(of: exchange.request) else {
            throw Problem(.badRequest, "The request does not say who asks.", status: 400)
        }
        // URLs are written with the authority of the session: an app's own is the same, or not ours to trust.
        return home.context(of: session, via: via)
    }

    private func opened(
        _ path: String, _ context: AccessContext
    ) throws(Problem) -> (resource: SealedResource, device: KnownDevice) {
        let resource: SealedResource
        do {
            resource = try home.sealer.open(path, for: context.session.subject.id.rawValue)
        } catch {
            throw Problem(.notFound, error.description, status: 404)
        }
        guard let device = home.directory.device(udn: resource.udn), context.home.endpoint(for: resource) != nil else {
            throw Problem(.notFound, "The device is not at home, or not for this client.", status: 404)
        }
        return (resource, device)
    }

    private func proxy(_ exchange: any InboundExchange, path: String, _ session: RemoteSession) async throws {
        let context = try context(of: exchange, session)
        let (resource, device) = try opened(path, context)
        switch (resource.kind, exchange.request.method) {
        case (.description, .get), (.description, .head):
            try await respond(exchange, document: try documents.description(of: device, context: context))
        case (.serviceDescription, .get), (.serviceDescription, .head):
            let document = try await documents.serviceDescription(at: resource, of: device, context: context)
            try await respond(exchange, document: document)
        case (.control, .post): try await act(exchange, resource, device, context)
        case (.media, .get), (.media, .head): try await media.serve(exchange, resource, of: device, context: context)
        default: throw Problem(.badRequest, "\(exchange.request.method) has no meaning here.", status: 405)
        }
    }

    private func respond(_ exchange: any InboundExchange, document: String) async throws {
        let body = ByteBuffer(string: document)
        guard exchange.request.method != .head else {
            var response = HTTPResponse(status: .ok)
            response.headerFields[.contentType] = "text/xml; charset=\"utf-8\""
            response.headerFields[.contentLength] = String(body.readableBytes)
            try await exchange.respond(response)
            return try await exchange.finish()
        }
        try await exchange.respond(status: .ok, contentType: "text/xml; charset=\"utf-8\"", body: body)
    }

    private func act(
        _ exchange: any InboundExchange, _ resource: SealedResource, _ device: KnownDevice, _ context: AccessContext
    ) async throws {
        let body = Array(try await exchange.body.collect(upTo: 1 << 20).readableBytesView)
        let soapAction = exchange.request.headerFields[.soapAction]
        guard let id = exchange.request.headerFields[.latchkeyRequestID] else {
            throw Problem(.badRequest, "An action needs a request id.", status: 400)
        }
        let answer = try await context.session.atMostOnce(id) { [control] in
            await control.run(body, soapAction: soapAction, at: resource, of: device, context: context)
        }
        var response = HTTPResponse(status: .init(code: answer.status))
        response.headerFields[.contentType] = "text/xml; charset=\"utf-8\""
        response.headerFields[.known("EXT")] = ""
        let bytes = ByteBuffer(string: answer.body)
        response.headerFields[.contentLength] = String(bytes.readableBytes)
        try await exchange.respond(response)
        try await exchange.send(bytes)
        try await exchange.finish()
    }

    private func subscribe(_ exchange: any InboundExchange, _ session: RemoteSession) async throws {
        let body = try await exchange.body.collect(upTo: limits.messageBytes)
        guard let message = try? WireCoding.decode(SubscriptionRequest.self, from: body) else {
            throw Problem(.badRequest, "This is not a subscription request.", status: 400)
        }
        let context = try context(of: exchange, session)
        let (resource, device) = try opened(message.path, context)
        guard resource.kind == .event, let service = device.service(eventedAt: resource.url) else {
            throw Problem(.notFound, "\(device.name) has no events there.", status: 404)
        }
        try context.require(.event, on: device, service: service.serviceType)
        let home = home
        let isPermitted: @Sendable () -> Bool = {
            context.permits(.event, on: device, service: service.serviceType)
        }
        let state = try await hub.attach(session, to: resource.url, of: device, isPermitted: isPermitted) {
            properties in
            // The home may have changed since the subscription began: what a URL means is asked at each event.
            let translation = home.context(of: session).translation(of: device)
            let scanner = translation.leakScanner
            return OutboundTranslator(translation).propertySet(PropertySet(properties)).properties.map {
                // The last line of defence: a value in which an address is left is told as empty.
                MirroredProperty(name: $0.name, value: scanner.finds(in: $0.value) ? "" : $0.value)
            }
        }
        try await exchange.respond(json: state)
    }
}
