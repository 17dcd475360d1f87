internal import NetworkTypes
internal import Synchronization
internal import Tunnel

/// Who is connected to a listener: counts for the limits, carriers for revocation.
final class Admission: Sendable {
    /// A place taken by one connection.
    struct Place: Sendable {
        fileprivate let number: UInt64
    }

    private struct Guest {
        let address: IPAddress
        var handshaking = true
        var peer: AdmittedPeer?
        var close: (@Sendable (CarrierEnd) -> Void)?
    }

    private struct State {
        var guests: [UInt64: Guest] = [:]
        var perAddress: [IPAddress: Int] = [:]
        var handshakes = 0
        var next: UInt64 = 0
    }

    private let limits: TunnelListenerConfiguration
    private let state = Mutex(State())

    init(limits: TunnelListenerConfiguration) {
        self.limits = limits
    }

    /// A place for a connection that has just been accepted; nil when there is none.
    func enter(from address: IPAddress) -> Place? {
        state.withLock { state in
            guard state.guests.count < limits.maximumConnections, state.handshakes < limits.maximumHandshakes,
                state.perAddress[address, default: 0] < limits.maximumConnectionsPerAddress
            else { return nil }
            state.next += 1
            state.guests[state.next] = Guest(address: address)
            state.perAddress[address, default: 0] += 1
            state.handshakes += 1
            return Place(number: state.next)
        }
    }

    /// The handshake is over.
    func settle(_ place: Place, peer: AdmittedPeer?, close: @escaping @Sendable (CarrierEnd) -> Void) {
        state.withLock { state in
            guard state.guests[place.number]?.handshaking == true else { return }
            state.handshakes -= 1
            state.guests[place.number]?.handshaking = false
            state.guests[place.number]?.peer = peer
            state.guests[place.number]?.close = close
        }
    }

    /// The connection is gone.
    func leave(_ place: Place) {
        state.withLock { state in
            guard let guest = state.guests.removeValue(forKey: place.number) else { return }
            if guest.handshaking { state.handshakes -= 1 }
            let left = state.perAddress[guest.address, default: 1] - 1
            state.perAddress[guest.address] = left > 0 ? left : nil
        }
    }

    /// Closes the connections of those peers; returns how many.
    func close(_ reason: CarrierEnd, where matches: (AdmittedPeer) -> Bool) -> Int {
        let closing = state.withLock { state in
            state.guests.values.compactMap { guest in guest.peer.map(matches) == true ? guest.close : nil }
        }
        for close in closing { close(reason) }
        return closing.count
    }

    /// Closes every connection that has finished its handshake.
    func closeAll() {
        for close in state.withLock({ $0.guests.values.compactMap(\.close) }) { close(.closed) }
    }

    var count: Int { state.withLock { $0.guests.count } }
}
