import NIOCore
import NetworkTypes
import Synchronization

/// Counts a server's connections and handlers, refuses what exceeds the limits, and knows when all are gone.
final class ConnectionTally: Sendable {
    fileprivate struct State {
        var connections: [ObjectIdentifier: any Channel] = [:]
        var perAddress: [IPAddress: Int] = [:]
        var handlers = 0
        var draining = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let limits: HTTPServerLimits
    private let state = Mutex(State())

    init(limits: HTTPServerLimits) {
        self.limits = limits
    }

    /// Enters a connection; false when there is no room for it.
    func admit(_ channel: any Channel, from address: IPAddress) -> Bool {
        state.withLock { state in
            guard !state.draining, state.connections.count < limits.connections,
                state.perAddress[address, default: 0] < limits.connectionsPerAddress
            else { return false }
            state.connections[ObjectIdentifier(channel)] = channel
            state.perAddress[address, default: 0] += 1
            return true
        }
    }

    /// A connection that was admitted has closed.
    func closed(_ channel: any Channel, from address: IPAddress) {
        update { state in
            guard state.connections.removeValue(forKey: ObjectIdentifier(channel)) != nil else { return }
            let left = state.perAddress[address, default: 1] - 1
            state.perAddress[address] = left > 0 ? left : nil
        }
    }

    func handlerStarted() { update { $0.handlers += 1 } }
    func handlerReturned() { update { $0.handlers -= 1 } }

    /// Admits nothing more and returns what is open.
    func drain() -> [any Channel] {
        state.withLock { state in
            state.draining = true
            return Array(state.connections.values)
        }
    }

    /// Waits, after `drain`, until every connection is closed and every handler has returned.
    func drained() async {
        await withCheckedContinuation { continuation in
            let done = state.withLock { state in
                if state.isEmpty { return true }
                state.waiter = continuation
                return false
            }
            if done { continuation.resume() }
        }
    }

    private func update(_ change: (inout State) -> Void) {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
            change(&state)
            guard state.isEmpty else { return nil }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}

extension ConnectionTally.State {
    fileprivate var isEmpty: Bool { connections.isEmpty && handlers == 0 }
}
