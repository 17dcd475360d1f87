import LatchkeyProgram
import NIOUPnP
import NetworkTypes
import Testing
import TrustCore

@Suite struct DefaultInterfaceTests {
    @Test func `the default is the first interface that can speak UPnP`() {
        let interfaces = [
            InterfaceFacts(name: "late", index: 9),
            InterfaceFacts(name: "lo", index: 1, isLoopback: true),
            InterfaceFacts(name: "down", index: 2, isUp: false),
            InterfaceFacts(name: "tun0", index: 3, isPointToPoint: true),
            InterfaceFacts(name: "deaf", index: 4, supportsMulticast: false),
            InterfaceFacts(name: "v6only", index: 5, hasIPv4: false),
            InterfaceFacts(name: "lan", index: 6),
        ]
        #expect(DefaultInterface.choose(from: interfaces)?.name == "lan")
        #expect(DefaultInterface.choose(from: Array(interfaces[1...5])) == nil)
    }

    @Test(
        "a named interface that cannot speak UPnP is refused with its reason",
        arguments: [
            (InterfaceFacts(name: "x", index: 1, isUp: false), "is down"),
            (InterfaceFacts(name: "x", index: 1, isLoopback: true), "loopback"),
            (InterfaceFacts(name: "x", index: 1, supportsMulticast: false), "multicast"),
            (InterfaceFacts(name: "y", index: 1), "there is no network interface x; this host has: y"),
        ]
    )
    func refusal(interface: InterfaceFacts, reason: String) async {
        #expect(await sentence { _ = try DefaultInterface.resolve("x", from: [interface]) }.contains(reason))
    }

    @Test func `no usable interface at all is said in words`() async {
        #expect(await sentence { _ = try DefaultInterface.resolve(nil, from: []) }.hasPrefix("no network interface"))
    }

    @Test func `a pairing code carries the listening address, or the host's own ones`() throws {
        func interface(_ name: String, _ addresses: String...) throws -> NetworkInterface {
            NetworkInterface(
                name: name, index: 1,
                addresses: try addresses.map { text in
                    let address = try #require(IPAddress(text))
                    let prefix = try #require(IPPrefix(address: address, length: 24))
                    return InterfaceAddress(interface: name, index: 1, address: address, prefix: prefix)
                },
                supportsMulticast: true
            )
        }
        let interfaces = [
            try interface("lo", "127.0.0.1", "::1"), try interface("a", "10.0.0.1", "fe80::1"),
            try interface("b", "10.1.0.1", "2001:db8::1"),
        ]
        func chosen(_ listen: String) throws -> [String] {
            ReachableAddresses.choose(
                listen: try #require(SocketEndpoint(listen)), preferred: "b", interfaces: interfaces
            ).map(\.description)
        }
        #expect(try chosen("10.9.9.9:7") == ["10.9.9.9:7"])
        #expect(try chosen("0.0.0.0:7") == ["10.1.0.1:7", "10.0.0.1:7"])
        #expect(try chosen("[::]:7") == ["10.1.0.1:7", "10.0.0.1:7", "[2001:db8::1]:7"])
    }
}
