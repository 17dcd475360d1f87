package import NetworkTypes

/// One end of a direct path: sockets' addresses go in, what it takes to reach the peer comes out. An ``ICEAgent``, the
/// questions to STUN servers, and a ``TURNClient`` for each relay, as one value.
///
///     addSocket ─▶ host candidate ─▶ STUN: reflexive one, TURN: relayed one ─▶ description, told to the peer
///     setRemote ─▶ checks ─▶ route ─▶ data both ways
///
/// Datagrams are told apart by source and first byte (RFC 7983, RFC 9443): STUN by its cookie, channel data by coming
/// from a relay, everything else is data, and only from where the peer has proved itself.
package struct ICEEngine: Sendable {
    /// A TURN server, and what it takes to be served.
    package struct Relay: Hashable, Sendable {
        package var server: SocketEndpoint
        /// Nil for UDP; else the driver opens a stream to the server and says when it is there.
        package var stream: Stream?
        package var username: String
        package var password: String

        /// What a stream runs on.
        package enum Stream: String, Hashable, Sendable { case tcp, tls }

        package init(_ server: SocketEndpoint, stream: Stream? = nil, username: String, password: String) {
            self.server = server
            self.stream = stream
            self.username = username
            self.password = password
        }
    }

    /// Who helps.
    package struct Configuration: Sendable {
        package var ice = ICEConfiguration()
        /// At most ``maximumServers``; more are not asked.
        package var stunServers: [SocketEndpoint] = []
        /// At most ``maximumServers``.
        package var relays: [Relay] = []
        /// Both ends are known to be on one network: for a laboratory.
        package var isSameNetwork = false

        package init() {}
    }

    /// What is to be done.
    package enum Output: Hashable, Sendable {
        /// Send a datagram from a socket.
        case send([UInt8], from: SocketEndpoint, to: SocketEndpoint)
        /// Open the stream to a relay, by its number.
        case open(Int)
        /// Write to a relay's stream.
        case write([UInt8], Int)
        /// Close a relay's stream.
        case close(Int)
        /// The peer has sent data.
        case received([UInt8])
        /// ``localDescription`` is another: tell the peer.
        case described
        /// Data goes this way from here on.
        case routed(ICERoute)
        /// Nothing answers on the present route: true, and again each second. It answers again: false.
        case silent(Bool)
        /// No way is left: a restart may help.
        case failed(ICEAgent.Failure)
        /// A relay serves no longer, or never did.
        case relayEnded(Int, TURNClient.Failure?)
    }

    struct Lookup: Sendable {
        let order: UInt64
        let base: SocketEndpoint
        let server: SocketEndpoint
        let bytes: [UInt8]
        var timer: STUNTransactionTimer
    }

    struct RelayState: Sendable {
        let relay: Relay
        var client: TURNClient
        var framing = TURNStreamFraming()
        /// The socket that serves it, over UDP.
        var base: SocketEndpoint?
        var isOver = false
    }

    /// The most servers of a kind, and the most sockets.
    package static let maximumServers = 4
    package static let maximumSockets = 8
    /// A relay's preference among those, by number; less than that of sockets of any kind.
    private static let relayPreference: UInt16 = 0x7FFF

    package internal(set) var agent: ICEAgent
    let configuration: Configuration
    var random: any RandomNumberGenerator & Sendable
    var sockets: [(base: SocketEndpoint, preference: UInt16)] = []
    var waitingLookups: [(base: SocketEndpoint, server: SocketEndpoint)] = []
    var lookups: [STUNMessage.Transaction: Lookup] = [:]
    var sentLookups: UInt64 = 0
    var nextLookup: ContinuousClock.Instant
    var relays: [RelayState] = []
    /// When data that was sent should have been followed by some of the peer's, and whether it was.
    var expectation: (due: ContinuousClock.Instant, isMet: Bool)?
    var lastSuspicion: ContinuousClock.Instant?
    private var hasAllSockets = false
    private var isComplete = false
    private var outputs: [Output] = []

    package init(
        _ role: ICEAgent.Role, configuration: Configuration, random: any RandomNumberGenerator & Sendable,
        now: ContinuousClock.Instant
    ) {
        var random = random
        self.configuration = configuration
        agent = ICEAgent(
            role, configuration: configuration.ice, isSameNetwork: configuration.isSameNetwork,
            random: BranchedGenerator(of: &random), now: now)
        self.random = random
        nextLookup = now
        for relay in configuration.relays.prefix(Self.maximumServers) { append(relay) }
    }

    /// What the peer is to be told.
    package var localDescription: ICEDescription { agent.localDescription }

    /// A relay by its number; nil where there is none.
    package func relay(_ index: Int) -> Relay? { relays.indices.contains(index) ? relays[index].relay : nil }

    /// The way of data; nil while there is none.
    package var route: ICERoute? { agent.route }

    /// Takes the next thing to do.
    package mutating func nextOutput() -> Output? { outputs.isEmpty ? nil : outputs.removeFirst() }

    mutating func emit(_ output: Output) { outputs.append(output) }

    // MARK: Sockets and relays

    /// A socket is bound to an own address: it is a candidate, and asks the servers of its family.
    package mutating func addSocket(_ base: SocketEndpoint, preference: UInt16, now: ContinuousClock.Instant) {
        guard sockets.count < Self.maximumSockets, !sockets.contains(where: { $0.base == base }) else { return }
        sockets.append((base, preference))
        agent.addLocal(.host, address: base, base: base, preference: preference, now: now)
        emit(.described)
        for server in configuration.stunServers.prefix(Self.maximumServers) where server.isReachable(from: base) {
            waitingLookups.append((base, server))
        }
        for index in relays.indices { startRelay(index, now: now) }
        settle(now: now)
    }

    /// A socket is gone, and what depends on it.
    package mutating func removeSocket(_ base: SocketEndpoint, now: ContinuousClock.Instant) {
        sockets.removeAll { $0.base == base }
        waitingLookups.removeAll { $0.base == base }
        lookups = lookups.filter { $0.value.base != base }
        agent.removeLocal(base: base, now: now)
        for index in relays.indices where relays[index].base == base {
            if let relayed = relays[index].client.relayed { agent.removeLocal(base: relayed, now: now) }
            let relay = relays[index].relay
            relays[index] = RelayState(relay: relay, client: makeClient(relay))
            startRelay(index, now: now)
        }
        settle(now: now)
    }

    /// All sockets were added: when their servers have answered, or do not, gathering is complete.
    package mutating func hasAllSockets(now: ContinuousClock.Instant) {
        hasAllSockets = true
        for index in relays.indices { startRelay(index, now: now) }
        settle(now: now)
    }

    /// Adds a relay, with credentials that serve longer for example; dropped beyond ``maximumServers`` that serve.
    ///
    /// - Parameter base: Over UDP, a socket that is no candidate and serves it alone: a server may hold to the name that
    ///   a socket has shown first (437 or 441, RFC 8656 §5), also after it was refused.
    package mutating func addRelay(_ relay: Relay, via base: SocketEndpoint? = nil, now: ContinuousClock.Instant) {
        guard relays.count(where: { !$0.isOver }) < Self.maximumServers else { return }
        append(relay)
        if relay.stream == nil, let base {
            relays[relays.count - 1].base = base
            relays[relays.count - 1].client.start(now: now)
        } else {
            startRelay(relays.count - 1, now: now)
        }
        settle(now: now)
    }

    private mutating func append(_ relay: Relay) {
        relays.append(RelayState(relay: relay, client: makeClient(relay)))
    }

    private mutating func makeClient(_ relay: Relay) -> TURNClient {
        var client = TURNClient.Configuration(username: relay.username, password: relay.password)
        client.isStream = relay.stream != nil
        if case .v6 = relay.server.address { client.wantsIPv6 = true }
        return TURNClient(client, random: BranchedGenerator(of: &random))
    }

    private mutating func startRelay(_ index: Int, now: ContinuousClock.Instant) {
        guard !relays[index].isOver, relays[index].client.isIdle else { return }
        if relays[index].relay.stream != nil {
            guard relays[index].base == nil else { return }
            // Marks that the driver was asked.
            relays[index].base = relays[index].relay.server
            emit(.open(index))
        } else if let socket = sockets.first(where: { relays[index].relay.server.isReachable(from: $0.base) }) {
            relays[index].base = socket.base
            relays[index].client.start(now: now)
        }
    }

    // MARK: The peer

    /// Takes what the peer has told.
    package mutating func setRemote(_ description: ICEDescription, now: ContinuousClock.Instant) {
        let own = agent.localCredentials
        agent.setRemote(description, now: now)
        if agent.localCredentials != own { emit(.described) }
        settle(now: now)
    }

    /// Both ends have proved to be on one link.
    package mutating func provedSameNetwork(_ proved: ICENeighbours, now: ContinuousClock.Instant) {
        agent.provedSameNetwork(proved, now: now)
        settle(now: now)
    }

    /// Begins anew, with other credentials.
    package mutating func restart(now: ContinuousClock.Instant) {
        agent.restart(now: now)
        emit(.described)
        settle(now: now)
    }

    /// The user of the path hears nothing though it should.
    package mutating func suspect(now: ContinuousClock.Instant) {
        agent.suspect(now: now)
        settle(now: now)
    }

    /// Sends data along the present route; dropped while there is none.
    package mutating func send(_ data: [UInt8], now: ContinuousClock.Instant) {
        guard let route else { return }
        dispatch(data, from: route.local, to: route.remote, now: now)
        settle(now: now)
    }

    /// Gives relays back.
    package mutating func close(now: ContinuousClock.Instant) {
        for index in relays.indices { relays[index].client.close(now: now) }
        settle(now: now)
    }

    /// Sends from a socket, or through the relay whose address it is.
    mutating func dispatch(
        _ bytes: [UInt8], from base: SocketEndpoint, to peer: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        if let index = relays.firstIndex(where: { $0.client.relayed == base }) {
            relays[index].client.send(bytes, to: peer, now: now)
        } else {
            emit(.send(bytes, from: base, to: peer))
        }
    }

    /// Whatever changed, all that follows from it is done before the driver looks.
    mutating func settle(now: ContinuousClock.Instant) {
        var isQuiet = false
        while !isQuiet {
            isQuiet = true
            while let output = agent.nextOutput() {
                isQuiet = false
                handle(output, now: now)
            }
            for index in relays.indices {
                while let output = relays[index].client.nextOutput() {
                    isQuiet = false
                    handle(output, of: index, now: now)
                }
            }
        }
        guard hasAllSockets, !isComplete, waitingLookups.isEmpty, lookups.isEmpty,
            relays.allSatisfy({ $0.isOver || $0.client.relayed != nil || $0.base == nil })
        else { return }
        isComplete = true
        agent.completeLocal(now: now)
        emit(.described)
        settle(now: now)
    }

    private mutating func handle(_ output: ICEAgent.Output, now: ContinuousClock.Instant) {
        switch output {
        case .send(let bytes, let base, let peer): dispatch(bytes, from: base, to: peer, now: now)
        case .silent(let isSilent): emit(.silent(isSilent))
        case .failed(let failure): emit(.failed(failure))
        case .selected(let route):
            if let index = relays.firstIndex(where: { $0.client.relayed == route.local }) {
                relays[index].client.bindChannel(to: route.remote, now: now)
            }
            emit(.routed(route))
        }
    }

    private mutating func handle(_ output: TURNClient.Output, of index: Int, now: ContinuousClock.Instant) {
        let relay = relays[index].relay
        switch output {
        case .send(let bytes):
            if relay.stream != nil {
                emit(.write(bytes, index))
            } else if let base = relays[index].base {
                emit(.send(bytes, from: base, to: relay.server))
            }
        case .allocated(let relayed, let mapped):
            agent.addLocal(
                .relayed, address: relayed, base: relayed, server: relay.server,
                preference: Self.relayPreference - UInt16(clamping: index), now: now)
            if relay.stream == nil, let base = relays[index].base, let mapped,
                sockets.contains(where: { $0.base == base })
            {
                addReflexive(mapped, base, relay.server, now: now)
            }
            emit(.described)
        case .received(let bytes, let peer):
            guard let relayed = relays[index].client.relayed else { return }
            receiveFromPeer(bytes, at: relayed, from: peer, now: now)
        case .forbidden: break
        case .ended(let failure):
            guard !relays[index].isOver else { return }
            relays[index].isOver = true
            if let relayed = agent.localCandidates.first(where: { isRelayed($0, by: index) })?.base {
                agent.removeLocal(base: relayed, now: now)
            }
            if relay.stream != nil { emit(.close(index)) }
            emit(.relayEnded(index, failure))
            emit(.described)
        }
    }

    /// The relayed candidates of no client that serves are those of the one that has just ended.
    private func isRelayed(_ candidate: ICECandidate, by index: Int) -> Bool {
        candidate.kind == .relayed && !relays.contains { $0.client.relayed == candidate.base }
    }

    mutating func addReflexive(
        _ mapped: SocketEndpoint, _ base: SocketEndpoint, _ server: SocketEndpoint, now: ContinuousClock.Instant
    ) {
        let preference = sockets.first { $0.base == base }?.preference ?? 0
        agent.addLocal(.serverReflexive, address: mapped, base: base, server: server, preference: preference, now: now)
        emit(.described)
    }
}

/// A generator for a part of a machine: from one that follows from a seed, too, it draws other numbers than its parent.
struct BranchedGenerator: RandomNumberGenerator, Sendable {
    private var parent: any RandomNumberGenerator & Sendable
    private let mask: UInt64

    init(of parent: inout any RandomNumberGenerator & Sendable) {
        mask = parent.next()
        self.parent = parent
    }

    mutating func next() -> UInt64 { parent.next() ^ mask }
}

extension SocketEndpoint {
    /// Of one family.
    fileprivate func isReachable(from base: SocketEndpoint) -> Bool {
        switch (address, base.address) {
        case (.v4, .v4): true
        case (.v6(let server), .v6(let own)): server.isLinkLocal == own.isLinkLocal
        default: false
        }
    }
}
