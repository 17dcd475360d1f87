internal import Glibc

/// What a socket is to send: collected, and given to the system together.
///
/// A datagram that the system refuses (no route, a firewall, an address that is gone) is dropped alone: the network may
/// lose any, and what somebody has put into a source address must never close a socket. So this does not go through the
/// channel, which closes itself at most errors. When the system's buffer is full, the rest waits for a moment.
///
/// Datagrams of one size to one destination go with one call, and through the network's stack once (UDP segmentation
/// offload): a burst of broadcasts is such a run. The order among different destinations is not kept.
struct Outbox {
    /// So many datagrams wait at most; more are dropped.
    static let limit = 4_096
    /// When so many are there, they are sent without waiting for the batch's end.
    static let vector = 64
    /// The most datagrams, and bytes, that the system takes as one run.
    private static let run = (datagrams: 64, bytes: 65_000)

    private struct Datagram {
        var bytes: [UInt8]
        var route: Route
        var number: UInt64
    }

    private var waiting: [Datagram] = []
    private var added: UInt64 = 0
    private var sendsRuns = true

    var isEmpty: Bool { waiting.isEmpty }

    /// Adds a datagram; true when it is time to flush.
    mutating func add(_ bytes: [UInt8], to route: Route) -> Bool {
        guard waiting.count < Self.limit else { return true }
        waiting.append(Datagram(bytes: bytes, route: route, number: added))
        added += 1
        return waiting.count % Self.vector == 0
    }

    /// Sends what waits. False if the system takes no more now.
    mutating func flush(through socket: CInt) -> Bool {
        if waiting.count > 1 {
            waiting.sort { ($0.route.number, $0.number) < ($1.route.number, $1.number) }
        }
        var next = 0
        while next < waiting.count {
            let end = sendsRuns ? runEnd(from: next) : next + 1
            let sent = end - next > 1 ? send(next..<end, through: socket) : send(waiting[next], through: socket)
            switch sent {
            case .taken: next = end
            case .full:
                waiting.removeFirst(next)
                return false
            case .refused(let error):
                // One by one then. A device that cannot compute checksums takes no run at all.
                if error == EIO { sendsRuns = false }
                for index in next..<end where end - next > 1 { _ = send(waiting[index], through: socket) }
                next = end
            }
        }
        waiting.removeAll(keepingCapacity: waiting.capacity <= Self.vector * 4)
        return true
    }

    /// Where the run ends that begins here: all of one size, but the last one may be shorter.
    private func runEnd(from first: Int) -> Int {
        let size = waiting[first].bytes.count
        var end = first + 1
        var bytes = size
        while end < waiting.count, end - first < Self.run.datagrams,
            waiting[end].route.number == waiting[first].route.number,
            waiting[end].bytes.count <= size, bytes + waiting[end].bytes.count <= Self.run.bytes
        {
            bytes += waiting[end].bytes.count
            end += 1
            if waiting[end - 1].bytes.count < size { break }
        }
        return end
    }

    // MARK: System calls

    private enum Sent { case taken, full, refused(CInt) }

    private static let flags = CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)

    private func send(_ datagram: Datagram, through socket: CInt) -> Sent {
        Self.outcome {
            datagram.route.address.withPointer {
                sendto(socket, datagram.bytes, datagram.bytes.count, Self.flags, $0, $1)
            }
        }
    }

    private func send(_ run: Range<Int>, through socket: CInt) -> Sent {
        let total = waiting[run].reduce(0) { $0 + $1.bytes.count }
        let size = waiting[run.lowerBound].bytes.count
        return withUnsafeTemporaryAllocation(byteCount: total, alignment: 16) { joined in
            var offset = 0
            for datagram in waiting[run] {
                datagram.bytes.withUnsafeBytes { joined.baseAddress?.advanced(by: offset).copyMemory(from: $0) }
                offset += datagram.bytes.count
            }
            return withUnsafeTemporaryAllocation(byteCount: SegmentSize.length, alignment: 8) { control in
                SegmentSize.write(UInt16(truncatingIfNeeded: size), to: control)
                var part = iovec(iov_base: joined.baseAddress, iov_len: total)
                return withUnsafeMutablePointer(to: &part) { part in
                    waiting[run.lowerBound].route.address.withPointer { address, length in
                        var message = msghdr()
                        message.msg_name = UnsafeMutableRawPointer(mutating: address)
                        message.msg_namelen = length
                        message.msg_iov = part
                        message.msg_iovlen = 1
                        message.msg_control = control.baseAddress
                        message.msg_controllen = SegmentSize.length
                        return Self.outcome { sendmsg(socket, &message, Self.flags) }
                    }
                }
            }
        }
    }

    private static func outcome(_ call: () -> Int) -> Sent {
        while call() < 0 {
            switch errno {
            case EINTR: continue
            case EAGAIN: return .full
            case let error: return .refused(error)
            }
        }
        return .taken
    }
}

extension UnsafeMutableRawPointer {
    fileprivate func copyMemory(from bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        copyMemory(from: source, byteCount: bytes.count)
    }
}

/// The control message with which a run says how long each of its datagrams is: UDP_SEGMENT of SOL_UDP, for which the C
/// library's module has no names.
private enum SegmentSize {
    /// A `cmsghdr` of 16 bytes, the size, and what aligns it.
    static let length = 24

    static func write(_ size: UInt16, to control: UnsafeMutableRawBufferPointer) {
        control.initializeMemory(as: UInt8.self, repeating: 0)
        control.storeBytes(of: 18, as: Int.self)
        control.storeBytes(of: 17, toByteOffset: 8, as: CInt.self)
        control.storeBytes(of: 103, toByteOffset: 12, as: CInt.self)
        control.storeBytes(of: size, toByteOffset: 16, as: UInt16.self)
    }
}

/// Where a datagram goes from a socket. Two routes of one socket with one number are the same.
struct Route: Sendable {
    let number: Int
    let address: SystemAddress
}
