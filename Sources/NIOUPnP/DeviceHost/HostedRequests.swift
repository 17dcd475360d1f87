import HTTPTypes
import Logging
import NIOCore
import NetworkTypes
import UPnP

/// Answers requests for hosted devices at one address.
struct HostedRequests: Sendable {
    let configuration: DeviceHostConfiguration
    let routes: HostRoutes
    let publishing: [ObjectIdentifier: EventPublishing]
    let logger: Logger

    func handle(_ exchange: HTTPServerExchange) async throws {
        if let refusal = refusal(exchange) { return try await answer(exchange, refusal) }
        let path = exchange.request.path.map { $0.prefix { $0 != "?" } } ?? ""
        guard let route = routes.routes[String(path)] else { return try await answer(exchange, .notFound) }
        let method = exchange.request.method
        switch (route, method.rawValue) {
        case (.document(let bytes), "GET"), (.document(let bytes), "HEAD"):
            try await answer(exchange, .ok, type: Self.xml, body: bytes)
        case (.icon(let icon), "GET"), (.icon(let icon), "HEAD"):
            try await answer(exchange, .ok, type: icon.mimeType, body: icon.bytes)
        case (.resource(let resource), "GET"), (.resource(let resource), "HEAD"):
            try await resource.handler(exchange)
        case (.control(let service, let root), "POST"):
            try await control(exchange, service, root: root)
        case (.events(let service), "SUBSCRIBE"), (.events(let service), "UNSUBSCRIBE"):
            guard let publishing = publishing[ObjectIdentifier(service)] else {
                return try await answer(exchange, .serviceUnavailable)
            }
            try await publishing.handle(exchange)
        default:
            try await answer(exchange, .methodNotAllowed)
        }
    }

    private static let xml = "text/xml; charset=\"utf-8\""

    /// Refuses what a browser was tricked into sending: another site's page, or a name that was made to
    /// lead here (upnp.md §4.2 rule 11).
    private func refusal(_ exchange: HTTPServerExchange) -> HTTPResponse.Status? {
        if exchange.request.headerFields[.origin] != nil { return .forbidden }
        // Only HTTP/1.0 comes without a Host, and browsers do not speak it.
        guard let authority = exchange.request.authority else { return nil }
        let local = exchange.local
        let accepted = authority == "\(local)" || (local.port == 80 && authority == local.address.uriHost)
        return accepted ? nil : .misdirectedRequest
    }

    private func control(_ exchange: HTTPServerExchange, _ service: HostedService, root: Int) async throws {
        let body = try await exchange.body.collect(upTo: configuration.controlBytes)
        let response: ActionResponse
        do throws(UPnPFault) {
            let request = try Self.request(exchange, body)
            let local = exchange.local
            let paths = routes.roots[root].resources
            response = try await service.invoke(request, peer: exchange.peer) { name in
                paths[name].flatMap { HTTPURL(endpoint: local, pathAndQuery: $0) }
            }
        } catch {
            return try await answer(
                exchange, .internalServerError, type: Self.xml, body: ByteBuffer(string: error.serialized())
            )
        }
        try await answer(exchange, .ok, type: Self.xml, body: ByteBuffer(string: response.serialized()))
    }

    private static func request(_ exchange: HTTPServerExchange, _ body: ByteBuffer) throws(UPnPFault) -> ActionRequest {
        let fields = exchange.request.headerFields
        guard let header = HTTPField.Name("SOAPACTION").flatMap({ fields[$0] }) else {
            throw UPnPFault(.invalidAction)
        }
        do {
            return try ActionRequest(parsing: body.readableBytesView, soapActionHeader: header)
        } catch {
            throw error.fault
        }
    }

    private func answer(
        _ exchange: HTTPServerExchange, _ status: HTTPResponse.Status, type: String? = nil,
        body: ByteBuffer = ByteBuffer()
    ) async throws {
        var headers: HTTPFields = [.server: configuration.serverName, .date: HTTPDate.text(HTTPDate.now)]
        if let type { headers[.contentType] = type }
        if let ext = HTTPField.Name("EXT"), exchange.request.method == .post { headers[ext] = "" }
        try await exchange.respond(status, headers: headers, body: body)
    }
}
