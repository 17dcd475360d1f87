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
        let translation = context.translation(of: device)
        try await requester.withResponse(
            exchange.request.method, resource, of: device, in: context.home,
            fields: MediaHeaders.request(exchange.request.headerFields)
        ) { head, body in
            let fields = MediaHeaders.response(head.headerFields, from: resource.url, context: translation)
            var response = HTTPResponse(status: head.status, headerFields: fields)
            if exchange.request.method == .get, head.status == .ok,
                let format = PlaylistFormat(contentType: head.headerFields[.contentType], url: resource.url)
            {
                let whole = try await body.collect(upTo: translation.limits.playlistBytes)
                let playlist = PlaylistTranslator(translation, from: resource.url)
                let translated = ByteBuffer(bytes: try playlist.translated(Array(whole.readableBytesView), as: format))
                response.headerFields[.contentLength] = String(translated.readableBytes)
                response.headerFields[.acceptRanges] = nil
                try await exchange.respond(response)
                try await exchange.send(translated)
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
}
