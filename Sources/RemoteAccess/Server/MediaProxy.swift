import AccessPolicy
import HTTPTypes
import NIOCore
import NIOUPnP
import Tunnel
import UPnP

/// The fourth walk of the design: bodies of any size from a device to an app, unparsed except playlists.
struct MediaProxy: Sendable {
    let requester: HomeRequester
    let registry: SessionRegistry

    /// Fetches `resource` for an exchange and passes it on, chunk by chunk: nothing is read from the device
    /// that the tunnel has no room for.
    func serve(
        _ exchange: any InboundExchange, _ resource: SealedResource, of device: KnownDevice, context: AccessContext
    ) async throws {
        try context.require(.media, on: device)
        context.session.count { $0.mediaRequests += 1 }
        let stream = context.session.streamBegan(
            .init(isPermitted: { context.permits(.media, on: device) }, reset: { exchange.reset(.refused) }))
        defer { context.session.streamEnded(stream) }
        let translation = context.translation(of: device)
        try await requester.withResponse(
            exchange.request.method, resource, of: device, in: context.home,
            fields: MediaHeaders.request(exchange.request.headerFields)
        ) { head, body in
            let fields = MediaHeaders.response(head.headerFields, from: resource.url, context: translation)
            guard head.status.code < 400 else {
                // A device's error page may name addresses, and says nothing that the status does not.
                throw Problem(.device, "\(device.name) answered \(head.status.code).", status: head.status.code)
            }
            var response = HTTPResponse(status: head.status, headerFields: fields)
            if exchange.request.method == .get,
                let document = try await Self.document(
                    head, body, at: resource, translation)
            {
                response.headerFields[.contentLength] = String(document.readableBytes)
                response.headerFields[.acceptRanges] = nil
                try await exchange.respond(response)
                try await exchange.send(document)
                return try await exchange.finish()
            }
            try await exchange.respond(response)
            var passed = 0
            defer { registry.count(context.session.id, bytesOut: passed) }
            for try await chunk in body {
                try await exchange.send(chunk)
                passed += chunk.readableBytes
            }
            try await exchange.finish()
        }
    }

    /// The body when it is not passed unread: a playlist is translated, and text in which an address of the
    /// home is left is refused. Nil for everything else.
    private static func document(
        _ head: HTTPResponse, _ body: HTTPBody, at resource: SealedResource, _ translation: TranslationContext
    ) async throws -> ByteBuffer? {
        guard head.status == .ok else { return nil }
        let type = head.headerFields[.contentType]?.lowercased() ?? ""
        let format = PlaylistFormat(contentType: type, url: resource.url)
        guard format != nil || textTypes.contains(where: type.hasPrefix) else { return nil }
        let whole = try await body.collect(upTo: translation.limits.playlistBytes)
        guard let format else {
            guard translation.leakScanner.firstLeak(in: whole.readableBytesView) == nil else {
                throw Problem(.device, "The page names an address of the home, so it is not passed on.", status: 502)
            }
            return whole
        }
        let playlist = PlaylistTranslator(translation, from: resource.url)
        return ByteBuffer(bytes: try playlist.translated(Array(whole.readableBytesView), as: format))
    }

    /// Types that are written for people and programs to follow, and not to be played.
    private static let textTypes = [
        "text/html", "text/xml", "application/xml", "application/json", "application/xhtml",
    ]
}
