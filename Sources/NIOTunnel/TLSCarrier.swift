package import HTTPTypes
internal import NIOCore
package import NetworkTypes
internal import Synchronization
package import Tunnel

/// A carrier on HTTP/2 over TLS over TCP.
///
/// The end that dialled opens exchanges: those of class control and event on its first connection,
/// those of class media on a second one, which is opened when it is needed and closed when it is idle.
/// The end that accepted has one carrier for each connection and answers; it opens none.
package final class TLSCarrier: Carrier {
    /// The address that is connected.
    package var remote: SocketEndpoint { first.remote }
    /// Our own address and port of the connection.
    package var local: SocketEndpoint { first.local }

    private enum Media {
        case none
        case dialling(Latch<Void>)
        case open(TunnelConnection)
    }

    private let first: TunnelConnection
    private let dialMedia: (@Sendable () async throws -> TunnelConnection)?
    private let media = Mutex(Media.none)

    init(accepted connection: TunnelConnection) {
        self.first = connection
        self.dialMedia = nil
    }

    init(dialled connection: TunnelConnection, media dial: @escaping @Sendable () async throws -> TunnelConnection) {
        self.first = connection
        self.dialMedia = dial
        connection.channel.closeFuture.whenComplete { [weak self] _ in
            self?.openMedia?.close(connection.end.value ?? .closed)
        }
    }

    /// Whether there is a media connection at the moment.
    package var hasMediaConnection: Bool { openMedia.map { $0.end.value == nil } ?? false }

    /// Limits what this end writes of class media to a rate in bytes per second; nil lifts the limit.
    ///
    /// At the end that dialled it counts for the media connection that is open, if one is.
    package func paceMedia(bytesPerSecond: Int?) {
        for connection in [first, openMedia].compactMap(\.self) {
            connection.onLoop { $0.pace(bytesPerSecond) }
        }
    }

    deinit {
        close(.closed)
    }

    private var openMedia: TunnelConnection? {
        media.withLock { media in
            if case .open(let connection) = media { return connection }
            return nil
        }
    }

    package func withExchange<Result: Sendable>(
        _ request: HTTPRequest,
        trafficClass: TrafficClass,
        _ body: @Sendable (any OutboundExchange) async throws -> Result
    ) async throws -> Result {
        let connection = try await use(trafficClass)
        defer { connection.done() }
        let stream = connection.open(request, trafficClass)
        // Does nothing to an exchange that is complete.
        defer { stream.reset(.cancelled) }
        return try await body(ClientExchange(stream: stream))
    }

    /// The connection for a class, taken into use.
    private func use(_ trafficClass: TrafficClass) async throws -> TunnelConnection {
        guard let dialMedia else {
            throw TunnelError(.unsupported, "The end that accepted an HTTP/2 carrier cannot open exchanges.")
        }
        guard trafficClass == .media, first.purpose == .session else {
            guard first.begin() else { throw first.end.value ?? CarrierEnd.closed }
            return first
        }
        while true {
            if let end = first.end.value { throw end }
            try Task.checkCancellation()
            switch mediaStep() {
            case .use(let connection): return connection
            case .wait(let dialling): _ = await dialling.wait()
            case .dial(let dialling):
                defer { dialling.set(()) }
                do {
                    let connection = try await dialMedia()
                    media.withLock { $0 = .open(connection) }
                    if let end = first.end.value { connection.close(end) }
                } catch {
                    media.withLock { $0 = .none }
                    throw error is TunnelError ? CarrierEnd.failed("\(error)") : error
                }
            }
        }
    }

    private enum MediaStep {
        case use(TunnelConnection)
        case wait(Latch<Void>)
        case dial(Latch<Void>)
    }

    private func mediaStep() -> MediaStep {
        media.withLock { media in
            switch media {
            case .open(let connection) where connection.begin(): return .use(connection)
            case .dialling(let latch): return .wait(latch)
            case .open, .none:
                let latch = Latch<Void>()
                media = .dialling(latch)
                return .dial(latch)
            }
        }
    }

    /// Waits for the listener's own word that it lets us in; throws its sentence if it does not.
    func greet() async throws {
        try await withExchange(.hello, trafficClass: .control) { exchange in
            try await exchange.finish()
            let response = try await exchange.response()
            guard response.status.kind != .successful else { return }
            var document = ByteBuffer()
            for try await chunk in exchange.body where document.readableBytes < 16 << 10 {
                document.writeImmutableBuffer(chunk)
            }
            throw TunnelError(.refused, Problem.title(document) ?? "The gateway answered \(response.status).")
        }
    }

    package func serve(_ handler: @escaping @Sendable (any InboundExchange) async -> Void) async throws {
        await Self.serve(first, handler)
    }

    static func serve(
        _ connection: TunnelConnection, _ handler: @escaping @Sendable (any InboundExchange) async -> Void
    ) async {
        await withDiscardingTaskGroup { group in
            for await exchange in connection.inbound {
                group.addTask { await run(exchange, handler) }
            }
            group.cancelAll()
        }
    }

    /// Runs the handler, and cancels it when the peer gives the exchange up.
    private static func run(
        _ exchange: ServerExchange, _ handler: @escaping @Sendable (any InboundExchange) async -> Void
    ) async {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await handler(exchange)
                exchange.stream.leave()
                return true
            }
            group.addTask { await exchange.stream.closed.wait() ?? false }
            if await group.next() == true { group.cancelAll() }
        }
    }

    package func close(_ reason: CarrierEnd) {
        first.close(reason)
        openMedia?.close(reason)
    }

    package func ended() async -> CarrierEnd {
        await first.end.wait() ?? first.end.value ?? .closed
    }
}
