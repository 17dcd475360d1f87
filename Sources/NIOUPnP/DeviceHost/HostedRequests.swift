import HTTPTypes
import Logging
import NIOCore
import NetworkTypes
import Synchronization
import UPnP

/// Answers requests for hosted devices, on whichever link they come in.
struct HostedRequests: Sendable {
    let configuration: DeviceHostConfiguration
    let routes: HostRoutes
    let outlets: [ObjectIdentifier: ServiceEvents.Outlets]
    let calls: ActionCalls
    let logger: Logger
    let names = EndpointNames()

    func handle(_ exchange: HTTPServerExchange) async throws {
        if let refusal = refusal(exchange) { return try await answer(exchange, refusal) }
        let path = exchange.request.path.map { $0.utf8.prefix { $0 != UInt8(ascii: "?") } } ?? "".utf8[...]
        guard let route = routes.route(Substring(path)) else { return try await answer(exchange, .notFound) }
        let method = exchange.request.method.rawValue
        guard route.methods.contains(method) else {
            // UDA 2.0 §3.2.1 ended M-POST, the one of an older extension framework.
            guard Self.knownMethods.contains(method) else { return try await answer(exchange, .notImplemented) }
            let allowed: HTTPFields = [.allow: route.methods.joined(separator: ", ")]
            return try await answer(exchange, .methodNotAllowed, headers: allowed)
        }
        switch route {
        case .document(let document):
            let (headers, body) = document.answer(to: exchange.request.headerFields)
            try await answer(exchange, .ok, headers: headers, body: body)
        case .icon(let icon):
            try await answer(exchange, .ok, headers: [.contentType: icon.mimeType], body: icon.bytes)
        case .resource(let resource):
            try await resource.handler(exchange)
        case .presentation(let root):
            try await present(exchange, routes.roots[root])
        case .control(let service, let root, let udn):
            try await control(exchange, service, root: root, udn: udn)
        case .events(let service):
            guard let publishing = outlets[ObjectIdentifier(service)]?.subscribers else {
                return try await answer(exchange, .serviceUnavailable)
            }
            try await publishing.handle(exchange)
        }
    }

    /// Methods that exist, though a path may not have them.
    private static let knownMethods: Set<String> = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "SUBSCRIBE", "UNSUBSCRIBE",
        "NOTIFY",
    ]
    private static let xml: HTTPFields = [.contentType: "text/xml; charset=\"utf-8\""]

    /// Refuses what a browser was tricked into sending: another site's page, or a name that was made to
    /// lead here (upnp.md §4.2 rule 11).
    private func refusal(_ exchange: HTTPServerExchange) -> HTTPResponse.Status? {
        if exchange.request.headerFields[.origin] != nil { return .forbidden }
        // Only HTTP/1.0 comes without a Host, and browsers do not speak it.
        guard let authority = exchange.request.authority else { return nil }
        if isOwn(authority, exchange.local) || Self.isCarried(authority, exchange) { return nil }
        return .misdirectedRequest
    }

    /// Whether a control point reached us by another address than ours, through somebody who carries its TLS to us
    /// without reading it: then `Host` is that one's.
    ///
    /// A page whose name was made to lead here has that name in `Host`, never an address; and it shows no
    /// certificate of its own. So an address is let through, of whomever, over TLS with a client certificate.
    private static func isCarried(_ authority: String, _ exchange: HTTPServerExchange) -> Bool {
        guard exchange.connection?.peerCertificateDER != nil, let url = plainURL(authority) else { return false }
        return url.ipAddress != nil
    }

    /// The authority read as `host:port`; nil for what has more in it.
    private static func plainURL(_ authority: String) -> HTTPURL? {
        guard let url = HTTPURL("http://\(authority)/"), url.authority.utf8.count <= authority.utf8.count + 3,
            !authority.utf8.contains(UInt8(ascii: "@")), !authority.utf8.contains(UInt8(ascii: "/"))
        else { return nil }
        return url
    }

    private func isOwn(_ authority: String, _ local: SocketEndpoint) -> Bool {
        // As it nearly always is written. IPv6 addresses have other spellings.
        if authority == names.text(of: local) { return true }
        guard let url = Self.plainURL(authority), url.port == local.port else { return false }
        if let address = url.ipAddress { return address == local.address }
        return configuration.hostNames.contains { $0.lowercased() == url.host.lowercased() }
    }

    private func control(_ exchange: HTTPServerExchange, _ service: HostedService, root: Int, udn: String) async throws
    {
        if let type = exchange.request.headerFields.value(of: .contentType), !Self.isXML(type) {
            return try await answer(exchange, .unsupportedMediaType)
        }
        // Nobody was told that a request may be compressed, so none is inflated (RFC 9110 §15.5.16).
        if let coding = exchange.request.headerFields.value(of: .contentEncoding), coding.lowercased() != "identity" {
            return try await answer(exchange, .unsupportedMediaType, headers: [.acceptEncoding: "identity"])
        }
        let body = try await exchange.body.collect(upTo: configuration.controlBytes)
        let outcome = await calls.run(exchange) { () async throws(UPnPFault) in
            try await reply(to: body, exchange, service, root: root, udn: udn)
        }
        switch outcome {
        case .answered(let text):
            try await answer(exchange, .ok, headers: Self.xml, body: ByteBuffer(string: text))
        case .fault(let fault):
            try await answer(
                exchange, .internalServerError, headers: Self.xml, body: ByteBuffer(string: fault.serialized())
            )
        case .refused:
            try await answer(exchange, .serviceUnavailable)
        case .overdue:
            break
        }
    }

    /// What the time limit of actions answers with, in the action's place.
    static func answerOverdue(_ exchange: HTTPServerExchange, _ configuration: DeviceHostConfiguration) async throws {
        let fault = UPnPFault(.actionFailed, description: "The action takes too long.")
        var headers = xml
        headers[.server] = configuration.serverName
        try await exchange.respond(
            .internalServerError, headers: headers, body: ByteBuffer(string: fault.serialized())
        )
    }

    private static func isXML(_ contentType: String) -> Bool {
        let type = Substring(contentType.utf8.prefix { $0 != UInt8(ascii: ";") && $0 > 0x20 }).lowercased()
        return type == "text/xml" || type == "application/xml"
    }

    /// The SOAP message that answers a control request.
    private func reply(
        to body: ByteBuffer, _ exchange: HTTPServerExchange, _ service: HostedService, root: Int, udn: String
    ) async throws(UPnPFault) -> String {
        guard let header = Self.soapAction.flatMap({ exchange.request.headerFields.value(of: $0) }) else {
            throw UPnPFault(.invalidAction)
        }
        let posted: ControlRequest
        do throws(ControlError) {
            posted = try ControlRequest(parsing: body.readableBytesView, soapActionHeader: header)
        } catch {
            throw error.fault
        }
        let request: ActionRequest
        switch posted {
        case .query(let query): return try service.answer(to: query).serialized()
        case .action(let action): request = action
        }
        let local = exchange.local
        let paths = routes.roots[root].resources
        let isSecure = exchange.connection != nil
        return try await service.invoke(
            request, peer: exchange.peer, udn: udn, connection: exchange.connection,
            authorizes: configuration.authorizes
        ) { name in
            paths[name].flatMap {
                isSecure ? HTTPURL("https://\(local)\($0)") : HTTPURL(endpoint: local, pathAndQuery: $0)
            }
        }.serialized()
    }

    private static let soapAction = HTTPField.Name("SOAPACTION")

    private func present(_ exchange: HTTPServerExchange, _ root: HostRoutes.Root) async throws {
        var generator = SystemRandomNumberGenerator()
        let nonce = generator.uuid()
        try await answer(
            exchange, .ok, headers: PresentationPage.headers(nonce: nonce),
            body: ByteBuffer(string: PresentationPage(root: root).html(nonce: nonce))
        )
    }

    private func answer(
        _ exchange: HTTPServerExchange, _ status: HTTPResponse.Status, headers: HTTPFields = [:],
        body: ByteBuffer = ByteBuffer()
    ) async throws {
        var headers = headers
        headers.append(HTTPField(name: .server, value: configuration.serverName))
        headers.append(HTTPField(name: .date, value: HTTPDate.current))
        if let ext = Self.ext, exchange.request.method == .post { headers.append(HTTPField(name: ext, value: "")) }
        try await exchange.respond(status, headers: headers, body: body)
    }

    private static let ext = HTTPField.Name("EXT")
}

/// The text of the own endpoint that was asked for last: every request names it.
final class EndpointNames: Sendable {
    private let latest = Mutex<(endpoint: SocketEndpoint, text: String)?>(nil)

    func text(of endpoint: SocketEndpoint) -> String {
        latest.withLock { latest in
            if let latest, latest.endpoint == endpoint { return latest.text }
            let text = endpoint.description
            latest = (endpoint, text)
            return text
        }
    }
}

extension HostRoutes.Route {
    /// The methods that the path has.
    fileprivate var methods: [String] {
        switch self {
        case .document, .icon, .resource, .presentation: ["GET", "HEAD"]
        case .control: ["POST"]
        case .events: ["SUBSCRIBE", "UNSUBSCRIBE"]
        }
    }
}
