import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOUPnP
import UPnP

/// What holds for every message head, and for the headers that we read ourselves.
enum HTTPProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        try checkTexts(String(decoding: input, as: UTF8.self))
        if input.starts(with: Array("HTTP/".utf8)) {
            try checkAnswer(input)
        } else {
            try checkRequests(input)
        }
    }

    // MARK: Heads

    private static let limits = HTTPServerLimits()

    private static var decoderLimits: NIOHTTPDecoderLimitConfiguration {
        var configuration = NIOHTTPDecoderLimitConfiguration()
        configuration.maxHeaderFieldCount = limits.headerFields
        configuration.maxHeaderFieldSize = limits.headerFieldBytes
        configuration.maxHeaderListSize = limits.headerBytes
        return configuration
    }

    private static func requests(_ bytes: ByteBuffer) -> [HTTPRequest] {
        let channel = EmbeddedChannel()
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoderLimits)
        var requests: [HTTPRequest] = []
        do {
            try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(decoder))
            // What was read before an error counts, as it does in the server.
            let result = Result { try channel.writeInbound(bytes) }
            while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
                if case .head(let head) = part { requests.append(try HTTPHeadCodec.request(head)) }
            }
            _ = try result.get()
        } catch {}
        return requests
    }

    private static func checkRequests(_ input: [UInt8]) throws(BrokenProperty) {
        for var request in requests(ByteBuffer(bytes: input)) {
            try expect(request.headerFields.count <= limits.headerFields, "header fields are bounded")
            try checkHeaders(request)
            try expectSame(
                request.headerFields, request.headerFields.withoutConnectionFields(), "end-to-end fields")
            request.headerFields[.contentLength] = nil
            // A request of version 1.0 may come without a Host; one of ours always names one.
            request.authority = request.authority ?? "192.0.2.1"
            guard let written = written(HTTPHeadCodec.head(request, framing: .none)) else {
                throw BrokenProperty("a request that was read cannot be written: \(request)")
            }
            let again = requests(written)
            try expect(again.count == 1, "one request is written as one: \(again) from \(String(buffer: written))")
            try expectSame(request, again.first, "request")
        }
    }

    private static func written(_ head: HTTPRequestHead) -> ByteBuffer? {
        let channel = EmbeddedChannel()
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        do {
            var encoding = HTTPRequestEncoder.Configuration()
            encoding.automaticallySetFramingHeaders = false
            try channel.pipeline.syncOperations.addHandler(HTTPRequestEncoder(configuration: encoding))
            try channel.writeOutbound(HTTPClientRequestPart.head(head))
            return try channel.readOutbound(as: ByteBuffer.self)
        } catch {
            return nil
        }
    }

    private static func answer(_ bytes: ByteBuffer) -> [HTTPResponse] {
        let channel = EmbeddedChannel()
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        var answers: [HTTPResponse] = []
        do {
            let decoder = HTTPResponseDecoder(
                leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop,
                limitConfiguration: decoderLimits)
            try channel.pipeline.syncOperations.addHandlers(HTTPRequestEncoder(), ByteToMessageHandler(decoder))
            try channel.writeOutbound(
                HTTPClientRequestPart.head(HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")))
            let result = Result { try channel.writeInbound(bytes) }
            while let part = try channel.readInbound(as: HTTPClientResponsePart.self) {
                if case .head(let head) = part, let answer = HTTPHeadCodec.response(head) { answers.append(answer) }
            }
            _ = try result.get()
        } catch {}
        return answers
    }

    private static func checkAnswer(_ input: [UInt8]) throws(BrokenProperty) {
        guard let response = answer(ByteBuffer(bytes: input)).first else { return }
        var written = ByteBuffer()
        HTTPHeadCodec.write(response, chunked: false, connection: nil, to: &written)
        let again = answer(written)
        // The phrase is no part of an answer's meaning, and an empty one is filled in.
        try expectSame(response.status.code, again.first?.status.code, "status")
        try expectSame(response.headerFields, again.first?.headerFields, "an answer's fields")
        if let location = response.headerFields[.location] { try checkURL(location) }
    }

    // MARK: GENA

    private static func checkHeaders(_ request: HTTPRequest) throws(BrokenProperty) {
        let fields = request.headerFields
        let header: (String) -> String? = { name in HTTPField.Name(name).flatMap { fields[$0] } }
        if let subscription = try? SubscriptionRequest(header: header) {
            let headers =
                switch subscription {
                case .subscribe(let request): request.headers
                case .renew(let request): request.headers
                }
            try expectSame(subscription, try? SubscriptionRequest(header: lookUp(headers)), "SUBSCRIBE")
        }
        if let request = try? UnsubscribeRequest(header: header) {
            try expectSame(request, try? UnsubscribeRequest(header: lookUp(request.headers)), "UNSUBSCRIBE")
        }
        if let request = try? NotifyRequest(header: header) {
            try expectSame(request, try? NotifyRequest(header: lookUp(request.headers)), "NOTIFY")
        }
        for name in ["CALLBACK", "TIMEOUT", "SOAPACTION"] {
            if let text = header(name) { try checkTexts(text) }
        }
    }

    private static func lookUp(_ headers: [(name: String, value: String)]) -> (String) -> String? {
        { name in headers.first { $0.name == name }?.value }
    }

    // MARK: Texts

    private static func checkTexts(_ text: String) throws(BrokenProperty) {
        try checkURL(text)
        if let list = CallbackList(text) {
            try expect(
                list.urls.count <= CallbackList.maximumURLs
                    && list.urls.allSatisfy { $0.scheme == "http" && $0.endpoint != nil && $0.port > 0 },
                "events go to literal addresses only: \(list)")
            try expectSame(list, CallbackList(list.description), "CALLBACK")
        }
        if let timeout = SubscriptionTimeout(text) {
            try expectSame(timeout, SubscriptionTimeout(timeout.description), "TIMEOUT")
        }
        if let (serviceType, action) = ActionRequest.splitSOAPAction(text) {
            let again = ActionRequest.splitSOAPAction("\"\(serviceType)#\(action)\"")
            let tooLong = serviceType.utf8.count + action.utf8.count + 3 > ActionRequest.maximumSOAPActionLength
            try expect(
                tooLong || again?.serviceType == serviceType && again?.action == action,
                "SOAPACTION reads back the same: \(text)")
        }
    }

    private static let base = HTTPURL("http://192.0.2.1:8080/a/b?c")

    private static func checkURL(_ text: String) throws(BrokenProperty) {
        for url in [HTTPURL(text), base?.resolving(text)] {
            guard let url else { continue }
            try expectSame(url, HTTPURL(url.description), "URL")
            // A reference that begins with two slashes names a host.
            if !url.path.hasPrefix("//") { try expectSame(url, url.resolving(url.pathAndQuery), "path") }
        }
    }
}
