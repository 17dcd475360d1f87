import AccessPolicy
import HTTPTypes
import NIOCore
import NIOUPnP
import Synchronization
import Tunnel
import UPnP

/// The fourth walk of the design: bodies of any size from a device to an app, unparsed except playlists.
struct MediaProxy: Sendable {
    let requester: HomeRequester
    let registry: SessionRegistry

    /// Fetches `resource` for an exchange and passes it on, chunk by chunk: nothing is read from the device
    /// that the tunnel has no room for.
    ///
    /// A stream that its client could not ask for again from where it stands is kept for a while when its path breaks.
    func serve(
        _ exchange: any InboundExchange, _ resource: SealedResource, of device: KnownDevice, context: AccessContext
    ) async throws {
        try context.require(.media, on: device)
        context.session.count { $0.mediaRequests += 1 }
        if let position = exchange.request.headerFields[.latchkeyStream] {
            return try await goOn(exchange, at: position, of: device, context: context)
        }
        let keeper = Keeper()
        let session = context.session
        let stream = session.streamBegan(
            .init(
                isPermitted: { context.permits(.media, on: device) },
                reset: {
                    keeper.stop()
                    exchange.reset(.refused)
                }))
        let (ends, ended) = AsyncStream<Result<Void, any Error>>.makeStream()
        let loop = withUnsafeCurrentTask { $0?.unownedTaskExecutor }?.asTaskExecutor()
        // Unstructured on purpose: a stream that is kept outlives the exchange that asked for it. Every other one ends
        // with it.
        let fetching = Task(executorPreference: loop) {
            defer { session.streamEnded(stream) }
            do {
                try await fetch(exchange, resource, of: device, context: context, keeper: keeper)
                ended.yield(.success(()))
            } catch {
                ended.yield(.failure(error))
            }
            ended.finish()
        }
        keeper.took(fetching)
        for await result in ends { return try result.get() }
        // The exchange is gone.
        if !keeper.keeps {
            fetching.cancel()
            await fetching.value
        }
        throw CancellationError()
    }

    /// What becomes of the stream of an exchange.
    private final class Keeper: Sendable {
        private struct State {
            var keeps = false
            var isStopped = false
            var task: Task<Void, Never>?
        }

        private let state = Mutex(State())

        /// Whether it outlives the exchange.
        var keeps: Bool { state.withLock { $0.keeps } }

        func keep() { state.withLock { $0.keeps = true } }

        func took(_ task: Task<Void, Never>) {
            let isStopped = state.withLock { state in
                state.task = task
                return state.isStopped
            }
            if isStopped { task.cancel() }
        }

        /// Ends it, kept or not.
        func stop() {
            state.withLock { state in
                state.isStopped = true
                return state.task
            }?.cancel()
        }
    }

    private func fetch(
        _ exchange: any InboundExchange, _ resource: SealedResource, of device: KnownDevice, context: AccessContext,
        keeper: Keeper
    ) async throws {
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
            if exchange.request.method == .get, head.status == .ok,
                StreamResumption(method: .get, response: response) == nil,
                let live = context.session.keepLive(path: exchange.request.path ?? "")
            {
                keeper.keep()
                defer { context.session.dropLive(live) }
                return try await keep(live, body, exchange, response, context.session)
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

    /// Passes on a stream that may go on over another carrier, until its end or until its client stays away.
    private func keep(
        _ live: LiveStream, _ body: HTTPBody, _ exchange: any InboundExchange, _ response: HTTPResponse,
        _ session: RemoteSession
    ) async throws {
        var response = response
        response.headerFields[.latchkeyStream] = live.id
        try await exchange.respond(response)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for try await chunk in body { try await live.append(chunk) }
                live.finish()
            }
            tasks.addTask {
                // Whatever ends this reader, the next one is waited for.
                do { try await live.pass(from: 0, to: exchange) } catch { exchange.reset(.cancelled) }
                registry.count(session.id, bytesOut: Int(live.passedOn))
                // Of a stream that was passed on to its end the last bytes may be lost still.
                try await live.waitUntilAbandoned()
                if !live.isDone { throw CancellationError() }
            }
            defer { tasks.cancelAll() }
            // The pump may end long before its reader does.
            try await tasks.next()
            try await tasks.next()
        }
    }

    /// Goes on with a stream that lost its path.
    private func goOn(
        _ exchange: any InboundExchange, at text: String, of device: KnownDevice, context: AccessContext
    ) async throws {
        guard exchange.request.method == .get, let position = LiveStreamPosition(text),
            let live = context.session.live(position.id), live.path == exchange.request.path
        else { throw Problem(.notFound, "This stream is no longer kept.", status: 410) }
        let stream = context.session.streamBegan(
            .init(isPermitted: { context.permits(.media, on: device) }, reset: { exchange.reset(.refused) }))
        defer { context.session.streamEnded(stream) }
        var response = HTTPResponse(status: .ok)
        response.headerFields[.latchkeyStream] = live.id
        try await exchange.respond(response)
        try await live.pass(from: position.offset, to: exchange)
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
