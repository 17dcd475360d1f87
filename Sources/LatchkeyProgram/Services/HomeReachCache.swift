import Foundation
import NIOUPnP
import NetworkTypes
import RemoteAccess
import Synchronization

/// Where the gateway stands at home, looked at anew every few seconds: interfaces and routers change.
final class HomeReachCache: Sendable {
    private static let age = Duration.seconds(3)
    private let interface: String
    private let state = Mutex<(reach: HomeReach, at: ContinuousClock.Instant)?>(nil)

    init(interface: String) {
        self.interface = interface
    }

    func current() -> HomeReach {
        state.withLock { state in
            if let state, state.at.duration(to: .now) < Self.age { return state.reach }
            let reach = HomeReach(
                links: (try? NetworkInterface.named(interface))?.addresses ?? [],
                routers: Self.routers(in: (try? String(contentsOfFile: "/proc/net/route", encoding: .ascii)) ?? ""))
            state = (reach, .now)
            return reach
        }
    }

    /// The gateways of the kernel's IPv4 routes: the third column, in hexadecimal, little-endian (proc(5)).
    static func routers(in table: String) -> Set<IPAddress> {
        let routers = table.split(separator: "\n").dropFirst().prefix(4_096).compactMap { line -> IPAddress? in
            let columns = line.split(whereSeparator: \.isWhitespace)
            guard columns.count > 2, let value = UInt32(columns[2], radix: 16), value != 0 else { return nil }
            return .v4(IPv4Address(rawValue: value.byteSwapped))
        }
        return Set(routers)
    }
}
