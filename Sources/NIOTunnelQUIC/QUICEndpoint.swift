internal import CNgtcp2
internal import NIOCore
internal import Tunnel

/// The connections of one socket or path, on its event loop: finds the connection of each datagram by its connection ID,
/// and gives those that belong to none to the listener.
final class QUICEndpoint {
    /// A connection that has ended, and what is still said of it (RFC 9000 §10.2.1).
    private struct Grave {
        var packet: ByteBuffer
        var remote: SocketAddress
        var ids: Set<ConnectionID>
        /// Datagrams that came since, and how many are to come before the next answer.
        var arrivals = 0
        var nextAnswer = 1
    }

    let loop: any EventLoop
    /// From which the tokens of stateless resets follow (RFC 9000 §10.3.2).
    let resetSecret = Randomness.bytes(32)
    var batch = PacketBatch()
    /// Whether datagrams may leave many at a time; not every network device can.
    var mayBatch = true
    /// Opens another socket to the same end, for a connection that changes its path.
    var makeOutlet: (() -> EventLoopFuture<any DatagramOutlet>)?
    /// Gets datagrams of no connection; nil at a dialer.
    var stranger: ((UnsafeRawBufferPointer, SocketAddress, SocketAddress) -> Void)?

    private(set) var outlets: [any DatagramOutlet] = [] {
        // A socket that takes another's place has its address, and so the same path.
        didSet { for connection in all.values { connection.way = nil } }
    }
    private var connections: [ConnectionID: QUICConnection] = [:]
    private var all: [ObjectIdentifier: QUICConnection] = [:]
    private var graves: [UInt64: Grave] = [:]
    private var buried: [ConnectionID: UInt64] = [:]
    private var nextGrave: UInt64 = 0
    private var busy: [QUICConnection] = []
    /// Of the datagram before this one.
    private var last: (id: ConnectionID, connection: QUICConnection)?
    private var isMoving = false
    private var door: ServerDoor?

    /// How many ended connections are remembered at most.
    private static let mostGraves = 1_024

    init(loop: any EventLoop) {
        self.loop = loop
    }

    /// The listener's judgement of strangers lives as long as this.
    func attach(_ door: ServerDoor) { self.door = door }

    func add(_ outlet: any DatagramOutlet) { outlets.append(outlet) }

    /// The outlet of a path of ngtcp2's.
    func outlet(_ local: ngtcp2_addr) -> (any DatagramOutlet)? {
        if outlets.count == 1 { return outlets.first }
        return outlets.last { $0.local.isSame(as: local) } ?? outlets.last
    }

    var isWritable: Bool { outlets.last?.isWritable ?? false }

    func flush() {
        batch.flush()
        for outlet in outlets { outlet.flush() }
    }

    // MARK: Connections

    var everyone: [QUICConnection] { Array(all.values) }

    func register(_ id: ConnectionID, _ connection: QUICConnection) {
        connections[id] = connection
        all[ObjectIdentifier(connection)] = connection
    }

    func unregister(_ id: ConnectionID) {
        connections[id] = nil
        last = nil
    }

    /// A connection has ended; whoever still writes to it is told so for a while.
    func ended(_ connection: QUICConnection, packet: ByteBuffer?, to remote: SocketAddress?, for time: TimeAmount) {
        let ids = connection.connectionIDs
        for id in ids { connections[id] = nil }
        last = nil
        all[ObjectIdentifier(connection)] = nil
        if let packet, let remote, graves.count < Self.mostGraves, connection.isServer {
            nextGrave += 1
            let number = nextGrave
            graves[number] = Grave(packet: packet, remote: remote, ids: ids)
            for id in ids { buried[id] = number }
            loop.assumeIsolated().scheduleTask(in: time) { [weak self] in self?.exhume(number) }
        }
        whenEnded?(connection)
    }

    /// Is told of each connection's end.
    var whenEnded: ((QUICConnection) -> Void)?

    private func exhume(_ number: UInt64) {
        for id in graves.removeValue(forKey: number)?.ids ?? [] { buried[id] = nil }
    }

    // MARK: Datagrams

    /// Datagrams of one peer, each `segment` bytes long and the last one perhaps shorter. `settle` is called after the
    /// last ones of a burst.
    func receive(
        _ datagrams: UnsafeRawBufferPointer, segment: Int, local: SocketAddress, remote: SocketAddress, now: UInt64
    ) {
        withPath(local: local, remote: remote) { path in
            var start = 0
            while start < datagrams.count {
                let end = min(start + segment, datagrams.count)
                receive(
                    UnsafeRawBufferPointer(rebasing: datagrams[start..<end]), path, local: local, remote: remote,
                    now: now)
                start = end
            }
        }
    }

    private func receive(
        _ datagram: UnsafeRawBufferPointer, _ path: UnsafePointer<ngtcp2_path>, local: SocketAddress,
        remote: SocketAddress, now: UInt64
    ) {
        var header = ngtcp2_version_cid()
        let bytes = datagram.bindMemory(to: UInt8.self).baseAddress
        let result = ngtcp2_pkt_decode_version_cid(&header, bytes, datagram.count, ConnectionID.length)
        guard result == 0 else {
            if result == NGTCP2_ERR_VERSION_NEGOTIATION { stranger?(datagram, local, remote) }
            return
        }
        let id = ConnectionID(UnsafeRawBufferPointer(start: header.dcid, count: header.dcidlen))
        // Datagrams of one connection come together.
        let connection: QUICConnection?
        if let last, last.id == id {
            connection = last.connection
        } else {
            connection = connections[id]
            last = connection.map { (id, $0) }
        }
        if let connection {
            connection.read(datagram, path, now: now)
            if busy.last !== connection { busy.append(connection) }
        } else if let number = buried[id] {
            answer(number)
        } else {
            stranger?(datagram, local, remote)
        }
    }

    /// RFC 9000 §10.2.1: ever more rarely.
    private func answer(_ number: UInt64) {
        guard var grave = graves[number] else { return }
        grave.arrivals += 1
        if grave.arrivals >= grave.nextAnswer {
            grave.nextAnswer *= 2
            outlets.last?.write(grave.packet, segment: grave.packet.readableBytes, to: grave.remote)
            outlets.last?.flush()
        }
        graves[number] = grave
    }

    /// A connection that was made for the present datagram.
    func began(_ connection: QUICConnection) { busy.append(connection) }

    /// The burst is over.
    func settle() {
        last = nil
        for connection in busy { connection.settle() }
        busy.removeAll(keepingCapacity: true)
    }

    /// There is room to write again.
    func resume() {
        for connection in all.values { connection.pump() }
    }

    // MARK: Another path

    /// Goes on from another socket.
    func moveToAnotherSocket() {
        guard !isMoving, let makeOutlet, let connection = all.values.first, !connection.isServer else { return }
        isMoving = true
        makeOutlet().assumeIsolated().whenComplete { [self] result in
            isMoving = false
            guard case .success(let outlet) = result else { return again { $0.moveToAnotherSocket() } }
            let old = outlets
            outlets.append(outlet)
            if connection.migrate(to: outlet.local) {
                retire(old)
            } else if outlets.count > 1 {
                retire([outlet])
            }
        }
    }

    /// The sockets of earlier paths are of no use once late datagrams have had their time.
    private func retire(_ old: [any DatagramOutlet]) {
        loop.assumeIsolated().scheduleTask(in: .seconds(3)) { [weak self] in
            for outlet in old {
                self?.outlets.removeAll { $0 === outlet }
                outlet.close()
            }
        }
    }

    /// A socket is gone: NIO closes one that could not send to some destination. Connections do not end with it.
    func lost(_ outlet: any DatagramOutlet) {
        guard let index = outlets.firstIndex(where: { $0 === outlet }) else { return }
        let wasCurrent = index == outlets.count - 1
        if stranger == nil {
            if wasCurrent { again { $0.moveToAnotherSocket() } }
        } else {
            outlets = []
            replaceSocket()
        }
    }

    private func replaceSocket() {
        guard let makeOutlet else { return }
        makeOutlet().assumeIsolated().whenComplete { [self] result in
            guard case .success(let outlet) = result else { return again { $0.replaceSocket() } }
            outlets = [outlet]
            resume()
        }
    }

    private func again(_ body: @escaping (QUICEndpoint) -> Void) {
        loop.assumeIsolated().scheduleTask(in: .milliseconds(200)) { [weak self] in
            if let self { body(self) }
        }
    }

    /// Ends everything.
    func close(_ reason: CarrierEnd) {
        for connection in all.values { connection.shut(reason) }
        flush()
        for outlet in outlets { outlet.close() }
        outlets = []
        graves = [:]
        buried = [:]
        (stranger, makeOutlet, whenEnded, door) = (nil, nil, nil, nil)
    }
}
