internal import HTTPTypes
internal import NIOHPACK
internal import Tunnel

/// The heads of requests and answers as HTTP/2 carries them (RFC 9113 §8.3), and back.
///
/// NIOHTTP2 has checked the pseudo-header fields and the names before these are asked.
enum HeaderTranslation {
    /// Says that an exchange on a session's first connection is of class event; absent otherwise.
    static let classField = "latchkey-class"

    /// RFC 9113 §8.2.2: fields about one connection do not travel over HTTP/2.
    private static let connectionFields: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "host", "http2-settings",
    ]

    static func headers(_ request: HTTPRequest, _ trafficClass: TrafficClass) -> HPACKHeaders {
        var headers = HPACKHeaders()
        headers.reserveCapacity(request.headerFields.count + 5)
        headers.add(name: ":method", value: request.method.rawValue)
        headers.add(name: ":scheme", value: request.scheme ?? "https")
        headers.add(name: ":authority", value: request.authority ?? "latchkey")
        // Paths carry tokens, each of its own: they would only push everything else out of the table.
        headers.add(name: ":path", value: request.path ?? "/", indexing: .nonIndexable)
        if trafficClass == .event { headers.add(name: classField, value: trafficClass.rawValue) }
        add(request.headerFields, to: &headers)
        return headers
    }

    static func headers(_ response: HTTPResponse) -> HPACKHeaders {
        var headers = HPACKHeaders()
        headers.reserveCapacity(response.headerFields.count + 1)
        headers.add(name: ":status", value: String(response.status.code))
        add(response.headerFields, to: &headers)
        return headers
    }

    private static func add(_ fields: HTTPFields, to headers: inout HPACKHeaders) {
        for field in fields {
            let name = field.name.canonicalName
            guard !connectionFields.contains(name), name != classField else { continue }
            headers.add(name: name, value: field.value)
        }
    }

    /// The request that the fields describe, and its class if they name one; nil if they do not describe one.
    static func request(_ headers: HPACKHeaders) -> (HTTPRequest, TrafficClass?)? {
        guard let method = headers.first(name: ":method").flatMap({ HTTPRequest.Method(rawValue: $0) }),
            let path = headers.first(name: ":path")
        else { return nil }
        var request = HTTPRequest(
            method: method, scheme: headers.first(name: ":scheme"), authority: headers.first(name: ":authority"),
            path: path
        )
        request.headerFields = fields(headers)
        return (request, headers.first(name: classField).flatMap { TrafficClass(rawValue: $0) })
    }

    /// The head of the answer that the fields describe; nil if they do not describe one.
    static func response(_ headers: HPACKHeaders) -> HTTPResponse? {
        guard let code = headers.first(name: ":status").flatMap({ Int($0) }), (100...999).contains(code) else {
            return nil
        }
        return HTTPResponse(status: .init(code: code), headerFields: fields(headers))
    }

    private static func fields(_ headers: HPACKHeaders) -> HTTPFields {
        var fields = HTTPFields()
        fields.reserveCapacity(headers.count)
        for (name, value, _) in headers {
            guard name.utf8.first != 0x3A, name != classField, let name = HTTPField.Name(name) else { continue }
            fields.append(HTTPField(name: name, value: value))
        }
        return fields
    }
}
