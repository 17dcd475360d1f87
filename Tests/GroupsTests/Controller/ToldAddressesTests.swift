import NetworkTypes
import Testing

@testable import Groups

@Suite("Which of its addresses a controller tells first")
struct ToldAddressesTests {
    private static func link(_ interface: String, _ address: String, _ length: Int) throws -> InterfaceAddress {
        let address = try #require(IPAddress(address))
        let prefix = try #require(IPPrefix(address: address, length: length))
        return InterfaceAddress(interface: interface, index: 1, address: address, prefix: prefix)
    }

    @Test("one of each family on each interface, link-local ones last")
    func order() throws {
        let links = [
            try Self.link("eth0", "10.0.0.1", 24), try Self.link("eth0", "192.168.0.1", 24),
            try Self.link("eth0", "fe80::1", 64), try Self.link("eth0", "fd00::1", 64),
            try Self.link("wlan0", "fe80::2", 64), try Self.link("wlan0", "10.0.1.1", 24),
        ]
        #expect(
            links.told.map { "\($0.address)" } == [
                "10.0.0.1", "10.0.1.1", "fd00::1", "fe80::2", "192.168.0.1", "fe80::1",
            ])
    }
}
