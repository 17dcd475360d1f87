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
        /// What ends it: before the handshake is over, without a word.
        var close: @Sendable (CarrierEnd) -> Void
    }

    private struct State {
        var guests: [UInt64: Guest] = [:]
        var perAddress: [IPAddress: Int] = [:]
        var handshakes = 0
        var next: UInt64 = 0

        mutating func remove(_ number: UInt64) -> Guest? {
            guard let guest = guests.removeValue(forKey: number) else { return nil }
            if guest.handshaking { handshakes -= 1 }
            let left = perAddress[guest.address, default: 1] - 1
            perAddress[guest.address] = left > 0 ? left : nil
            return guest
        }

        /// The oldest handshake of that address, or else of the address that has the most of them.
        func oldestHandshake(of address: IPAddress?) -> UInt64? {
            let handshaking = guests.filter { $0.value.handshaking }
            let counts = handshaking.reduce(into: [IPAddress: Int]()) { $0[$1.value.address, default: 0] += 1 }
            guard let crowd = address ?? counts.max(by: { $0.value < $1.value })?.key else { return nil }
            return handshaking.filter { $0.value.address == crowd }.keys.min()
        }
    }

    private let limits: TunnelListenerConfiguration
    private let state = Mutex(State())

    init(limits: TunnelListenerConfiguration) {
        self.limits = limits
    }

    /// A place for a connection that has just been accepted; nil when there is none.
    ///
    /// A newcomer displaces the oldest handshake of its own address, or of the address with the most of
    /// them, where a limit is reached: whoever opens connections and says nothing keeps out only itself.
    func enter(from address: IPAddress, close: @escaping @Sendable () -> Void) -> Place? {
        let (place, displaced) = state.withLock { state -> (Place?, Guest?) in
            var displaced: Guest?
            let isCrowded = state.perAddress[address, default: 0] >= limits.maximumConnectionsPerAddress
            if isCrowded || state.handshakes >= limits.maximumHandshakes
                || state.guests.count >= limits.maximumConnections
            {
                guard let number = state.oldestHandshake(of: isCrowded ? address : nil) else { return (nil, nil) }
                displaced = state.remove(number)
            }
            state.next += 1
            state.guests[state.next] = Guest(address: address, close: { _ in close() })
            state.perAddress[address, default: 0] += 1
            state.handshakes += 1
            return (Place(number: state.next), displaced)
        }
        displaced?.close(.closed)
        return place
    }

    /// The handshake is over. False when the place was given to somebody else meanwhile: the connection is
    /// being closed.
    func settle(_ place: Place, peer: AdmittedPeer?, close: @escaping @Sendable (CarrierEnd) -> Void) -> Bool {
        state.withLock { state in
            guard state.guests[place.number]?.handshaking == true else { return false }
            state.handshakes -= 1
            state.guests[place.number]?.handshaking = false
            state.guests[place.number]?.peer = peer
            state.guests[place.number]?.close = close
            return true
        }
    }

    /// The connection is gone.
    func leave(_ place: Place) {
        state.withLock { _ = $0.remove(place.number) }
    }

    /// Closes the connections of those peers; returns how many.
    func close(_ reason: CarrierEnd, where matches: (AdmittedPeer) -> Bool) -> Int {
        let closing = state.withLock { state in
            state.guests.values.filter { $0.peer.map(matches) == true }.map(\.close)
        }
        for close in closing { close(reason) }
        return closing.count
    }

    /// Closes every connection that has finished its handshake.
    func closeAll() {
        for close in state.withLock({ $0.guests.values.filter { !$0.handshaking }.map(\.close) }) { close(.closed) }
    }

    var count: Int { state.withLock { $0.guests.count } }
}
