package import NetworkTypes
internal import Synchronization

package import struct NIOCore.ByteBuffer

/// A datagram path without a network: what one end sends arrives at the other, in order, unless its reader is late or
/// the path is cut.
///
/// For tests. Each end keeps the other only weakly, so whoever made the pair holds both.
package final class InMemoryDatagramPath: DatagramPath {
    private struct State {
        weak var peer: InMemoryDatagramPath?
        var isClosed = false
        var isCut = false
    }

    package let datagrams: AsyncStream<ByteBuffer>
    package let routes: AsyncStream<DatagramRoute>
    package let maximumDatagramSize: Int
    private let arrivals: AsyncStream<ByteBuffer>.Continuation
    private let moves: AsyncStream<DatagramRoute>.Continuation
    private let state = Mutex(State())

    private init(maximumDatagramSize: Int) {
        self.maximumDatagramSize = maximumDatagramSize
        (datagrams, arrivals) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(DatagramPathLimits.waiting))
        (routes, moves) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Two ends of one path between two addresses, which are told and not used.
    package static func pair(
        _ left: SocketEndpoint, _ right: SocketEndpoint, maximumDatagramSize: Int = DatagramPathLimits.commonSize
    ) -> (InMemoryDatagramPath, InMemoryDatagramPath) {
        let ends = (
            InMemoryDatagramPath(maximumDatagramSize: maximumDatagramSize),
            InMemoryDatagramPath(maximumDatagramSize: maximumDatagramSize)
        )
        ends.0.state.withLock { $0.peer = ends.1 }
        ends.1.state.withLock { $0.peer = ends.0 }
        ends.0.move(to: DatagramRoute(.host, local: left, remote: right))
        ends.1.move(to: DatagramRoute(.host, local: right, remote: left))
        return ends
    }

    package func send(_ datagram: ByteBuffer) {
        guard datagram.readableBytes <= maximumDatagramSize else { return }
        let peer = state.withLock { $0.isClosed || $0.isCut ? nil : $0.peer }
        peer?.arrivals.yield(datagram)
    }

    /// Tells the reader of another route.
    package func move(to route: DatagramRoute) { moves.yield(route) }

    /// Loses everything that this end sends from here on, or no longer.
    package func cut(_ isCut: Bool = true) { state.withLock { $0.isCut = isCut } }

    package func close() {
        state.withLock { $0.isClosed = true }
        arrivals.finish()
        moves.finish()
    }
}
