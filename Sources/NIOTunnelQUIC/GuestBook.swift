internal import Synchronization
internal import Tunnel

/// Who is connected to a listener, for those who ask from any thread: carriers for revocation, and how many there are.
final class GuestBook: Sendable {
    private struct Guest {
        let peer: AdmittedPeer?
        let link: QUICLink
    }

    private let state = Mutex((guests: [ObjectIdentifier: Guest](), count: 0))

    /// How many connections there are, those included that have not finished their handshake.
    var count: Int { state.withLock { $0.count } }

    func count(_ count: Int) { state.withLock { $0.count = count } }

    func enter(_ id: ObjectIdentifier, _ peer: AdmittedPeer?, _ link: QUICLink) {
        state.withLock { $0.guests[id] = Guest(peer: peer, link: link) }
    }

    func leave(_ id: ObjectIdentifier, count: Int) {
        state.withLock { state in
            state.guests[id] = nil
            state.count = count
        }
    }

    /// Closes the connections of those peers; returns how many.
    func close(_ reason: CarrierEnd, where matches: (AdmittedPeer) -> Bool) -> Int {
        let closing = state.withLock { state in
            state.guests.values.filter { $0.peer.map(matches) == true }.map(\.link)
        }
        for link in closing { link.close(reason) }
        return closing.count
    }
}
