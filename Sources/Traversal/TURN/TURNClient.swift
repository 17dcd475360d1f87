package import NetworkTypes

/// A client of a TURN server (RFC 8656), for relayed datagrams over UDP, TCP or TLS to the server.
///
///     idle ─start─▶ allocating ──success──▶ allocated ──close─▶ closing ─▶ ended
///                       └──error, silence──▶ ended ◀── refused, gone, silence
///
/// A value: messages of the server and the time go in, ``nextOutput()`` says what is to be done. Refreshes of the
/// allocation, of permissions and of channels are its own affair; both of the latter live as long as something was sent
/// to their peer within ``permissionLifetime``.
///
/// What it does not do: reserved or even ports, two families in one allocation, TCP between server and peer (RFC 6062),
/// and following a server's hint at another, which it reports.
package struct TURNClient: Sendable {
    /// What is asked for.
    package struct Configuration: Hashable, Sendable {
        package var username: String
        package var password: String
        /// The family of the relayed address; IPv4 is what a server gives that is not asked.
        package var wantsIPv6 = false
        /// How long the allocation is to live without a refresh, at most an hour (§7.2).
        package var lifetime = Duration.seconds(600)
        /// The way to the server is a stream: nothing is lost, and channel data is padded.
        package var isStream = false

        package init(username: String, password: String) {
            self.username = username
            self.password = password
        }
    }

    /// Why there is no allocation (any more).
    package enum Failure: Hashable, Sendable {
        /// The server does not know user or password, or no longer.
        case credentials
        /// It names another that would serve.
        case tryAlternate(SocketEndpoint)
        /// Its error (RFC 8656 §19): 437, 440, 442, 486, 508 and others.
        case refused(Int)
        /// It does not answer.
        case silent
        /// Its answer makes no sense.
        case malformed
    }

    /// What is to be done.
    package enum Output: Hashable, Sendable {
        /// Send these bytes to the server.
        case send([UInt8])
        /// The allocation is there.
        case allocated(relayed: SocketEndpoint, mapped: SocketEndpoint?)
        /// A peer has sent something to the relayed address.
        case received([UInt8], from: SocketEndpoint)
        /// The server forwards nothing to this peer.
        case forbidden(SocketEndpoint)
        /// The machine does nothing any more.
        case ended(Failure?)
    }

    enum State: Hashable, Sendable { case idle, allocating, allocated, closing, ended }

    /// What a request is for.
    enum Purpose: Hashable, Sendable {
        case allocate
        case refresh
        case deallocate
        case permission(IPAddress)
        case channel(UInt16, SocketEndpoint)
    }

    struct Request: Sendable {
        let order: UInt64
        let purpose: Purpose
        let message: STUNMessage
        let bytes: [UInt8]
        var timer: STUNTransactionTimer
    }

    /// The most peers; each has a permission of its own.
    package static let maximumPeers = 48
    /// The most datagrams that wait for a permission, for each peer.
    static let maximumWaiting = 4
    /// How long a permission lives (§9), and how long a peer stays one that nothing was sent to.
    package static let permissionLifetime = Duration.seconds(300)
    /// When a permission is renewed, and a channel (600 s, §12) with it.
    static let renewal = Duration.seconds(240)

    package let configuration: Configuration
    var state = State.idle
    var credentials: STUNCredentials
    var random: any RandomNumberGenerator & Sendable
    var requests: [STUNMessage.Transaction: Request] = [:]
    var sentRequests: UInt64 = 0
    var peers: [IPAddress: TURNPermission] = [:]
    var channels: [SocketEndpoint: TURNChannel] = [:]
    var nextChannel = TURNChannelData.numbers.lowerBound
    var refreshAt: ContinuousClock.Instant?
    var expiresAt: ContinuousClock.Instant?
    private var outputs: [Output] = []
    /// The relayed address, while there is one.
    package internal(set) var relayed: SocketEndpoint?

    package init(_ configuration: Configuration, random: any RandomNumberGenerator & Sendable) {
        self.configuration = configuration
        self.random = random
        credentials = STUNCredentials(username: configuration.username, password: configuration.password)
    }

    /// Takes the next thing to do.
    package mutating func nextOutput() -> Output? { outputs.isEmpty ? nil : outputs.removeFirst() }

    mutating func emit(_ output: Output) { outputs.append(output) }

    // MARK: What the user wants

    /// Asks the server for an allocation, once.
    package mutating func start(now: ContinuousClock.Instant) {
        guard state == .idle else { return }
        state = .allocating
        ask(.allocate, now: now)
    }

    /// Sends a datagram to a peer from the relayed address, over a channel if one is bound. Dropped while there is no
    /// allocation, and beyond ``maximumPeers``; a few wait for the permission.
    package mutating func send(_ data: [UInt8], to peer: SocketEndpoint, now: ContinuousClock.Instant) {
        guard state == .allocated, data.count <= 65_000 else { return }
        if let channel = channels[peer], channel.isBound {
            channels[peer]?.lastUse = now
            peers[peer.address]?.lastUse = now
            emit(
                .send(TURNChannelData(channel: channel.number, data: data).encoded(padded: configuration.isStream)))
            return
        }
        permit(peer.address, now: now)
        guard var permission = peers[peer.address] else { return }
        permission.lastUse = now
        if permission.isGranted {
            emit(.send(indication(data, to: peer)))
        } else if permission.waiting.count < Self.maximumWaiting {
            permission.waiting.append((peer, data))
        }
        peers[peer.address] = permission
    }

    /// Lets a peer's address send to the relayed one. Data does it by itself.
    package mutating func permit(_ address: IPAddress, now: ContinuousClock.Instant) {
        guard state == .allocated, peers[address] == nil, peers.count < Self.maximumPeers else { return }
        peers[address] = TURNPermission(lastUse: now)
        ask(.permission(address), now: now)
    }

    /// Binds a channel to a peer, so that data has four bytes more and not 36.
    package mutating func bindChannel(to peer: SocketEndpoint, now: ContinuousClock.Instant) {
        guard state == .allocated, channels[peer] == nil, TURNChannelData.numbers.contains(nextChannel),
            peers[peer.address] != nil || peers.count < Self.maximumPeers
        else { return }
        peers[peer.address] = peers[peer.address] ?? TURNPermission(lastUse: now)
        channels[peer] = TURNChannel(number: nextChannel, lastUse: now)
        ask(.channel(nextChannel, peer), now: now)
        nextChannel += 1
    }

    /// Gives the allocation back; ``Output/ended(_:)`` comes when the server has said yes, or does not.
    package mutating func close(now: ContinuousClock.Instant) {
        switch state {
        case .allocated:
            state = .closing
            requests = [:]
            ask(.deallocate, now: now)
        case .idle, .allocating: end(nil)
        case .closing, .ended: break
        }
    }

    /// The way to the server is gone.
    package mutating func abandon() { end(.silent) }

    /// Nothing was asked for yet.
    package var isIdle: Bool { state == .idle }

    mutating func end(_ failure: Failure?) {
        guard state != .ended else { return }
        state = .ended
        (requests, peers, channels) = ([:], [:], [:])
        (relayed, refreshAt, expiresAt) = (nil, nil, nil)
        emit(.ended(failure))
    }

    private mutating func indication(_ data: [UInt8], to peer: SocketEndpoint) -> [UInt8] {
        var message = STUNMessage(.indication, .send, transaction: STUNMessage.Transaction(using: &random))
        message.append(.xorPeerAddress, address: peer)
        message.append(.data, data)
        return message.encoded()
    }

    mutating func flush(_ address: IPAddress) {
        guard let waiting = peers[address]?.waiting else { return }
        peers[address]?.waiting = []
        for (peer, data) in waiting { emit(.send(indication(data, to: peer))) }
    }
}

/// What a server lets through from a peer's address.
struct TURNPermission: Sendable {
    var isGranted = false
    /// The server has said no: it is not asked again.
    var isRefused = false
    var lastUse: ContinuousClock.Instant
    var renewAt: ContinuousClock.Instant?
    var waiting: [(SocketEndpoint, [UInt8])] = []

    init(lastUse: ContinuousClock.Instant) { self.lastUse = lastUse }
}

/// A channel's number, and whether the server knows it.
struct TURNChannel: Sendable {
    let number: UInt16
    var isBound = false
    var lastUse: ContinuousClock.Instant
    var renewAt: ContinuousClock.Instant?

    init(number: UInt16, lastUse: ContinuousClock.Instant) {
        self.number = number
        self.lastUse = lastUse
    }
}
