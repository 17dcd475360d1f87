internal import Glibc
internal import NIOCore
internal import NetworkTypes

/// Reads the kernel's list of interfaces.
enum InterfaceTable {
    /// `ifa_flags`, as `netdevice(7)` numbers them.
    private struct Flags: OptionSet {
        var rawValue: UInt32
        static let up = Flags(rawValue: 0x1)
        static let loopback = Flags(rawValue: 0x8)
        static let pointToPoint = Flags(rawValue: 0x10)
        static let running = Flags(rawValue: 0x40)
        static let multicast = Flags(rawValue: 0x1000)
    }

    /// The flags of `/proc/net/if_inet6`, as `linux/if_addr.h` numbers them.
    private struct AddressFlags: OptionSet {
        var rawValue: UInt32
        static let temporary = AddressFlags(rawValue: 0x01)
        static let duplicate = AddressFlags(rawValue: 0x08)
        static let deprecated = AddressFlags(rawValue: 0x20)
        static let tentative = AddressFlags(rawValue: 0x40)
        static let transient: AddressFlags = [.temporary, .duplicate, .deprecated, .tentative]
    }

    /// The longest `/proc/net/if_inet6` that is read, bytes.
    private static let longestTable = 1 << 20

    static func read() throws -> [NetworkInterface] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { throw IOError(errnoCode: errno, reason: "getifaddrs") }
        defer { freeifaddrs(list) }
        let transient = transientAddresses(in: addressTable())
        var found: [Int: NetworkInterface] = [:]
        for entry in sequence(first: list, next: { $0?.pointee.ifa_next }).compactMap({ $0?.pointee }) {
            // An alias such as eth0:1 is an address of eth0.
            let name = String(cString: entry.ifa_name).prefix { $0 != ":" }
            let index = Int(if_nametoindex(String(name)))
            guard index > 0 else { continue }
            let flags = Flags(rawValue: entry.ifa_flags)
            var interface =
                found[index]
                ?? NetworkInterface(
                    name: String(name), index: index, addresses: [], supportsMulticast: flags.contains(.multicast),
                    isUp: flags.contains([.up, .running]), isLoopback: flags.contains(.loopback),
                    isPointToPoint: flags.contains(.pointToPoint), transientAddresses: transient[index] ?? []
                )
            if let address = Self.address(entry.ifa_addr), let mask = Self.address(entry.ifa_netmask),
                let prefix = IPPrefix(address: address, length: mask.leadingOnes)
            {
                interface.addresses.append(
                    InterfaceAddress(interface: interface.name, index: index, address: address, prefix: prefix))
            }
            found[index] = interface
        }
        return found.values.sorted { $0.index < $1.index }.map { interface in
            var interface = interface
            interface.addresses =
                interface.addresses.filter { $0.address.isIPv4 } + interface.addresses.filter { !$0.address.isIPv4 }
            interface.transientAddresses.formIntersection(interface.addresses.map(\.address))
            return interface
        }
    }

    private static func address(_ pointer: UnsafeMutablePointer<sockaddr>?) -> IPAddress? {
        guard let pointer else { return nil }
        let raw = UnsafeRawPointer(pointer)
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET:
            let bytes = UnsafeRawBufferPointer(start: raw, count: MemoryLayout<sockaddr_in>.size)
            return .v4(IPv4Address(inSocketAddress: bytes))
        case AF_INET6:
            let bytes = UnsafeRawBufferPointer(start: raw, count: MemoryLayout<sockaddr_in6>.size)
            return .v6(IPv6Address(inSocketAddress: bytes))
        default:
            return nil
        }
    }

    /// The IPv6 addresses of each interface index that are not to be announced. A line reads
    /// `fe800000000000000000000000000001 02 40 20 80 eth0`: address, index, prefix length, scope, flags, name,
    /// all numbers hexadecimal.
    static func transientAddresses(in table: String) -> [Int: Set<IPAddress>] {
        var result: [Int: Set<IPAddress>] = [:]
        for line in table.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count >= 6, fields[0].utf8.count == 32, let high = UInt64(fields[0].prefix(16), radix: 16),
                let low = UInt64(fields[0].suffix(16), radix: 16), let index = Int(fields[1], radix: 16),
                let flags = UInt32(fields[4], radix: 16)
            else { continue }
            guard !AddressFlags(rawValue: flags).isDisjoint(with: .transient) else { continue }
            result[index, default: []].insert(.v6(IPv6Address(high: high, low: low)))
        }
        return result
    }

    /// Empty where the kernel has no IPv6.
    private static func addressTable() -> String {
        let descriptor = open("/proc/self/net/if_inet6", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < longestTable {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension IPAddress {
    /// How many leading bits are set, which is a netmask's length.
    fileprivate var leadingOnes: Int {
        switch self {
        case .v4(let address): (~address.rawValue).leadingZeroBitCount
        case .v6(let address):
            address.high == .max ? 64 + (~address.low).leadingZeroBitCount : (~address.high).leadingZeroBitCount
        }
    }
}
