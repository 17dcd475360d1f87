import NIOCore
import NIOTraversal
import Synchronization
import Traversal
import Tunnel

/// The newest description of a session that gathers.
final class Newest: Sendable {
    private let state = Mutex<ICEDescription?>(nil)

    var value: ICEDescription? { state.withLock { $0 } }
    func set(_ description: ICEDescription) { state.withLock { $0 = description } }
}

/// A path whose route can be waited and asked for, beside the one who reads its routes.
final class ObservedPath: DatagramPath {
    let routes: AsyncStream<DatagramRoute>
    /// An element for each route, for who reports them.
    let changes: AsyncStream<Void>
    /// True when nothing answers on the present route, and again while it is so; false when it answers again.
    let silence: AsyncStream<Bool>
    private let path: any DatagramPath
    private let first = Latch<Void>()
    private let current: CurrentRoute

    private final class CurrentRoute: Sendable {
        let state = Mutex<DatagramRoute?>(nil)
        let isSilent = Mutex(false)
    }

    /// Observes a path, which it closes when ICE has lost it.
    /// - Parameter events: What ICE says of it, read by nobody else.
    init(_ path: any DatagramPath, events: AsyncStream<ICESession.Event>) {
        self.path = path
        let (routes, found) = AsyncStream<DatagramRoute>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.routes = routes
        let (changes, changed) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.changes = changes
        let (current, first) = (CurrentRoute(), first)
        self.current = current
        let (silence, silent) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.silence = silence
        // Ends with the path's own stream.
        let forwarding = Task {
            for await route in path.routes {
                current.state.withLock { $0 = route }
                first.set(())
                found.yield(route)
                changed.yield()
            }
            found.finish()
            changed.finish()
        }
        found.onTermination = { _ in forwarding.cancel() }
        // As does this one.
        let listening = Task {
            for await event in events {
                switch event {
                case .silent(let isSilent):
                    current.isSilent.withLock { $0 = isSilent }
                    silent.yield(isSilent)
                // Who waits for data on it would wait for the keepalive.
                case .failed: path.close()
                case .relayEnded, .unusable: break
                }
            }
            silent.finish()
        }
        silent.onTermination = { _ in listening.cancel() }
    }

    /// Whether nothing answers on the present route.
    var isSilent: Bool { current.isSilent.withLock { $0 } }

    /// Where datagrams go at the moment.
    var route: DatagramRoute? { current.state.withLock { $0 } }

    /// Waits until there is a route: what is sent before it is lost, and a handshake would wait a second for its
    /// repetition.
    func waitForRoute() async throws {
        _ = await first.wait()
        try Task.checkCancellation()
    }

    var datagrams: AsyncStream<ByteBuffer> { path.datagrams }
    var maximumDatagramSize: Int { path.maximumDatagramSize }
    func send(_ datagram: ByteBuffer) { path.send(datagram) }
    func close() { path.close() }
}
