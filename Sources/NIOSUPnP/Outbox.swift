internal import Glibc
internal import NIOCore

/// What a socket is to send: collected, and given to the system together.
///
/// A datagram that the system refuses (no route, a firewall, an address that is gone) is dropped alone: the network may
/// lose any, and what somebody has put into a source address must never close a socket. So this does not go through the
/// channel, which closes itself at most errors. When the system's buffer is full, the rest waits for a moment.
struct Outbox {
    /// So many datagrams wait at most; more are dropped.
    static let limit = 4_096
    /// When so many are there, they are sent without waiting for the batch's end.
    static let vector = 64

    private var waiting: CircularBuffer<(bytes: [UInt8], address: SystemAddress)> = []

    var isEmpty: Bool { waiting.isEmpty }

    /// Adds a datagram; true when it is time to flush.
    mutating func add(_ bytes: [UInt8], to address: SystemAddress) -> Bool {
        guard waiting.count < Self.limit else { return true }
        waiting.append((bytes, address))
        return waiting.count % Self.vector == 0
    }

    /// Sends what waits. False if the system takes no more now.
    mutating func flush(through socket: CInt) -> Bool {
        while let (bytes, address) = waiting.first {
            let flags = CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)
            let sent = address.withPointer { sendto(socket, bytes, bytes.count, flags, $0, $1) }
            if sent < 0, errno == EAGAIN || errno == EWOULDBLOCK { return false }
            if sent < 0, errno == EINTR { continue }
            waiting.removeFirst()
        }
        return true
    }
}
