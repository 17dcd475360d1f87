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
        var security: HTTPClientSecurity?
    }

    fileprivate struct Idle {
        var connection: PooledConnection
        var since: NIODeadline
    }

    /// What a peer does with connections that it was not asked to close.
    fileprivate enum Habit {
        /// It has answered over a kept one.
        case keeps
        /// It has closed one at once.
        case closes
    }

    fileprivate struct State {
        var idle: [Key: [Idle]] = [:]
        var habits: [Key: Habit] = [:]
        var count = 0
        var shutDown = false
    }

    /// How long an idle connection is kept; shorter than the keep-alive time of common servers.
    static let idleTime = Duration.seconds(4)
    private static let perKey = 4
    private static let total = 64
    private static let habits = 512
    /// A peer that closes without saying so does it within this time, also on a machine that is busy.
    private static let closingTime = TimeAmount.milliseconds(500)

    private let state = Mutex(State())

    /// Whether no request may be sent any more.
    var isShutDown: Bool { state.withLock { $0.shutDown } }

    /// Takes the connection that was used last, on `eventLoop` if there is one.
    ///
    /// - Parameter certain: Whether to take one only if the peer has answered over a kept one before. How long a
    ///   connection has been open says nothing: a busy peer closes late.
    func take(_ key: Key, on eventLoop: any EventLoop, certain: Bool) -> PooledConnection? {
        state.withLock { state in
            guard var idle = state.idle[key] else { return nil }
            if certain, state.habits[key] != .keeps { return nil }
            guard let index = idle.lastIndex(where: { $0.connection.eventLoop === eventLoop }) ?? idle.indices.last
            else { return nil }
            let connection = idle.remove(at: index).connection
            state.idle[key] = idle.isEmpty ? nil : idle
            state.count -= 1
            return connection
        }
    }

    /// A request over a kept connection was answered.
    func wasAnswered(_ key: Key) { state.withLock { $0.note(.keeps, key, unless: .closes, limit: Self.habits) } }

    /// A kept connection ended before a request over it was answered.
    func wasClosed(_ key: Key) { state.withLock { $0.note(.closes, key, limit: Self.habits) } }

    /// Keeps a connection; false when there is no room.
    func put(_ connection: PooledConnection, _ key: Key) -> Bool {
        state.withLock { state in
            guard !state.shutDown, state.count < Self.total, state.idle[key, default: []].count < Self.perKey
            else { return false }
            state.idle[key, default: []].append(Idle(connection: connection, since: .now()))
            state.count += 1
            return true
        }
    }

    /// Forgets a connection that has closed.
    func remove(_ identity: ObjectIdentifier, _ key: Key) {
        state.withLock { state in
            guard var idle = state.idle[key],
                let index = idle.firstIndex(where: { $0.connection.identity == identity })
            else { return }
            let entry = idle.remove(at: index)
            if NIODeadline.now() - entry.since < Self.closingTime {
                state.note(.closes, key, limit: Self.habits)
            }
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
            return state.idle.values.flatMap { $0.map(\.connection) }
        }
        for connection in connections { connection.channel.close(promise: nil) }
    }
}

extension HTTPClientPool.State {
    fileprivate mutating func note(
        _ habit: HTTPClientPool.Habit, _ key: HTTPClientPool.Key, unless kept: HTTPClientPool.Habit? = nil, limit: Int
    ) {
        if let known = habits[key], known == kept { return }
        // What is forgotten is learnt again.
        if habits.count >= limit, habits[key] == nil { habits = [:] }
        habits[key] = habit
    }
}
