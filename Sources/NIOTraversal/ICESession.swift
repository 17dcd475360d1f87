internal import Glibc
package import NIOCore
package import NetworkTypes
internal import Synchronization
package import Traversal
package import Tunnel

/// A path of datagrams to a peer that is found by ICE, on sockets of its own: it gathers candidates, checks those of the
/// peer, carries data over the best pair, and moves when another is better.
///
///     let session = try ICESession(configuration, on: loop)
///     for await description in session.descriptions { … tell the peer … }
///     session.setRemote(theirs)
///     for await route in session.routes { … the path is there … }
///
/// It runs on one event loop; every call may come from anywhere and returns at once.
package final class ICESession: DatagramPath {
    /// What a session is made with.
    package struct Configuration: Sendable {
        package var role: ICEAgent.Role
        /// Servers, times and limits.
        package var engine = ICEEngine.Configuration()
        /// The own addresses that get a socket each, the best first; at most ``ICEEngine/maximumSockets``.
        package var addresses: [InterfaceAddress]
        /// Adds TLS to the stream to a relay, before anything is sent; who composes the program knows the server's name and
        /// whom to trust. Without it relays over TLS are left out.
        package var secure: (@Sendable (any Channel, ICEEngine.Relay) throws -> Void)?

        package init(_ role: ICEAgent.Role, addresses: [InterfaceAddress]) {
            self.role = role
            self.addresses = addresses
        }
    }

    /// What happens beside routes and datagrams.
    package enum Event: Hashable, Sendable {
        /// Nothing answers on the present route, of which the end may be near: true, and again each second. It answers again:
        /// false.
        case silent(Bool)
        /// No way is left. The session waits for a restart, further candidates, or ``ICESession/close()``.
        case failed(ICEAgent.Failure)
        /// A relay, by its number, serves no longer: new credentials may help (``ICESession/addRelay(_:)``).
        case relayEnded(Int, TURNClient.Failure?)
        /// An own address could not be used.
        case unusable(IPAddress, String)
    }

    /// What the peer is to be told, each time whole: only the newest waits to be read.
    package let descriptions: AsyncStream<ICEDescription>
    /// The newest 64 that nobody has read wait.
    package let events: AsyncStream<Event>
    package let datagrams: AsyncStream<ByteBuffer>
    package let routes: AsyncStream<DatagramRoute>
    package let maximumDatagramSize = DatagramPathLimits.commonSize

    /// Where data goes that needs no relay of this end: written by the loop, read by whoever sends. The lock is held
    /// during the system's call, so that the socket is not closed, and its number another's, meanwhile.
    struct Direct {
        let descriptor: CInt
        let remote: SocketEndpoint
    }
    let direct: SharedRoute
    private let core: NIOLoopBound<SessionCore>
    private let loop: any EventLoop

    /// Binds the sockets and begins to gather. An address that cannot be bound is left out, with an event.
    package init(
        _ configuration: Configuration, on loop: any EventLoop,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) async throws {
        let direct = SharedRoute()
        let (described, description) = AsyncStream<ICEDescription>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let (events, event) = AsyncStream<Event>.makeStream(bufferingPolicy: .bufferingNewest(64))
        let (datagrams, datagram) = AsyncStream<ByteBuffer>.makeStream(
            bufferingPolicy: .bufferingOldest(DatagramPathLimits.waiting))
        let (routes, route) = AsyncStream<DatagramRoute>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let streams = SessionStreams(description: description, event: event, datagram: datagram, route: route)
        core = try await loop.submit {
            let core = SessionCore(configuration, random: random, direct: direct, streams: streams, loop: loop)
            core.setAddresses(configuration.addresses)
            return NIOLoopBound(core, eventLoop: loop)
        }.get()
        self.direct = direct
        self.loop = loop
        (descriptions, self.events, self.datagrams, self.routes) = (described, events, datagrams, routes)
    }

    deinit { close() }

    private func onLoop(_ body: @escaping @Sendable (SessionCore) -> Void) {
        loop.execute { [core] in body(core.value) }
    }

    /// Takes what the peer has told, over a way that is secret and proved.
    package func setRemote(_ description: ICEDescription) {
        onLoop { $0.perform { $0.setRemote(description, now: $1) } }
    }

    /// Both ends have proved to be on one link: the peer's candidates at its address there are checked.
    package func provedSameNetwork(_ proved: ICENeighbours) {
        onLoop { $0.perform { $0.provedSameNetwork(proved, now: $1) } }
    }

    /// Looks, for a few seconds, whether the peer is on one of the own links, and has its candidates there checked if it is:
    /// the controlling end asks by multicasts that go no further than the link, the controlled one answers. Called once,
    /// with what both have told; by the end that answers before the peer is told of it.
    package func findOnLink(own: ICEDescription, peer: ICEDescription) async {
        try? await loop.submit { [core] in
            core.value.findOnLink(peer.credentials, own: own.credentials)
        }.get()
    }

    /// The user of the path hears nothing though it should: the route is asked at once.
    package func suspect() { onLoop { $0.perform { $0.suspect(now: $1) } } }

    /// Begins anew with other credentials, which are described; data goes on over the present route meanwhile.
    package func restart() { onLoop { $0.perform { $0.restart(now: $1) } } }

    /// Adds a relay, with credentials that serve longer for example.
    package func addRelay(_ relay: ICEEngine.Relay) { onLoop { $0.addRelay(relay) } }

    /// The host's addresses are others: sockets of those that are gone are closed, new ones are opened.
    package func setAddresses(_ addresses: [InterfaceAddress]) { onLoop { $0.setAddresses(addresses) } }

    package func send(_ datagram: ByteBuffer) {
        guard datagram.readableBytes <= maximumDatagramSize else { return }
        // The loop is asked a few times in a second at most, however much is sent.
        if !direct.expectsAnswer.load(ordering: .relaxed),
            !direct.expectsAnswer.exchange(true, ordering: .relaxed)
        {
            onLoop { $0.perform { $0.expectAnswer(now: $1) } }
        }
        let isSent = direct.value.withLock { direct in
            guard let direct else { return false }
            datagram.withUnsafeReadableBytes {
                UDPSocket.send($0, to: direct.remote, through: direct.descriptor)
            }
            return true
        }
        guard !isSent, direct.admit() else { return }
        onLoop { core in
            core.direct.release()
            core.perform { $0.send(Array(datagram.readableBytesView), now: $1) }
        }
    }

    package func close() { onLoop { $0.close() } }
}

/// What a session shares between its loop and those who send.
final class SharedRoute: Sendable {
    /// Nil while there is no route, or one through an own relay.
    let value = Mutex<ICESession.Direct?>(nil)
    /// Whether the loop knows that data was sent which the peer should answer.
    let expectsAnswer = Atomic<Bool>(false)
    private let waiting = Atomic<Int>(0)

    /// Whether one more datagram may wait for the loop.
    func admit() -> Bool {
        if waiting.add(1, ordering: .relaxed).newValue <= DatagramPathLimits.waiting { return true }
        release()
        return false
    }

    func release() { waiting.subtract(1, ordering: .relaxed) }
}

/// Where a session's news go.
struct SessionStreams: Sendable {
    let description: AsyncStream<ICEDescription>.Continuation
    let event: AsyncStream<ICESession.Event>.Continuation
    let datagram: AsyncStream<ByteBuffer>.Continuation
    let route: AsyncStream<DatagramRoute>.Continuation

    func finish() {
        description.finish()
        event.finish()
        datagram.finish()
        route.finish()
    }
}
