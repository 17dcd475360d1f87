import NIOSUPnP
import NetworkTypes
import SUPnP
import Synchronization

/// From the forwarder to the key manager.
///
/// What the forwarder relays are the registrations of devices that nobody knows yet: anybody can send them. So there is a
/// bound of those on their way, and what is no registration by its length is not passed on at all.
final class Wires: Sendable {
    /// So many datagrams may wait for the key manager.
    static let maximumRelays = 256
    /// The longest datagram of a registration is far below this; one that is longer is not for the key manager.
    static let longestRelay = 2 * WireSizes.defaultDatagram

    private struct State: Sendable {
        var keyManager: MachineHost<KeyManagerMachine>?
        /// A snapshot is on its way: each event that the forwarder passes over would ask for another one.
        var awaitsSnapshot = false
        /// Datagrams that the key manager has not taken yet.
        var relays = 0
    }

    private let state = Mutex(State())

    func connect(_ keyManager: MachineHost<KeyManagerMachine>) { state.withLock { $0.keyManager = keyManager } }

    /// Lets the key manager go: it holds this.
    func disconnect() { state.withLock { $0.keyManager = nil } }

    /// Passes a datagram on; false when it is dropped.
    @discardableResult
    func relay(_ bytes: [UInt8], from source: SocketEndpoint) -> Bool {
        guard bytes.count <= Self.longestRelay else { return false }
        let keyManager: MachineHost<KeyManagerMachine>? = state.withLock { state in
            guard let keyManager = state.keyManager, state.relays < Self.maximumRelays else { return nil }
            state.relays += 1
            return keyManager
        }
        guard let keyManager else { return false }
        keyManager.tell(.datagram(bytes, from: source)) { self.state.withLock { $0.relays -= 1 } }
        return true
    }

    func snapshotWanted() {
        let keyManager = state.withLock { state in
            defer { state.awaitsSnapshot = true }
            return state.awaitsSnapshot ? nil : state.keyManager
        }
        keyManager?.tell(.snapshotWanted)
    }

    func snapshotBegan() { state.withLock { $0.awaitsSnapshot = false } }
}
