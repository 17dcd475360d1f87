package import NetworkTypes
package import Traversal

/// Two ends behind NATs, a STUN server, a TURN server and a slow way for descriptions, in virtual time: the same seed
/// gives the same run.
package struct TraversalWorld {
    /// One end.
    package struct Peer {
        /// What it does.
        package var engine: ICEEngine
        /// Its socket, or the newest of them.
        package var base: SocketEndpoint
        /// Routes as they came, and when.
        package var routes: [(at: Duration, route: ICERoute)] = []
        package var failures: [(at: Duration, failure: ICEAgent.Failure)] = []
        /// When the engine said that nothing answers, or that something does again.
        package var silences: [(at: Duration, isSilent: Bool)] = []
        package var received: [[UInt8]] = []
        package var endedRelays: [TURNClient.Failure?] = []
        fileprivate var hasNews = false
    }

    private enum Event {
        case description(to: Int, [UInt8])
        case stream(to: Int, relay: Int, [UInt8])
        case opened(Int, relay: Int)
        case closed(Int, relay: Int)
    }

    package private(set) var clock = VirtualClock()
    package var internet: SimulatedInternet
    package var stun: SimulatedSTUNServer
    package var turn: SimulatedTURNServer
    package var peers: [Peer] = []
    /// Whether descriptions reach the other end.
    package var isSignalling = true
    /// Whether streams to the relay can be opened.
    package var hasStreams = true
    /// A change that somebody on the way makes to datagrams; nil loses one.
    package var meddler: (@Sendable ([UInt8], SocketEndpoint, SocketEndpoint) -> [UInt8]?)?
    private var events = Timeline<Event>()
    private let signallingDelay = Duration.milliseconds(40)

    package static let stunAddress = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 10)), port: 3_478)
    package static let otherSTUNAddress = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 11)), port: 3_479)
    package static let turnAddress = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 20)), port: 3_478)

    /// - Parameters:
    ///   - relay: Whether both have a relay, and over what.
    ///   - configure: Changes an end's configuration, by its number.
    package init(
        _ kinds: [NATKind], seed: UInt64, conditions: LinkConditions = LinkConditions(), hasRelay: Bool = false,
        stream: ICEEngine.Relay.Stream? = nil, roles: [ICEAgent.Role] = [.controlling, .controlled],
        configure: (inout ICEEngine.Configuration, Int) -> Void = { _, _ in }
    ) {
        internet = SimulatedInternet(seed: seed, start: clock.now, conditions: conditions)
        stun = SimulatedSTUNServer(Self.stunAddress, Self.otherSTUNAddress)
        turn = SimulatedTURNServer(Self.turnAddress, username: "user", password: "secret")
        for (index, kind) in kinds.enumerated() {
            let host = Self.host(index, of: kind)
            internet.place(
                host, behind: kind, outside: .v4(IPv4Address(198, 51, 100, UInt8(index + 1))),
                between: .v4(IPv4Address(100, 64, 0, UInt8(index + 1))))
            var configuration = ICEEngine.Configuration()
            configuration.stunServers = [Self.stunAddress]
            if hasRelay {
                configuration.relays = [
                    ICEEngine.Relay(Self.turnAddress, stream: stream, username: "user", password: "secret")
                ]
            }
            configure(&configuration, index)
            let engine = ICEEngine(
                roles[index], configuration: configuration,
                random: SeededGenerator(seed: seed &* 31 &+ UInt64(index)), now: clock.now)
            peers.append(Peer(engine: engine, base: SocketEndpoint(host, port: 40_000)))
        }
    }

    private static func host(_ index: Int, of kind: NATKind) -> IPAddress {
        kind == .open
            ? .v4(IPv4Address(203, 0, 113, UInt8(index + 1))) : .v4(IPv4Address(10, 0, UInt8(index), 2))
    }

    /// Binds the sockets and lets both ends gather.
    package mutating func start() {
        for index in peers.indices {
            let base = peers[index].base
            with(index) { engine, now in
                engine.addSocket(base, preference: 65_535, now: now)
                engine.hasAllSockets(now: now)
            }
        }
    }

    /// Does something with an end, and all that follows at once.
    package mutating func with(_ index: Int, _ body: (inout ICEEngine, ContinuousClock.Instant) -> Void) {
        body(&peers[index].engine, clock.now)
        drain(index)
    }

    /// Runs for a time, or until a condition holds; tells whether it came to hold.
    @discardableResult
    package mutating func run(
        for duration: Duration, until condition: (TraversalWorld) -> Bool = { _ in false }
    ) -> Bool {
        let end = clock.now + duration
        while !condition(self) {
            let moments = [internet.nextArrival, events.next] + peers.map(\.engine.nextTimer)
            guard let next = moments.compactMap({ $0 }).min(), next <= end else {
                clock.advance(to: end)
                return condition(self)
            }
            clock.advance(to: next)
            step()
        }
        return true
    }

    /// Whether both use routes that lead to each other.
    package var isConnected: Bool { peers.allSatisfy { $0.engine.route != nil } }

    private mutating func step() {
        let now = clock.now
        while let event = events.popDue(now: now) { handle(event, now: now) }
        while let arrival = internet.nextDelivery(by: now) { deliver(arrival, now: now) }
        for index in peers.indices where peers[index].engine.nextTimer.map({ $0 <= now }) ?? false {
            peers[index].engine.handleTimer(now: now)
            drain(index)
        }
    }

    private mutating func deliver(_ arrival: SimulatedInternet.Arrival, now: ContinuousClock.Instant) {
        var bytes = arrival.bytes
        if let meddler {
            guard let changed = meddler(bytes, arrival.source, arrival.destination) else { return }
            bytes = changed
        }
        if stun.listens(at: arrival.destination) {
            send(stun.receive(bytes, at: arrival.destination, from: arrival.source))
        } else if turn.listens(at: arrival.destination) {
            send(turn.receive(bytes, at: arrival.destination, from: arrival.source))
        } else if let index = peers.firstIndex(where: { $0.base == arrival.destination }) {
            peers[index].engine.receive(bytes, at: arrival.destination, from: arrival.source, now: now)
            drain(index)
        }
    }

    private mutating func send(_ datagrams: [ServerDatagram]) {
        for datagram in datagrams {
            if let (peer, relay) = Self.stream(of: datagram.to) {
                events.add(.stream(to: peer, relay: relay, datagram.bytes), at: clock.now + .milliseconds(1))
            } else {
                internet.send(datagram.bytes, from: datagram.from, to: datagram.to, now: clock.now)
            }
        }
    }

    private mutating func handle(_ event: Event, now: ContinuousClock.Instant) {
        switch event {
        case .description(let index, let bytes):
            guard let description = try? ICEDescription(decoding: bytes) else { return }
            peers[index].engine.setRemote(description, now: now)
            drain(index)
        case .opened(let index, let relay):
            peers[index].engine.streamOpened(relay, now: now)
            drain(index)
        case .closed(let index, let relay):
            peers[index].engine.streamClosed(relay, now: now)
            drain(index)
        case .stream(let index, let relay, let bytes):
            peers[index].engine.streamReceived(bytes, relay, now: now)
            drain(index)
        }
    }

    /// A stream's end as the server sees it: no datagram has such an address.
    private static func endpoint(_ peer: Int, _ relay: Int) -> SocketEndpoint {
        SocketEndpoint(.v4(IPv4Address(0, 0, UInt8(peer), UInt8(relay))), port: 1)
    }

    private static func stream(of endpoint: SocketEndpoint) -> (Int, Int)? {
        guard case .v4(let address) = endpoint.address, address.rawValue < 0x1_0000 else { return nil }
        return (Int(address.rawValue >> 8), Int(address.rawValue & 0xFF))
    }

    private mutating func drain(_ index: Int) {
        while let output = peers[index].engine.nextOutput() {
            switch output {
            case .send(let bytes, let base, let destination):
                internet.send(bytes, from: base, to: destination, now: clock.now)
            case .open(let relay):
                let event: Event = hasStreams ? .opened(index, relay: relay) : .closed(index, relay: relay)
                events.add(event, at: clock.now + .milliseconds(3))
            case .write(let bytes, let relay):
                send(turn.receive(bytes, at: turn.address, from: Self.endpoint(index, relay)))
            case .close: break
            case .received(let bytes): peers[index].received.append(bytes)
            case .described: peers[index].hasNews = true
            case .routed(let route): peers[index].routes.append((clock.elapsed, route))
            case .silent(let isSilent): peers[index].silences.append((clock.elapsed, isSilent))
            case .failed(let failure): peers[index].failures.append((clock.elapsed, failure))
            case .relayEnded(_, let failure): peers[index].endedRelays.append(failure)
            }
        }
        guard peers[index].hasNews else { return }
        peers[index].hasNews = false
        guard isSignalling else { return }
        let bytes = peers[index].engine.localDescription.encoded()
        events.add(.description(to: 1 - index, bytes), at: clock.now + signallingDelay)
    }
}
