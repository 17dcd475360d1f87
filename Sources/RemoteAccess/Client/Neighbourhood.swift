package import NetworkTypes
import Synchronization

/// Who on the away network is served: this host's own programs, and neighbours once sharing is on.
package final class Neighbourhood: Sendable {
    private struct State {
        var own: Set<IPAddress>
        var shared: Bool
        var allowed: [IPPrefix]
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - own: The addresses of this host.
    ///   - shared: Whether neighbours are served at all.
    ///   - allowed: The neighbours that are; an empty list serves nobody.
    package init(own: Set<IPAddress>, shared: Bool = false, allowed: [IPPrefix] = []) {
        self.state = Mutex(
            State(own: Set(own.map(\.unmapped)), shared: shared, allowed: allowed))
    }

    /// Takes over the host's addresses after they changed.
    package func setOwn(_ addresses: Set<IPAddress>) {
        state.withLock { $0.own = Set(addresses.map(\.unmapped)) }
    }

    /// Whether the address is this host's.
    package func isOwnHost(_ address: IPAddress) -> Bool {
        address.isLoopback || state.withLock { $0.own.contains(address.unmapped) }
    }

    /// Whether requests and searches from this address are answered.
    package func serves(_ address: IPAddress) -> Bool {
        if isOwnHost(address) { return true }
        return state.withLock { state in
            state.shared && state.allowed.contains { $0.contains(address.unmapped) }
        }
    }

    /// Whether announcements leave this host.
    package var isShared: Bool { state.withLock { $0.shared } }
}
