internal import CLinuxSockets
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
    /// The most bytes that the system takes as one run; of datagrams it takes 64.
    private static let runBytes = 65_000

    private struct Datagram {
        /// Where its bytes lie among all.
        let offset: Int
        let count: Int
        let route: Route
    }

    private var waiting: [Datagram] = []
    /// The bytes of what waits, in the order in which it was added.
    private var bytes: [UInt8] = []
    private var sendsRuns = true

    var isEmpty: Bool { waiting.isEmpty }
    var count: Int { waiting.count }

    /// Adds a datagram; true when it is time to flush. An empty one says nothing and is left out.
    mutating func add(_ bytes: [UInt8], to route: Route) -> Bool {
        guard !bytes.isEmpty else { return false }
        guard waiting.count < Self.limit else { return true }
        waiting.append(Datagram(offset: self.bytes.count, count: bytes.count, route: route))
        self.bytes.append(contentsOf: bytes)
        return waiting.count % Self.vector == 0
    }

    /// Sends what waits. False if the system takes no more now.
    mutating func flush(through socket: CInt, by sendMany: SendMany = Outbox.sendMany) -> Bool {
        sort()
        var next = 0
        /// Those before it go one by one, because they were refused together.
        var aloneUntil = 0
        while next < waiting.count {
            let runs = runs(from: next, aloneUntil: aloneUntil)
            let (sent, outcome) = send(runs, through: socket, by: sendMany)
            if sent > 0 { next = runs[sent - 1].upperBound }
            switch outcome {
            case .taken: break
            case .full:
                keep(from: next)
                return false
            case .refused(let error):
                let refused = runs[sent]
                guard refused.count > 1 else {
                    next = refused.upperBound
                    continue
                }
                aloneUntil = refused.upperBound
                // A device that cannot compute checksums takes no run at all.
                if error == EIO { sendsRuns = false }
            }
        }
        waiting.removeAll(keepingCapacity: waiting.capacity <= Self.vector * 4)
        bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 18)
        return true
    }

    /// By routes, and in the order in which they came within each. Words are sorted much faster than what they stand for.
    private mutating func sort() {
        guard waiting.count > 1 else { return }
        var order = waiting.indices.map { UInt64(waiting[$0].route.number) << 32 | UInt64($0) }
        order.sort()
        waiting = order.map { waiting[Int($0 & 0xFFFF_FFFF)] }
    }

    /// Only what has not been sent goes on waiting, with its bytes.
    private mutating func keep(from first: Int) {
        var kept: [UInt8] = []
        waiting = waiting[first...].map { datagram in
            defer { kept.append(contentsOf: bytes[datagram.offset..<datagram.offset + datagram.count]) }
            return Datagram(offset: kept.count, count: datagram.count, route: datagram.route)
        }
        bytes = kept
    }

    /// The next runs, for one call: at most ``vector`` datagrams in all, so that a run may be shorter than it could be.
    private func runs(from first: Int, aloneUntil: Int) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        runs.reserveCapacity(Self.vector)
        var next = first
        let limit = min(waiting.count, first + Self.vector)
        while next < limit {
            let end = sendsRuns && next >= aloneUntil ? runEnd(from: next, limit: limit) : next + 1
            runs.append(next..<end)
            next = end
        }
        return runs
    }

    /// Where the run ends that begins here: all of one size, but the last one may be shorter.
    private func runEnd(from first: Int, limit: Int) -> Int {
        let size = waiting[first].count
        var end = first + 1
        var bytes = size
        while end < limit, waiting[end].route.number == waiting[first].route.number, waiting[end].count <= size,
            bytes + waiting[end].count <= Self.runBytes
        {
            bytes += waiting[end].count
            end += 1
            if waiting[end - 1].count < size { break }
        }
        return end
    }

    // MARK: System calls

    /// `sendmmsg(2)`: how many of the messages it has taken, or the error.
    typealias SendMany = (CInt, UnsafeMutablePointer<clinux_mmsghdr>, Int) -> Result<Int, SystemError>

    struct SystemError: Error { let number: CInt }

    static func sendMany(
        _ socket: CInt, _ messages: UnsafeMutablePointer<clinux_mmsghdr>, _ count: Int
    ) -> Result<Int, SystemError> {
        let sent = clinux_sendmmsg(socket, messages, UInt32(count), CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
        return sent < 0 ? .failure(SystemError(number: errno)) : .success(Int(sent))
    }

    private enum Sent { case taken, full, refused(CInt) }

    /// Gives runs to the system with one call. How many it has taken, and what became of the one after those.
    private func send(
        _ runs: [Range<Int>], through socket: CInt, by sendMany: SendMany
    ) -> (taken: Int, Sent) {
        let datagrams = runs.reduce(0) { $0 + $1.count }
        return bytes.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: iovec.self, capacity: datagrams) { parts in
                withUnsafeTemporaryAllocation(of: RunEnvelope.self, capacity: runs.count) { envelopes in
                    withUnsafeTemporaryAllocation(of: clinux_mmsghdr.self, capacity: runs.count) { messages in
                        guard let envelope = envelopes.baseAddress, let part = parts.baseAddress,
                            let message = messages.baseAddress, let base = bytes.baseAddress
                        else { return (0, .refused(EINVAL)) }
                        var used = 0
                        for (index, run) in runs.enumerated() {
                            let first = waiting[run.lowerBound]
                            (envelope + index).initialize(
                                to: RunEnvelope(first.route.address, segment: run.count > 1 ? first.count : nil))
                            (message + index).initialize(
                                to: clinux_mmsghdr(
                                    msg_hdr: RunEnvelope.header(envelope + index, parts: part + used, count: run.count),
                                    msg_len: 0))
                            for datagram in waiting[run] {
                                // sendmmsg(2) does not write to it.
                                let octets = UnsafeMutableRawPointer(mutating: base + datagram.offset)
                                (part + used).initialize(to: iovec(iov_base: octets, iov_len: datagram.count))
                                used += 1
                            }
                        }
                        return Self.sendAll(message, count: runs.count, through: socket, by: sendMany)
                    }
                }
            }
        }
    }

    private static func sendAll(
        _ messages: UnsafeMutablePointer<clinux_mmsghdr>, count: Int, through socket: CInt, by sendMany: SendMany
    ) -> (taken: Int, Sent) {
        var taken = 0
        while taken < count {
            switch sendMany(socket, messages + taken, count - taken) {
            // A part is taken when the one after it is not; the next call says why.
            case .success(let sent) where sent > 0: taken += sent
            case .success: return (taken, .refused(EIO))
            case .failure(let error):
                switch error.number {
                case EINTR: continue
                case EAGAIN: return (taken, .full)
                default: return (taken, .refused(error.number))
                }
            }
        }
        return (taken, .taken)
    }
}

/// What goes with a run into the system: the control message that says how long each of its datagrams is, UDP_SEGMENT
/// of SOL_UDP, for which the C library's module has no names; and its address.
private struct RunEnvelope {
    /// A `cmsghdr` of 16 bytes, the size, and what aligns it: 24 bytes.
    private var control: (length: Int, level: CInt, type: CInt, size: UInt64)
    /// Room for either family's.
    private var address = sockaddr_in6()
    private let addressLength: Int
    private let isRun: Bool

    init(_ address: SystemAddress, segment: Int?) {
        control = (18, 17, 103, UInt64(UInt16(truncatingIfNeeded: segment ?? 0)).littleEndian)
        isRun = segment != nil
        switch address {
        case .v4(let raw):
            withUnsafeMutableBytes(of: &self.address) { $0.storeBytes(of: raw, as: sockaddr_in.self) }
            addressLength = MemoryLayout<sockaddr_in>.size
        case .v6(let raw):
            self.address = raw
            addressLength = MemoryLayout<sockaddr_in6>.size
        }
    }

    /// The header of a message of `count` parts. It points into the envelope, which stays where it is.
    static func header(
        _ envelope: UnsafeMutablePointer<RunEnvelope>, parts: UnsafeMutablePointer<iovec>, count: Int
    ) -> msghdr {
        let base = UnsafeMutableRawPointer(envelope)
        var header = msghdr()
        header.msg_name = base + (MemoryLayout<RunEnvelope>.offset(of: \.address) ?? 0)
        header.msg_namelen = socklen_t(envelope.pointee.addressLength)
        header.msg_iov = parts
        header.msg_iovlen = count
        if envelope.pointee.isRun {
            header.msg_control = base
            header.msg_controllen = MemoryLayout.size(ofValue: envelope.pointee.control)
        }
        return header
    }
}

/// Where a datagram goes from a socket. Two routes of one socket with one number are the same.
struct Route: Sendable {
    let number: Int
    let address: SystemAddress
}
