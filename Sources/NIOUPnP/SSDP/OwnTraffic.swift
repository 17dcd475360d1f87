internal import NetworkTypes
internal import Synchronization
internal import UPnP

/// What this process sends, so that it does not discover itself.
///
/// Multicasts leave from ephemeral ports that belong to this process alone. Answers leave from the group's
/// port, which other programs on this host may share, so there the UDN decides as well.
public final class OwnTraffic: Sendable {
    private struct State {
        var exclusive: Set<SocketEndpoint> = []
        var shared: [SocketEndpoint: Int] = [:]
        var udns: [String: Int] = [:]
    }

    private let state = Mutex(State())

    /// Makes an empty record.
    public init() {}

    func insert(exclusive: [SocketEndpoint], shared: [SocketEndpoint]) {
        state.withLock {
            $0.exclusive.formUnion(exclusive)
            for endpoint in shared { $0.shared[endpoint, default: 0] += 1 }
        }
    }

    func remove(exclusive: [SocketEndpoint], shared: [SocketEndpoint]) {
        state.withLock {
            $0.exclusive.subtract(exclusive)
            for endpoint in shared { $0.shared.release(endpoint) }
        }
    }

    func insert(udns: [String]) {
        state.withLock { for udn in udns { $0.udns[udn, default: 0] += 1 } }
    }

    func remove(udns: [String]) {
        state.withLock { for udn in udns { $0.udns.release(udn) } }
    }

    func isOwn(_ message: SSDPMessage, from source: SocketEndpoint) -> Bool {
        state.withLock {
            if $0.exclusive.contains(source) { return true }
            guard $0.shared[source] != nil, let udn = message.usn?.udn else { return false }
            return $0.udns[udn] != nil
        }
    }
}

extension Dictionary where Value == Int {
    fileprivate mutating func release(_ key: Key) {
        guard let count = self[key] else { return }
        self[key] = count > 1 ? count - 1 : nil
    }
}
