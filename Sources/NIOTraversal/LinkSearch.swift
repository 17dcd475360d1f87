internal import NIOCore
internal import NetworkTypes
internal import Traversal

/// One end's half of a proof that both are on one link, on its event loop, with sockets that live as long as it lasts.
final class LinkSearch {
    private enum Half {
        case seeker(LinkSeeker)
        case witness(LinkWitness)
    }

    private let keys: LinkProofKeys
    private let loop: any EventLoop
    private let proved: (ICENeighbours) -> Void
    private var half: Half
    private var sockets: [InterfaceAddress: UDPSocket] = [:]
    /// Where a witness hears questions.
    private var groups: [UDPSocket] = []
    private var timer: Scheduled<Void>?
    private var isClosed = false

    /// Opens the sockets and begins. A link whose sockets cannot be opened is left out: the other links, and all public
    /// candidates, still serve.
    /// - Parameter proved: Called on the loop.
    init(
        _ role: ICEAgent.Role, _ keys: LinkProofKeys, links: [InterfaceAddress], on loop: any EventLoop,
        random: any RandomNumberGenerator & Sendable, proved: @escaping (ICENeighbours) -> Void
    ) {
        self.keys = keys
        self.loop = loop
        self.proved = proved
        var places: [LinkSeeker.Place] = []
        for link in links.filter(\.needsProof).prefix(LinkSeeker.maximumLinks) {
            guard let socket = try? UDPSocket(onlyOn: link) else { continue }
            sockets[link] = socket
            places.append(LinkSeeker.Place(link, port: socket.base.port))
        }
        switch role {
        case .controlling: half = .seeker(LinkSeeker(keys, places: places, random: random, now: .now))
        case .controlled: half = .witness(LinkWitness(keys, links: places.map(\.link), now: .now))
        }
        read(places, role)
        drain()
    }

    private func read(_ places: [LinkSeeker.Place], _ role: ICEAgent.Role) {
        for place in places {
            switch role {
            case .controlling:
                sockets[place.link]?.read(on: loop) { [weak self] in
                    self?.answered($0, at: place, from: $1)
                }
            case .controlled:
                guard let group = try? UDPSocket(group: keys.group(on: place.link), on: place.link) else { continue }
                groups.append(group)
                group.read(on: loop) { [weak self] in self?.asked($0, on: place.link, from: $1) }
            }
        }
    }

    private func asked(_ datagram: ByteBuffer, on link: InterfaceAddress, from source: SocketEndpoint) {
        guard !isClosed, case .witness(var witness) = half else { return }
        witness.receive(Array(datagram.readableBytesView), on: link, from: source, now: .now)
        half = .witness(witness)
        drain()
    }

    private func answered(_ datagram: ByteBuffer, at place: LinkSeeker.Place, from source: SocketEndpoint) {
        guard !isClosed, case .seeker(var seeker) = half else { return }
        seeker.receive(Array(datagram.readableBytesView), at: place, from: source)
        half = .seeker(seeker)
        drain()
    }

    private func timeout() {
        guard !isClosed else { return }
        switch half {
        case .seeker(var seeker):
            seeker.handleTimer(now: .now)
            half = .seeker(seeker)
        case .witness(var witness):
            witness.handleTimer(now: .now)
            half = .witness(witness)
        }
        drain()
    }

    private func drain() {
        switch half {
        case .seeker(var seeker):
            while let output = seeker.nextOutput() {
                switch output {
                case .ask(let bytes, let place): send(bytes, to: keys.group(on: place.link), from: place.link)
                case .proved(let neighbours): proved(neighbours)
                case .ended: close()
                }
            }
            half = .seeker(seeker)
            schedule(seeker.nextTimer)
        case .witness(var witness):
            while let output = witness.nextOutput() {
                switch output {
                case .answer(let bytes, let asker, let link): send(bytes, to: asker, from: link)
                case .proved(let neighbours): proved(neighbours)
                case .ended: close()
                }
            }
            half = .witness(witness)
            schedule(witness.nextTimer)
        }
    }

    private func send(_ bytes: [UInt8], to peer: SocketEndpoint, from link: InterfaceAddress) {
        bytes.withUnsafeBytes { sockets[link]?.send($0, to: peer) }
    }

    private func schedule(_ next: ContinuousClock.Instant?) {
        timer?.cancel()
        timer = nil
        guard let next, !isClosed else { return }
        timer = loop.assumeIsolated().scheduleTask(in: TimeAmount(max(.zero, next - .now))) { [weak self] in
            self?.timeout()
        }
    }

    func close() {
        isClosed = true
        timer?.cancel()
        timer = nil
        for socket in sockets.values { socket.close() }
        for group in groups { group.close() }
        (sockets, groups) = ([:], [])
    }
}
