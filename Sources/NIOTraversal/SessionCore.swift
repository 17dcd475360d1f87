internal import NIOCore
internal import NIOPosix
internal import NetworkTypes
internal import Synchronization
internal import Traversal
internal import Tunnel

/// A session on its event loop: does what the engine says.
final class SessionCore {
    let direct: SharedRoute
    private let configuration: ICESession.Configuration
    private let loop: any EventLoop
    private let streams: SessionStreams
    private var engine: ICEEngine
    private var configured: [InterfaceAddress] = []
    private var sockets: [SocketEndpoint: UDPSocket] = [:]
    private var relays: [Int: RelayStream] = [:]
    private var timer: (at: ContinuousClock.Instant, scheduled: Scheduled<Void>)?
    private var isClosed = false
    private var linkSearch: LinkSearch?

    init(
        _ configuration: ICESession.Configuration, random: any RandomNumberGenerator & Sendable, direct: SharedRoute,
        streams: SessionStreams, loop: any EventLoop
    ) {
        self.configuration = configuration
        self.direct = direct
        self.streams = streams
        self.loop = loop
        engine = ICEEngine(configuration.role, configuration: configuration.engine, random: random, now: .now)
    }

    /// Gives the engine something, and does all that follows from it.
    func perform(_ body: (inout ICEEngine, ContinuousClock.Instant) -> Void) {
        guard !isClosed else { return }
        body(&engine, .now)
        drain()
    }

    func setAddresses(_ addresses: [InterfaceAddress]) {
        guard !isClosed else { return }
        let wanted = addresses.prefix(ICEEngine.maximumSockets)
        configured = Array(wanted)
        let gone = sockets.keys.filter { base in !wanted.contains { $0.address == base.address } }
        for base in gone {
            perform { $0.removeSocket(base, now: $1) }
            close(base)
        }
        for (index, own) in wanted.enumerated() where !sockets.keys.contains(where: { $0.address == own.address }) {
            open(own, preference: UInt16.max - UInt16(index))
        }
        perform { $0.hasAllSockets(now: $1) }
    }

    /// Looks whether the peer is on one of the own links; once in a session's life.
    func findOnLink(_ peer: ICECredentials, own: ICECredentials) {
        guard !isClosed, linkSearch == nil else { return }
        let isAsker = configuration.role == .controlling
        linkSearch = LinkSearch(
            configuration.role, LinkProofKeys(asker: isAsker ? own : peer, witness: isAsker ? peer : own),
            links: configured, on: loop, random: SystemRandomNumberGenerator()
        ) { [weak self] proved in
            self?.perform { $0.provedSameNetwork(proved, now: $1) }
        }
    }

    private func open(_ own: InterfaceAddress, preference: UInt16) {
        let socket: UDPSocket
        do {
            socket = try UDPSocket(own.address, zone: own.endpoint(port: 0).zone)
        } catch {
            streams.event.yield(.unusable(own.address, "\(error)"))
            return
        }
        adopt(socket)
        perform { $0.addSocket(socket.base, preference: preference, now: $1) }
    }

    /// Over UDP it gets a socket of its own, from the first address of its family.
    func addRelay(_ relay: ICEEngine.Relay) {
        guard !isClosed else { return }
        let own = configured.first { $0.address.isIPv4 == relay.server.address.isIPv4 }
        guard relay.stream == nil, let own, let socket = try? UDPSocket(own.address, zone: own.endpoint(port: 0).zone)
        else { return perform { $0.addRelay(relay, now: $1) } }
        adopt(socket)
        perform { $0.addRelay(relay, via: socket.base, now: $1) }
    }

    private func adopt(_ socket: UDPSocket) {
        let base = socket.base
        sockets[base] = socket
        socket.read(on: loop) { [weak self] in self?.received($0, at: base, from: $1) }
    }

    private func close(_ base: SocketEndpoint) {
        guard let socket = sockets.removeValue(forKey: base) else { return }
        direct.value.withLock { if $0?.descriptor == socket.descriptor { $0 = nil } }
        socket.close()
    }

    private func received(_ datagram: ByteBuffer, at base: SocketEndpoint, from source: SocketEndpoint) {
        guard !isClosed else { return }
        let bytes = datagram.readableBytesView
        if engine.isData(bytes, at: base, from: source) {
            engine.answered()
            streams.datagram.yield(datagram)
        } else {
            perform { $0.receive(Array(bytes), at: base, from: source, now: $1) }
        }
    }

    private func drain() {
        while let output = engine.nextOutput() {
            switch output {
            case .send(let bytes, let base, let peer): bytes.withUnsafeBytes { sockets[base]?.send($0, to: peer) }
            case .open(let index): openStream(index)
            case .write(let bytes, let index): relays[index]?.write(bytes)
            case .close(let index): relays.removeValue(forKey: index)?.close()
            case .received(let bytes):
                engine.answered()
                streams.datagram.yield(ByteBuffer(bytes: bytes))
            case .described: streams.description.yield(engine.localDescription)
            case .routed(let route): use(route)
            case .silent(let isSilent): streams.event.yield(.silent(isSilent))
            case .failed(let failure):
                direct.value.withLock { $0 = nil }
                streams.event.yield(.failed(failure))
            case .relayEnded(let index, let failure): streams.event.yield(.relayEnded(index, failure))
            }
        }
        direct.expectsAnswer.store(engine.expectsAnswer, ordering: .relaxed)
        schedule()
    }

    private func use(_ route: ICERoute) {
        let socket = sockets[route.local]
        direct.value.withLock {
            $0 = socket.map { ICESession.Direct(descriptor: $0.descriptor, remote: route.remote) }
        }
        streams.route.yield(DatagramRoute(route))
    }

    private func schedule() {
        guard let next = engine.nextTimer, !isClosed else {
            timer?.scheduled.cancel()
            timer = nil
            return
        }
        if let timer, timer.at == next { return }
        timer?.scheduled.cancel()
        let wait = max(.zero, next - .now)
        let scheduled = loop.assumeIsolated().scheduleTask(in: TimeAmount(wait)) { [weak self] in
            self?.timer = nil
            self?.perform { $0.handleTimer(now: $1) }
        }
        timer = (next, scheduled)
    }

    // MARK: Relays over streams

    private func openStream(_ index: Int) {
        let relay = engine.relay(index)
        let secure = configuration.secure
        guard let relay, relay.stream == .tcp || secure != nil else {
            // Nobody can speak TLS here; said after the present round, because the engine is in it.
            return loop.assumeIsolated().execute { [weak self] in self?.perform { $0.streamClosed(index, now: $1) } }
        }
        relays[index] = RelayStream(
            relay, secure: relay.stream == .tls ? secure : nil, on: loop,
            opened: { [weak self] in self?.perform { $0.streamOpened(index, now: $1) } },
            received: { [weak self] bytes in self?.perform { $0.streamReceived(bytes, index, now: $1) } },
            closed: { [weak self] in self?.perform { $0.streamClosed(index, now: $1) } })
    }

    func close() {
        guard !isClosed else { return }
        direct.value.withLock { $0 = nil }
        // Relays are given back; whether they hear of it is not waited for: what is not refreshed ends by itself.
        perform { $0.close(now: $1) }
        isClosed = true
        timer?.scheduled.cancel()
        timer = nil
        linkSearch?.close()
        for socket in sockets.values { socket.close() }
        for relay in relays.values { relay.close() }
        (sockets, relays) = ([:], [:])
        streams.finish()
    }
}

extension DatagramRoute {
    fileprivate init(_ route: ICERoute) {
        let kind: Kind =
            route.isRelayed ? .relayed : route.localKind == .host && route.remoteKind == .host ? .host : .punched
        self.init(kind, local: route.local, remote: route.remote)
    }
}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        // Rounded up: a timer that comes too early has nothing to do.
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000 + 1)
    }
}
