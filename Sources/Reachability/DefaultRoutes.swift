import Foundation
import NIOUPnP
import NetworkTypes

/// The kernel's default routes, out of proc(5).
package enum DefaultRoutes {
    /// Where this host stands on an interface; without a name on the one that the default route leads over.
    package static func surroundings(interface: String?) -> Surroundings {
        func read(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .ascii)) ?? "" }
        return surroundings(
            interface: interface, interfaces: (try? NetworkInterface.all()) ?? [],
            routes: read("/proc/self/net/route"), routesIPv6: read("/proc/self/net/ipv6_route"))
    }

    static func surroundings(
        interface: String?, interfaces: [NetworkInterface], routes: String, routesIPv6: String
    ) -> Surroundings {
        var result = Surroundings()
        if let route = ipv4(in: routes).first(where: { interface == nil || $0.interface == interface }),
            let found = interfaces.first(where: { $0.name == route.interface })
        {
            result.own = found.stableAddresses.first { address in
                if case .v4 = address.address { address.isOnLink(route.router) } else { false }
            }
            result.router = result.own.map { _ in route.router }
        }
        if let route = ipv6(in: routesIPv6).first(where: { interface == nil || $0.interface == interface }),
            let found = interfaces.first(where: { $0.name == route.interface })
        {
            result.routerIPv6 = SocketEndpoint(route.router, port: 0, zone: found.index)
            result.publicIPv6 = found.stableAddresses.filter { own in
                if case .v6 = own.address { AddressReach(own.address) == .public } else { false }
            }
        }
        return result
    }

    /// Interface and router of each default route: columns 1 to 3 and 8 (the mask), numbers hexadecimal and
    /// little-endian.
    static func ipv4(in table: String) -> [(interface: String, router: IPAddress)] {
        table.split(separator: "\n").dropFirst().prefix(4_096).compactMap { line in
            let columns = line.split(whereSeparator: \.isWhitespace)
            guard columns.count > 7, columns[1] == "00000000", columns[7] == "00000000",
                let value = UInt32(columns[2], radix: 16), value != 0
            else { return nil }
            return (String(columns[0]), .v4(IPv4Address(rawValue: value.byteSwapped)))
        }
    }

    /// Destination and its length, source and its length, next hop, metric, counts, flags, interface.
    static func ipv6(in table: String) -> [(interface: String, router: IPAddress)] {
        table.split(separator: "\n").prefix(16_384).compactMap { line in
            let columns = line.split(whereSeparator: \.isWhitespace)
            guard columns.count > 9, columns[1] == "00", columns[0].allSatisfy({ $0 == "0" }),
                columns[4].utf8.count == 32, let high = UInt64(columns[4].prefix(16), radix: 16),
                let low = UInt64(columns[4].suffix(16), radix: 16), high != 0 || low != 0
            else { return nil }
            return (String(columns[9]), .v6(IPv6Address(high: high, low: low)))
        }
    }
}
