import NetworkTypes
import Testing

@testable import NIOUPnP

@Suite struct `Selection of interfaces` {
    private func interface(
        _ addresses: String..., name: String = "eth0", index: Int = 2, multicast: Bool = true, isUp: Bool = true,
        isLoopback: Bool = false, isPointToPoint: Bool = false, transient: Set<String> = []
    ) throws -> NetworkInterface {
        let own = try addresses.map { text in
            let parts = text.split(separator: "/")
            let address = try #require(IPAddress(parts[0]))
            return InterfaceAddress(
                interface: name, index: index, address: address, prefix: try #require(IPPrefix(text)))
        }
        return NetworkInterface(
            name: name, index: index, addresses: own, supportsMulticast: multicast, isUp: isUp,
            isLoopback: isLoopback, isPointToPoint: isPointToPoint,
            transientAddresses: Set(transient.compactMap { IPAddress($0) }))
    }

    @Test(arguments: [
        ["192.168.1.5/24"], ["10.1.2.3/8", "2001:db8::5/64"], ["172.31.0.1/16"], ["169.254.7.7/16"],
        ["203.0.113.5/24", "fd00::5/64"], ["fe80::5/64"],
    ]) func `an interface with a private address is a home's`(addresses: [String]) throws {
        var interface = try interface()
        interface.addresses = try addresses.flatMap { try self.interface($0).addresses }
        #expect(InterfaceSelection.privateNetworks.includes(interface))
    }

    @Test(arguments: [
        ["203.0.113.5/24"], ["203.0.113.5/24", "fe80::5/64"], ["2001:db8::5/64", "fe80::5/64"], ["172.32.0.1/16"], [],
        ["100.64.0.1/10"],
    ]) func `an interface that faces the Internet is none`(addresses: [String]) throws {
        var interface = try interface()
        interface.addresses = try addresses.flatMap { try self.interface($0).addresses }
        #expect(!InterfaceSelection.privateNetworks.includes(interface))
    }

    @Test func `loopback, tunnels and what carries no multicast are no home's`() throws {
        for one in [
            try interface("10.0.0.1/8", isLoopback: true), try interface("10.0.0.1/8", isPointToPoint: true),
            try interface("10.0.0.1/8", multicast: false),
        ] { #expect(!InterfaceSelection.privateNetworks.includes(one)) }
    }

    @Test func `each stable address with neighbours is a link, the first of several in one network`() throws {
        let one = try interface(
            "192.168.1.5/24", "192.168.1.6/24", "10.9.9.9/32", "203.0.113.5/24", "fe80::5/64", "fd00::5/64",
            "fd00::7/64", "fd00:0:0:1::7/64", "2001:db8::9/64", "2001:db8::a/128", transient: ["fd00:0:0:1::7"])
        func links(_ selection: InterfaceSelection, _ families: AddressFamilies = .both) -> [String] {
            selection.links(of: [one], families: families).map(\.address.description)
        }
        let six = ["fe80::5", "fd00::5", "2001:db8::9"]
        #expect(links(.privateNetworks) == ["192.168.1.5"] + six)
        #expect(links(.named(["eth0"])) == ["192.168.1.5", "203.0.113.5"] + six)
        #expect(links(.privateNetworks, .ipv4) == ["192.168.1.5"])
        #expect(links(.privateNetworks, .ipv6) == six)
        #expect(links(.named(["eth1"])).isEmpty)
    }

    @Test func `an interface that is down has no link, but is selected`() throws {
        let one = try interface("192.168.1.5/24", isUp: false)
        #expect(InterfaceSelection.privateNetworks.includes(one))
        #expect(InterfaceSelection.privateNetworks.links(of: [one]).isEmpty)
    }

    @Test func `links are bounded`() throws {
        let many = try (1...100).map { try interface("10.0.\($0).1/24", name: "eth\($0)", index: $0) }
        #expect(InterfaceSelection.privateNetworks.links(of: many).count == InterfaceSelection.maximumLinks)
    }

    @Test func `names need one interface that exists, and one with multicast`() throws {
        let two = [try interface("10.0.0.1/8"), try interface("127.0.0.1/8", name: "lo", index: 1, multicast: false)]
        try InterfaceSelection.named(["eth0", "nosuch0"]).check(two)
        try InterfaceSelection.privateNetworks.check([])
        #expect(throws: SSDPDriverError.noSuchInterface("nosuch0", known: ["eth0", "lo"])) {
            try InterfaceSelection.named(["nosuch0"]).check(two)
        }
        #expect(throws: SSDPDriverError.noMulticast(interface: "lo")) {
            try InterfaceSelection.named(["lo"]).check(two)
        }
    }

    @Test func `the kernel's table says which addresses are not to be announced`() {
        let table = """
            00000000000000000000000000000001 01 80 10 80       lo
            fd000000000000000000000000000005 02 40 00 80     eth0
            fd000000000000000000000000000006 02 40 00 01     eth0
            fd000000000000000000000000000007 02 40 00 20     eth0
            fe80000000000000000000000000000f 1f 40 20 c0     eth1
            fe80000000000000000000000000000e 1f 40 20 88     eth1
            short 02 40 00 01 eth0
            """
        #expect(
            InterfaceTable.transientAddresses(in: table) == [
                2: [.v6(IPv6Address("fd00::6")!), .v6(IPv6Address("fd00::7")!)],
                31: [.v6(IPv6Address("fe80::f")!), .v6(IPv6Address("fe80::e")!)],
            ])
        #expect(InterfaceTable.transientAddresses(in: "").isEmpty)
    }

    @Test func `each kind of address has its group`() throws {
        let configuration = SSDPConfiguration()
        let groups = try interface("192.168.1.5/24", "fe80::5/64", "fd00::5/64", "2001:db8::9/64").addresses
            .map { configuration.group(of: $0) }
        #expect(
            groups.map(\.description) == [
                "239.255.255.250:1900", "[ff02::c]:1900", "[ff05::c]:1900", "[ff05::c]:1900",
            ])
        #expect(groups.map(\.zone) == [0, 2, 0, 0])
    }
}
