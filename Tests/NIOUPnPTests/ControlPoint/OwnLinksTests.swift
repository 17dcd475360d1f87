import NetworkTypes
import Testing

@testable import NIOUPnP
@testable import UPnP

@Suite("Which link leads to a device")
struct OwnLinksTests {
    private static func link(_ index: Int, _ prefix: String, own: String) throws -> InterfaceAddress {
        InterfaceAddress(
            interface: "if\(index)", index: index, address: try #require(IPAddress(own)),
            prefix: try #require(IPPrefix(prefix)))
    }

    private static let text = [
        (1, "192.168.1.0/24", "192.168.1.2"), (1, "fe80::/64", "fe80::2"), (1, "fd00:1::/64", "fd00:1::2"),
        (2, "10.0.0.0/8", "10.0.0.2"), (2, "fe80::/64", "fe80::22"),
    ]

    private let links: [InterfaceAddress]
    private let own: OwnLinks

    init() throws {
        let links = try Self.text.map { try Self.link($0.0, $0.1, own: $0.2) }
        self.links = links
        self.own = OwnLinks(name: "the home") { links }
    }

    private func way(_ location: String, from source: String, on link: Int) throws -> DiscoveredDevice {
        var device = try DiscoveredDevice.scripted(location, source: source)
        device.interface = links[link]
        return device
    }

    @Test("a LOCATION is followed to the announcer, and over IPv6 to another of its addresses on the same interface")
    func followed() throws {
        for (location, source, heard, link) in [
            ("http://192.168.1.9/d", "192.168.1.9", 0, 0), ("http://[fe80::9]/d", "fe80::9", 1, 1),
            ("http://[fe80::9]/d", "fe80::9", 4, 4), ("http://[fd00:1::9]/d", "fe80::9", 1, 2),
            ("http://[fd00:1::9]/d", "fd00:1::9", 2, 2), ("http://[fe80::9]/d", "fd00:1::9", 2, 1),
        ] {
            let way = try own.way(to: way(location, from: source, on: heard))
            #expect(way.link == links[link], "\(location)")
            #expect(way.peer.zone == (location.contains("fe80") ? links[link].index : 0))
            #expect(!way.location.description.contains("%"))
        }
    }

    @Test(
        "every other LOCATION is refused",
        arguments: [
            ("http://192.168.1.8/d", "192.168.1.9", 0), ("http://192.168.1.9/d", "10.0.0.9", 3),
            ("http://[fd00:1::9]/d", "fe80::9", 4), ("http://[fd00:2::9]/d", "fe80::9", 1),
            ("http://192.168.1.9/d", "fe80::9", 1), ("http://[fe80::9]/d", "192.168.1.9", 0),
            ("http://[::ffff:192.168.1.9]/d", "192.168.1.9", 0), ("http://localhost/d", "192.168.1.9", 0),
            ("http://127.0.0.1/d", "192.168.1.9", 0), ("http://[::1]/d", "fe80::9", 1), ("", "192.168.1.9", 0),
            ("http://[fe80::9%25if1]/d", "fe80::9", 1), ("https://192.168.1.9/d", "192.168.1.9", 0),
            ("http://[ff02::c]/d", "fe80::9", 1), ("http://0.0.0.0/d", "192.168.1.9", 0),
        ])
    func refused(location: String, source: String, heard: Int) {
        #expect(throws: ControlPointError.self) { try own.way(to: way(location, from: source, on: heard)) }
    }

    @Test("a link-local address alone does not tell its link")
    func ambiguous() throws {
        let url = try #require(HTTPURL("http://[fe80::9]/d"))
        #expect(throws: ControlPointError.self) { try own.link(to: url) }
        #expect(try own.link(to: url, heard: links[4]).link == links[4])
        #expect(try own.link(to: url, named: "if1").peer.zone == 1)
        // The own address has changed since: the interface still tells.
        let former = try Self.link(2, "fe80::/64", own: "fe80::dead")
        #expect(try own.link(to: url, heard: former).link == links[4])
        let other = try #require(HTTPURL("http://172.16.0.1/"))
        #expect(throws: ControlPointError.self) { try own.link(to: other, heard: links[0]) }
    }
}
