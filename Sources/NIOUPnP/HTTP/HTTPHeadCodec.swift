public import HTTPTypes
package import NIOCore
package import NIOHTTP1

/// Translates message heads between NIO's types, HTTPTypes and bytes.
package enum HTTPHeadCodec {
    /// Fields that belong to a connection and not to a message (RFC 9110 §7.6.1); each end writes its own.
    static let connectionFields: Set<HTTPField.Name> = Set(
        ["Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"]
            .compactMap { HTTPField.Name($0) }
    )

    /// Why a request's head is refused, with the status to say so.
    package struct Refusal: Error {
        package var status: HTTPResponse.Status
        package var reason: String
    }

    /// Reads a request's head strictly: what two parsers could read differently is refused.
    package static func request(_ head: HTTPRequestHead) throws(Refusal) -> HTTPRequest {
        guard let method = HTTPRequest.Method(head.method.rawValue) else {
            throw Refusal(status: .badRequest, reason: "the method is not a token")
        }
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count)
        var host: String?
        var hosts = 0
        var codings: [String] = []
        var lengths = 0
        var namesFields = false
        for (name, value) in head.headers {
            guard let name = HTTPField.Name(name) else { continue }
            switch name.canonicalName {
            case "host":
                if value.isEmpty { continue }
                hosts += value.utf8.contains(UInt8(ascii: ",")) ? 2 : 1
                host = value
                continue
            case "transfer-encoding": codings.append(value)
            case "content-length": lengths += 1
            case "connection": namesFields = namesFields || !isPlainConnection(value)
            default: break
            }
            if namesFields || !isConnectionField(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        guard hosts <= 1, hosts == 1 || head.version.minor == 0 else {
            throw Refusal(status: .badRequest, reason: "exactly one Host is needed (RFC 9112 §3.2)")
        }
        if !codings.isEmpty {
            guard head.version.minor >= 1, codings.count == 1, codings[0].lowercased() == "chunked", lengths == 0
            else { throw Refusal(status: .badRequest, reason: "the body's framing is ambiguous (RFC 9112 §6.1)") }
        }
        guard lengths <= 1 else {
            throw Refusal(status: .badRequest, reason: "more than one Content-Length (RFC 9112 §6.3)")
        }
        return HTTPRequest(
            method: method,
            scheme: "http",
            authority: host,
            path: head.uri,
            headerFields: namesFields ? fields.withoutConnectionFields() : fields
        )
    }

    /// Reads a response's head; nil for a status that no final answer has (RFC 9110 §15).
    package static func response(_ head: HTTPResponseHead) -> HTTPResponse? {
        let code = Int(head.status.code)
        guard (200...999).contains(code) else { return nil }
        return HTTPResponse(
            status: .init(code: code, reasonPhrase: head.status.reasonPhrase),
            headerFields: fields(head.headers)
        )
    }

    /// Whether a `Connection` field names no further fields.
    private static func isPlainConnection(_ value: String) -> Bool {
        switch value.utf8.count {
        case 5: value.lowercased() == "close"
        case 10: value.lowercased() == "keep-alive"
        default: false
        }
    }

    private static func isConnectionField(_ name: HTTPField.Name) -> Bool {
        // Lengths first: this is asked of every field of every message.
        switch name.canonicalName.utf8.count {
        case 2, 7, 10, 16, 17: connectionFields.contains(name)
        default: false
        }
    }

    /// End-to-end fields only, so that what is passed on never carries one connection's framing to another.
    private static func fields(_ headers: HTTPHeaders) -> HTTPFields {
        var fields = HTTPFields()
        fields.reserveCapacity(headers.count)
        for (name, value) in headers {
            guard let name = HTTPField.Name(name) else { continue }
            fields.append(HTTPField(name: name, value: value))
        }
        return fields.withoutConnectionFields()
    }

    /// Makes the head of a request for NIO's encoder, which adds nothing to it.
    package static func head(_ request: HTTPRequest, framing: Framing) -> HTTPRequestHead {
        var headers = HTTPHeaders()
        headers.reserveCapacity(request.headerFields.count + 3)
        headers.add(name: "Host", value: request.authority ?? "")
        for field in request.headerFields where !isManaged(field.name) || isLength(field.name, framing) {
            headers.add(name: field.name.rawName, value: field.value)
        }
        switch framing {
        case .none, .asDeclared: break
        case .length(let length): headers.add(name: "Content-Length", value: String(length))
        case .chunked: headers.add(name: "Transfer-Encoding", value: "chunked")
        }
        return HTTPRequestHead(
            version: .http1_1, method: .init(rawValue: request.method.rawValue), uri: request.path ?? "/",
            headers: headers
        )
    }

    /// How the end of a request's body is told.
    package enum Framing: Hashable {
        case none, length(Int), chunked
        /// By the `Content-Length` that the caller set.
        case asDeclared
    }

    private static func isLength(_ name: HTTPField.Name, _ framing: Framing) -> Bool {
        name == .contentLength && framing == .asDeclared
    }

    private static func isManaged(_ name: HTTPField.Name) -> Bool {
        name == .contentLength || name.canonicalName == "host" || isConnectionField(name)
    }

    /// Writes the head of an answer.
    /// - Parameters:
    ///   - chunked: Adds `Transfer-Encoding: chunked`.
    ///   - connection: The value of `Connection`, if one is to be sent.
    package static func write(_ response: HTTPResponse, chunked: Bool, connection: String?, to buffer: inout ByteBuffer)
    {
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(response.status.code))
        buffer.writeStaticString(" ")
        let phrase = response.status.reasonPhrase
        // An answer that came over HTTP/2 has no phrase, and some old clients want one.
        buffer.writeString(
            phrase.isEmpty ? HTTPResponseStatus(statusCode: response.status.code).reasonPhrase : phrase)
        buffer.writeStaticString("\r\n")
        for field in response.headerFields where !isConnectionField(field.name) {
            buffer.writeString(field.name.rawName)
            buffer.writeStaticString(": ")
            buffer.writeString(field.value)
            buffer.writeStaticString("\r\n")
        }
        if chunked { buffer.writeStaticString("Transfer-Encoding: chunked\r\n") }
        if let connection {
            buffer.writeStaticString("Connection: ")
            buffer.writeString(connection)
            buffer.writeStaticString("\r\n")
        }
        buffer.writeStaticString("\r\n")
    }

    /// The status for a request that the decoder could not read.
    static func status(for error: any Error) -> HTTPResponse.Status {
        switch error as? HTTPParserError {
        case .headerOverflow: .requestHeaderFieldsTooLarge
        case .invalidVersion: .httpVersionNotSupported
        default: .badRequest
        }
    }
}

extension HTTPFields {
    /// What the subscript says, without making a new text of a value that is alone, as nearly all are.
    func value(of name: HTTPField.Name) -> String? {
        var found: String?
        for field in self where field.name == name {
            if found != nil { return self[name] }
            found = field.value
        }
        return found
    }

    /// The fields without those that belong to one connection (RFC 9110 §7.6.1): what a proxy passes on.
    public func withoutConnectionFields() -> HTTPFields {
        var dropped = HTTPHeadCodec.connectionFields
        for value in self[values: .connection] {
            for token in value.split(separator: ",") {
                let name = String(token.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" })
                if let name = HTTPField.Name(name) { dropped.insert(name) }
            }
        }
        var kept = HTTPFields()
        for field in self where !dropped.contains(field.name) { kept.append(field) }
        return kept
    }
}
