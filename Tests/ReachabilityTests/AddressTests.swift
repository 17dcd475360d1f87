import NIOUPnP
import NetworkTypes
import Testing

@testable import Reachability

@Suite("Reachability: addresses and routes")
struct AddressTests {
    @Test(arguments: [
        ("192.168.1.1", AddressReach.private), ("10.0.0.1", .private), ("172.31.255.255", .private),
        ("169.254.1.1", .private), ("100.64.0.1", .carrier), ("100.127.255.255", .carrier), ("100.63.255.255", .public),
        ("100.128.0.0", .public), ("127.0.0.1", .reserved), ("0.0.0.0", .reserved), ("224.0.0.1", .reserved),
        ("198.18.0.1", .reserved), ("198.19.255.255", .reserved), ("192.0.0.8", .reserved), ("128.66.0.2", .public),
        ("2001:db8::1", .public), ("fe80::1", .private), ("fd00::1", .private), ("fc00::1", .private),
        ("::1", .reserved), ("ff02::1", .reserved), ("::ffff:10.0.0.1", .private),
    ])
    func `an address says who can reach it`(text: String, reach: AddressReach) throws {
        #expect(AddressReach(try #require(IPAddress(text))) == reach)
    }

    private let routes = """
        Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
        eth0\t00000000\t0125A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
        eth0\t0025A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
        tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
        """
    private let routesIPv6 = """
        20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
        """

    @Test func `the default routes are read with their routers, and the own address on the way there`() throws {
        let network = try #require(IPPrefix("192.168.37.0/24"))
        let own = InterfaceAddress(
            interface: "eth0", index: 2, address: .v4(IPv4Address(192, 168, 37, 10)), prefix: network)
        let global = try #require(IPAddress("2001:db8::10"))
        let prefix = try #require(IPPrefix("2001:db8::/64"))
        let ipv6 = InterfaceAddress(interface: "eth0", index: 2, address: global, prefix: prefix)
        let eth0 = NetworkInterface(name: "eth0", index: 2, addresses: [own, ipv6], supportsMulticast: true)
        let place = DefaultRoutes.surroundings(
            interface: nil, interfaces: [eth0], routes: routes, routesIPv6: routesIPv6)
        #expect(place.own == own)
        #expect(place.router == IPAddress("192.168.37.1"))
        #expect(place.routerIPv6 == SocketEndpoint(try #require(IPAddress("fe80::1")), port: 0, zone: 2))
        #expect(place.publicIPv6.map(\.address) == [global])
        let other = DefaultRoutes.surroundings(
            interface: "eth1", interfaces: [eth0], routes: routes, routesIPv6: routesIPv6)
        #expect(other == Surroundings())
    }
}
