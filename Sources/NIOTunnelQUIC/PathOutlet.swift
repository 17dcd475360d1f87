internal import NIOCore
internal import NetworkTypes
internal import Synchronization
internal import Tunnel

/// A path that somebody else keeps, as an outlet: ngtcp2 sees two addresses that stand for it, of which the local one
/// changes at a dialer, and the remote one at a listener, when the path has another route. So congestion and round trip
/// are learnt afresh, and the new route is validated.
final class PathOutlet: DatagramOutlet {
    private let path: any DatagramPath
    private(set) var local: SocketAddress
    private(set) var remote: SocketAddress
    private(set) var ends: (local: SocketEndpoint, remote: SocketEndpoint)?
    private let isServer: Bool
    private var routes: UInt16 = 0

    init(_ path: any DatagramPath, isServer: Bool) throws {
        self.path = path
        self.isServer = isServer
        // RFC 5737: nobody has the address, and nothing is sent to it.
        local = try SocketAddress(ipAddress: "192.0.2.1", port: 1)
        remote = try SocketAddress(ipAddress: "192.0.2.1", port: 2)
    }

    /// The path has a route; true when it took the place of another.
    /// - Parameter isSettled: Whether the connections on it have finished their handshakes; before that one may not
    ///   migrate (RFC 9000 §9), and has learnt nothing of the old route that would be wrong of the new one.
    func moved(_ route: DatagramRoute, isSettled: Bool) -> Bool {
        let isFirst = ends == nil
        ends = (route.local, route.remote)
        guard isSettled, !isFirst else { return false }
        routes &+= 1
        if isServer { remote.port = Int(2 &+ routes) } else { local.port = Int(2 &+ routes) }
        return true
    }

    var isWritable: Bool { true }
    var maximumDatagramSize: Int? { max(path.maximumDatagramSize, 1_200) }

    func write(_ datagrams: ByteBuffer, segment: Int, to remote: SocketAddress) {
        var rest = datagrams
        while let datagram = rest.readSlice(length: min(segment, rest.readableBytes)), datagram.readableBytes > 0 {
            path.send(datagram)
        }
    }

    func flush() {}
    func close() { path.close() }
}

/// Brings what arrives on a path to its endpoint, a burst at a time.
final class PathFeed: Sendable {
    private let path: any DatagramPath
    private let loop: any EventLoop
    private let waiting = Mutex<[ByteBuffer]>([])
    private let state: NIOLoopBoundBox<(QUICEndpoint, PathOutlet)?>

    init(_ path: any DatagramPath, loop: any EventLoop) {
        self.path = path
        self.loop = loop
        self.state = .makeEmptyBox(valueType: (QUICEndpoint, PathOutlet).self, eventLoop: loop)
    }

    /// On the event loop.
    @discardableResult
    func start(_ endpoint: QUICEndpoint, isServer: Bool) throws -> PathOutlet {
        let outlet = try PathOutlet(path, isServer: isServer)
        endpoint.add(outlet)
        state.value = (endpoint, outlet)
        return outlet
    }

    /// On the event loop.
    func stop(_ reason: CarrierEnd) {
        state.value?.0.close(reason)
        state.value = nil
    }

    /// Reads until the path ends or the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await route in self.path.routes {
                    self.loop.execute { self.moved(route) }
                }
            }
            for await datagram in path.datagrams {
                // Bounded: the loop takes all of them at its next turn, and a reader who is late loses datagrams.
                let isFirst: Bool? = waiting.withLock { waiting in
                    guard waiting.count < DatagramPathLimits.waiting else { return nil }
                    waiting.append(datagram)
                    return waiting.count == 1
                }
                if isFirst == true { loop.execute { self.deliver() } }
            }
            group.cancelAll()
        }
    }

    private func deliver() {
        let datagrams = waiting.withLock { waiting in
            defer { waiting.removeAll(keepingCapacity: true) }
            return waiting
        }
        guard let (endpoint, outlet) = state.value else { return }
        let now = QUICConnection.now
        for datagram in datagrams {
            datagram.withUnsafeReadableBytes {
                endpoint.receive(
                    $0, segment: max($0.count, 1), local: outlet.local, remote: outlet.remote, now: now)
            }
        }
        endpoint.settle()
    }

    private func moved(_ route: DatagramRoute) {
        guard let (endpoint, outlet) = state.value else { return }
        let connections = endpoint.everyone
        let hasMoved = outlet.moved(route, isSettled: !connections.isEmpty && connections.allSatisfy(\.hasEntered))
        for connection in connections {
            if hasMoved, !connection.isServer { _ = connection.migrate(to: outlet.local) }
            connection.tellEnds(outlet, outlet.remote)
        }
    }
}
