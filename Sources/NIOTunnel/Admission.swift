internal import NetworkTypes
internal import RelayProtocol
internal import Synchronization
internal import Tunnel

/// Who is connected to a listener: counts for the limits, carriers for revocation.
final class Admission: Sendable {
    /// A place taken by one connection.
    struct Place: Sendable {
        fileprivate let number: UInt64
    }

    /// Where a connection comes from. What a relay says of its sources never counts against who comes directly.
    struct Origin: Hashable {
        /// What counts as one source (`IPAddress.source`).
        let address: IPAddress
        var isRelayed = false
    }

    private struct Guest {
        let origin: Origin
        var handshaking = true
        var peer: AdmittedPeer?
        /// What ends it: before the handshake is over, without a word.
        var close: @Sendable (CarrierEnd) -> Void
    }

    private struct State {
        var guests: [UInt64: Guest] = [:]
        var perOrigin: [Origin: Int] = [:]
        var handshakes = 0
        var relayed = 0
        var relayedHandshakes = 0
        var relayedArrivals = RateLimit()
        var sources: SourceTable
        var next: UInt64 = 0

        init(limits: TunnelListenerConfiguration) {
            // Places are counted here; the table is for the rate.
            self.sources = SourceTable(most: 4_096, mostOpen: .max, rate: limits.relayedSourceRate)
        }

        mutating func handshakeOver(_ guest: Guest) {
            handshakes -= 1
            if guest.origin.isRelayed { relayedHandshakes -= 1 }
        }

        mutating func remove(_ number: UInt64) -> Guest? {
            guard let guest = guests.removeValue(forKey: number) else { return nil }
            if guest.handshaking { handshakeOver(guest) }
            if guest.origin.isRelayed {
                relayed -= 1
                sources.leave(guest.origin.address)
            }
            let left = perOrigin[guest.origin, default: 1] - 1
            perOrigin[guest.origin] = left > 0 ? left : nil
            return guest
        }

        /// The oldest handshake of that origin, or else of the one that has the most of them; who came through a relay
        /// displaces only others who did.
        func oldestHandshake(of origin: Origin?, relayedOnly: Bool) -> UInt64? {
            let handshaking = guests.filter { $0.value.handshaking && (!relayedOnly || $0.value.origin.isRelayed) }
            let counts = handshaking.reduce(into: [Origin: Int]()) { $0[$1.value.origin, default: 0] += 1 }
            guard let crowd = origin ?? counts.max(by: { $0.value < $1.value })?.key else { return nil }
            return handshaking.filter { $0.value.origin == crowd }.keys.min()
        }

        /// Whether somebody who comes through a relay comes slowly enough.
        mutating func admitsRelayed(_ address: IPAddress, _ limits: TunnelListenerConfiguration) -> Bool {
            let now = ContinuousClock.now
            return relayedArrivals.admits(limits.relayedRate, now: now) && sources.enter(address, now: now)
        }
    }

    private let limits: TunnelListenerConfiguration
    private let state: Mutex<State>

    init(limits: TunnelListenerConfiguration) {
        self.limits = limits
        self.state = Mutex(State(limits: limits))
    }

    /// A place for a connection that has just been accepted; nil when there is none.
    ///
    /// A newcomer displaces the oldest handshake of its own address, or of the address with the most of
    /// them, where a limit is reached: whoever opens connections and says nothing keeps out only itself.
    func enter(from origin: Origin, close: @escaping @Sendable () -> Void) -> Place? {
        let (place, displaced) = state.withLock { state -> (Place?, Guest?) in
            if origin.isRelayed, !state.admitsRelayed(origin.address, limits) { return (nil, nil) }
            var displaced: Guest?
            let isCrowded = state.perOrigin[origin, default: 0] >= limits.maximumConnectionsPerAddress
            let isRelayCrowded =
                origin.isRelayed
                && (state.relayed >= limits.maximumConnections / 2
                    || state.relayedHandshakes >= limits.maximumHandshakes / 2)
            if isCrowded || isRelayCrowded || state.handshakes >= limits.maximumHandshakes
                || state.guests.count >= limits.maximumConnections
            {
                guard
                    let number = state.oldestHandshake(
                        of: isCrowded ? origin : nil, relayedOnly: origin.isRelayed)
                else {
                    if origin.isRelayed { state.sources.leave(origin.address) }
                    return (nil, nil)
                }
                displaced = state.remove(number)
            }
            state.next += 1
            state.guests[state.next] = Guest(origin: origin, close: { _ in close() })
            state.perOrigin[origin, default: 0] += 1
            state.handshakes += 1
            if origin.isRelayed {
                state.relayed += 1
                state.relayedHandshakes += 1
            }
            return (Place(number: state.next), displaced)
        }
        displaced?.close(.closed)
        return place
    }

    /// The handshake is over. False when the place was given to somebody else meanwhile: the connection is
    /// being closed.
    func settle(_ place: Place, peer: AdmittedPeer?, close: @escaping @Sendable (CarrierEnd) -> Void) -> Bool {
        state.withLock { state in
            guard let guest = state.guests[place.number], guest.handshaking else { return false }
            state.handshakeOver(guest)
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
