/// What gateway and relay tell each other on the standby connection.
package enum StandbyFrame: Hashable, Sendable {
    /// The gateway is there; the first one also proves that it has the key.
    case ping
    /// So is the relay.
    case pong
    /// A client is at the relay's door: come and fetch it.
    case call(RelayTicket)
    /// The gateway does not come.
    case decline(RelayTicket)
    /// The same gateway has registered anew from elsewhere; this connection is over.
    case replaced
    /// The relay is about to stop, in so many seconds at most; nobody is called any more.
    case draining(UInt16)

    private enum Kind {
        static let ping: UInt8 = 1
        static let pong: UInt8 = 2
        static let call: UInt8 = 3
        static let decline: UInt8 = 4
        static let replaced: UInt8 = 5
        static let draining: UInt8 = 6
    }

    var bytes: [UInt8] {
        switch self {
        case .ping: [Kind.ping]
        case .pong: [Kind.pong]
        case .call(let ticket): [Kind.call] + ticket.bytes
        case .decline(let ticket): [Kind.decline] + ticket.bytes
        case .replaced: [Kind.replaced]
        case .draining(let seconds): [Kind.draining, UInt8(seconds >> 8), UInt8(seconds & 0xFF)]
        }
    }

    /// Reads a frame whose code was checked; nil when this version knows no such frame.
    init?(bytes: [UInt8]) {
        let body = bytes.dropFirst()
        switch (bytes.first, body.count) {
        case (Kind.ping, 0): self = .ping
        case (Kind.pong, 0): self = .pong
        case (Kind.call, RelayTicket.byteCount):
            guard let ticket = RelayTicket(bytes: body) else { return nil }
            self = .call(ticket)
        case (Kind.decline, RelayTicket.byteCount):
            guard let ticket = RelayTicket(bytes: body) else { return nil }
            self = .decline(ticket)
        case (Kind.replaced, 0): self = .replaced
        case (Kind.draining, 2): self = .draining(body.reduce(0) { $0 << 8 | UInt16($1) })
        default: return nil
        }
    }
}

/// Why a standby connection is given up.
package enum StandbyFault: Error, Hashable, Sendable {
    /// What came is no frame.
    case malformed
    /// The code is wrong: altered, replayed, out of order, or of somebody without the key.
    case forged
}
