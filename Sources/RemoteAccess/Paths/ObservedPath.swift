import NIOCore
import Synchronization
import Traversal
import Tunnel

/// The newest description of a session that gathers.
final class Newest: Sendable {
    private let state = Mutex<ICEDescription?>(nil)

    var value: ICEDescription? { state.withLock { $0 } }
    func set(_ description: ICEDescription) { state.withLock { $0 = description } }
}

/// A path whose route can be asked for, beside the one who reads its routes.
final class ObservedPath: DatagramPath {
    private let path: any DatagramPath
    private let current = Mutex<DatagramRoute?>(nil)

    init(_ path: any DatagramPath) { self.path = path }

    /// Where datagrams go at the moment.
    var route: DatagramRoute? { current.withLock { $0 } }

    var datagrams: AsyncStream<ByteBuffer> { path.datagrams }

    var routes: AsyncStream<DatagramRoute> {
        let stream = path.routes
        return AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            // Ends with the path's own stream.
            let forwarding = Task {
                for await route in stream {
                    self.current.withLock { $0 = route }
                    continuation.yield(route)
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in forwarding.cancel() }
        }
    }

    var maximumDatagramSize: Int { path.maximumDatagramSize }
    func send(_ datagram: ByteBuffer) { path.send(datagram) }
    func close() { path.close() }
}
