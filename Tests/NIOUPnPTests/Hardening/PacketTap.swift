import Dispatch
import Glibc
import NetworkTypes
import Testing

/// The far end of the test interface's cable: what is sent there arrives from the link, with whatever source, and
/// what the host sends is seen. Needs root, as the namespace gives it.
final class PacketTap: Sendable {
    private let descriptor: Int32
    /// The hardware address of the tested interface.
    private let destination: [UInt8]

    /// A datagram that the host has sent.
    struct Datagram: Sendable {
        var source: IPv4Address
        var destination: IPv4Address
        var port: UInt16
        var payload: [UInt8]
        /// Bytes on the wire, headers of Ethernet, IP and UDP included.
        var wireBytes: Int { payload.count + 42 }
    }

    /// Opens the far end of `lk0`, which is `far0`.
    init(near: String) throws {
        let far = near.replacing("lk", with: "far")
        let descriptor = socket(AF_PACKET, Int32(SOCK_RAW.rawValue), Int32(UInt16(3).bigEndian))
        try #require(descriptor >= 0, "no packet socket: \(errno)")
        // struct sockaddr_ll: family, protocol, interface, and what is only told on receipt.
        var address = [UInt8](repeating: 0, count: 20)
        address.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: UInt16(AF_PACKET), toByteOffset: 0, as: UInt16.self)
            bytes.storeBytes(of: UInt16(3).bigEndian, toByteOffset: 2, as: UInt16.self)
            bytes.storeBytes(of: Int32(if_nametoindex(far)), toByteOffset: 4, as: Int32.self)
        }
        let bound = address.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { bind(descriptor, $0.baseAddress, 20) }
        }
        let destination = try #require(Self.hardwareAddress(of: near))
        try #require(bound == 0, "\(far) cannot be listened to: \(errno)")
        self.descriptor = descriptor
        self.destination = destination
    }

    deinit { close(descriptor) }

    /// `/sys` shows the interfaces of another namespace, so that the kernel is asked.
    private static func hardwareAddress(of interface: String) -> [UInt8]? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard String(cString: entry.ifa_name) == interface, let address = entry.ifa_addr,
                Int32(address.pointee.sa_family) == AF_PACKET
            else { continue }
            // struct sockaddr_ll: twelve bytes, then the address.
            return Array(UnsafeRawBufferPointer(start: address, count: 20)[12..<18])
        }
        return nil
    }

    /// Sends a UDP datagram to the host, or to a group that it has joined.
    func send(_ payload: [UInt8], from source: SocketEndpoint, to target: SocketEndpoint) throws {
        guard case .v4(let from) = source.address, case .v4(let to) = target.address else { return }
        func bytes(_ address: IPv4Address) -> [UInt8] { withUnsafeBytes(of: address.rawValue.bigEndian) { Array($0) } }
        func bytes(_ number: Int) -> [UInt8] { [UInt8(number >> 8 & 255), UInt8(number & 255)] }
        let group = bytes(to)
        var frame = target.address.isMulticast ? [1, 0, 0x5E, group[1] & 0x7F, group[2], group[3]] : destination
        frame += [2, 0, 0, 0, 0, 9, 8, 0]
        var header: [UInt8] = [0x45, 0] + bytes(28 + payload.count) + [0, 0, 0, 0, 2, 17, 0, 0] + bytes(from) + group
        var sum = stride(from: 0, to: 20, by: 2).reduce(0) { $0 + Int(header[$1]) << 8 + Int(header[$1 + 1]) }
        while sum > 0xFFFF { sum = sum & 0xFFFF + sum >> 16 }
        header.replaceSubrange(10..<12, with: bytes(~sum))
        // Without a checksum, which UDP over IPv4 allows.
        frame +=
            header + bytes(Int(source.port)) + bytes(Int(target.port)) + bytes(8 + payload.count) + [0, 0] + payload
        try #require(Glibc.send(descriptor, frame, frame.count, 0) == frame.count)
    }

    /// What the host has sent by UDP in so many milliseconds, or up to the first datagram that is waited for.
    func receive(
        for milliseconds: Int, until isLast: @escaping @Sendable (Datagram) -> Bool = { _ in false }
    ) async -> [Datagram] {
        // On a thread of its own: waiting here would hold up what other tests do.
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: self.collect(until: .now + .milliseconds(milliseconds), isLast))
            }
        }
    }

    private func collect(until deadline: ContinuousClock.Instant, _ isLast: (Datagram) -> Bool) -> [Datagram] {
        var datagrams: [Datagram] = []
        var frame = [UInt8](repeating: 0, count: 2048)
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while .now < deadline, poll(&waiting, 1, 20) >= 0 {
            let count = recv(descriptor, &frame, frame.count, Int32(MSG_DONTWAIT))
            // IPv4 and UDP, from the tested interface: what this end sends itself has another source.
            guard count >= 42, frame[12] == 8, frame[13] == 0, frame[23] == 17, Array(frame[6..<12]) == destination
            else { continue }
            func address(_ at: Int) -> IPv4Address {
                IPv4Address(frame[at], frame[at + 1], frame[at + 2], frame[at + 3])
            }
            let datagram = Datagram(
                source: address(26), destination: address(30), port: UInt16(frame[36]) << 8 | UInt16(frame[37]),
                payload: Array(frame[42..<count]))
            datagrams.append(datagram)
            if isLast(datagram) { break }
        }
        return datagrams
    }
}
