import NIOCore
import NetworkTypes
import Synchronization

/// A connection of an `HTTPClient`, as other threads may hold it.
struct PooledConnection: Sendable {
    let handler: NIOLoopBound<HTTPClientConnection>
    let channel: any Channel
    let identity: ObjectIdentifier

    var eventLoop: any EventLoop { channel.eventLoop }
}

/// The idle connections of an `HTTPClient`: few, and none for long.
final class HTTPClientPool: Sendable {
    /// Where a connection goes, and from which own address.
    struct Key: Hashable, Sendable {
        var endpoint: SocketEndpoint
        var localAddress: IPAddress?
    }

    private struct State {
        var idle: [Key: [PooledConnection]] = [:]
        var count = 0
        var shutDown = false
    }

    /// How long an idle connection is kept; shorter than the keep-alive time of common servers.
    static let idleTime = Duration.seconds(4)
    private static let perKey = 4
    private static let total = 64

    private let state = Mutex(State())

    /// Whether no request may be sent any more.
    var isShutDown: Bool { state.withLock { $0.shutDown } }

    /// Takes the connection that was used last, on `eventLoop` if there is one.
    func take(_ key: Key, on eventLoop: any EventLoop) -> PooledConnection? {
        state.withLock { state in
            guard var idle = state.idle[key] else { return nil }
            let index = idle.lastIndex { $0.eventLoop === eventLoop } ?? idle.indices.last
            guard let index else { return nil }
            let connection = idle.remove(at: index)
            state.idle[key] = idle.isEmpty ? nil : idle
            state.count -= 1
            return connection
        }
    }

    /// Keeps a connection; false when there is no room.
    func put(_ connection: PooledConnection, _ key: Key) -> Bool {
        state.withLock { state in
            guard !state.shutDown, state.count < Self.total, state.idle[key, default: []].count < Self.perKey
            else { return false }
            state.idle[key, default: []].append(connection)
            state.count += 1
            return true
        }
    }

    /// Forgets a connection that has closed.
    func remove(_ identity: ObjectIdentifier, _ key: Key) {
        state.withLock { state in
            guard var idle = state.idle[key], let index = idle.firstIndex(where: { $0.identity == identity })
            else { return }
            idle.remove(at: index)
            state.idle[key] = idle.isEmpty ? nil : idle
            state.count -= 1
        }
    }

    /// Closes everything and keeps nothing from here on.
    func shutDown() {
        let connections = state.withLock { state in
            state.shutDown = true
            state.count = 0
            defer { state.idle = [:] }
            return state.idle.values.flatMap { $0 }
        }
        for connection in connections { connection.channel.close(promise: nil) }
    }
}
