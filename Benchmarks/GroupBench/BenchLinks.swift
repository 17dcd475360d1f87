import Foundation
import NIOCore
import NIOPosix
import NetworkTypes

/// What is wrong with how the program is used.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

enum BenchLinks {
    /// An interface's own addresses of the family that is asked for, without link-local ones.
    static func links(_ arguments: BenchArguments) throws -> [InterfaceAddress] {
        let name = arguments.text("interface", "lo")
        let isIPv4 = arguments.text("family", "ipv4") == "ipv4"
        let links = try System.enumerateDevices().compactMap { device -> InterfaceAddress? in
            guard device.name == name, let text = device.address?.ipAddress, let address = IPAddress(text) else {
                return nil
            }
            switch address {
            case .v4: guard isIPv4 else { return nil }
            case .v6(let v6): guard !isIPv4, !v6.isLinkLocal else { return nil }
            }
            guard let prefix = IPPrefix(address: address, length: isIPv4 ? 24 : 64) else { return nil }
            return InterfaceAddress(interface: name, index: device.interfaceIndex, address: address, prefix: prefix)
        }
        guard let first = links.first else { throw BenchFailure("\(name) has no address of that family; see --help") }
        return [first]
    }

    static func multicast(_ arguments: BenchArguments) -> SocketEndpoint {
        let isIPv4 = arguments.text("family", "ipv4") == "ipv4"
        let address: IPAddress =
            isIPv4 ? .v4(IPv4Address(239, 255, 83, 80)) : .v6(IPv6Address(high: 0xFF05 << 48, low: 0x5350))
        return SocketEndpoint(address, port: 58_080)
    }
}

/// Processor time and memory of this process, and the clock of all.
enum Resources {
    static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    static var process: Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }
    static var thread: Double { seconds(CLOCK_THREAD_CPUTIME_ID) }

    static var nanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static var mebibytes: Double {
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?
            .split(separator: " ").dropFirst().first.flatMap { Double($0) }
        return (pages ?? 0) * 4_096 / 1_048_576
    }
}
