import NetworkTypes
import Testing

@Suite("Addresses")
struct AddressTests {
    @Test(
        "What is bounded for each source counts an IPv6 network of 64 bits as one, and everything else by its address",
        arguments: [
            ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::9", "2001:db8:1:2::"), ("2001:db8:1:3::9", "2001:db8:1:3::"), ("fe80::9", "fe80::9"),
        ])
    func source(text: String, source: String) throws {
        #expect(try #require(IPAddress(text)).source == IPAddress(source))
    }

    @Test(
        "Loose IPv4 forms are refused",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "2130706433", "0x7f.1", "1.2.3.-4", "1..2.3", " 1.2.3.4",
        ])
    func looseIPv4(text: String) {
        #expect(IPv4Address(text) == nil)
    }

    @Test(
        "IPv6 text is read and written in its canonical form (RFC 5952)",
        arguments: [
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("::", "::"), ("::1", "::1"), ("FE80::1", "fe80::1"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:0:0:0:0:0:0", "1::"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ])
    func canonicalIPv6(text: String, canonical: String) throws {
        #expect(try #require(IPv6Address(text)).description == canonical)
    }

    @Test(
        "Broken IPv6 text is refused",
        arguments: [
            ":", ":::", "1:2:3:4:5:6:7", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "::1.2.3", "fe80::1%eth0",
            "[::1]",
        ])
    func brokenIPv6(text: String) {
        #expect(IPv6Address(text) == nil)
    }

    @Test("Printing and parsing are inverse", arguments: 1...200 as ClosedRange<UInt64>)
    func roundTrip(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let v4 = IPv4Address(rawValue: UInt32.random(in: .min ... .max, using: &random))
        #expect(IPv4Address(v4.description) == v4)
        // Few distinct groups, so that runs of zeros occur.
        let groups = (0..<8).map { _ in
            UInt64.random(in: 0...1, using: &random) * UInt64.random(in: 0...0xFFFF, using: &random)
        }
        let v6 = IPv6Address(
            high: groups[0..<4].reduce(0) { $0 << 16 | $1 }, low: groups[4..<8].reduce(0) { $0 << 16 | $1 })
        #expect(IPv6Address(v6.description) == v6, "seed \(seed)")
    }

    @Test("A v4-mapped address is judged as the IPv4 address that it carries")
    func mapped() throws {
        let address = try #require(IPAddress("::ffff:127.0.0.1"))
        #expect(address.isLoopback)
        #expect(address.unmapped == .v4(.loopback))
        #expect(!address.isUnicastHost)
    }

    @Test("A prefix holds its network and nothing else")
    func prefixes() throws {
        let prefix = try #require(IPPrefix("192.168.1.77/24"))
        #expect(prefix.description == "192.168.1.0/24")
        #expect(prefix.contains(try #require(IPAddress("192.168.1.255"))))
        #expect(!prefix.contains(try #require(IPAddress("192.168.2.1"))))
        #expect(!prefix.contains(try #require(IPAddress("fe80::1"))))
        #expect(try #require(IPPrefix("::/0")).contains(try #require(IPAddress("2001:db8::1"))))
        #expect(try #require(IPPrefix("fe80::/64")).contains(try #require(IPAddress("fe80::1"))))
        #expect(IPPrefix("10.0.0.0/33") == nil)
        #expect(IPPrefix("10.0.0.0/-1") == nil)
    }

    @Test("An endpoint is a literal and a port", arguments: ["127.0.0.1:80", "[::1]:65535", "0.0.0.0:0"])
    func endpoints(text: String) throws {
        #expect(try #require(SocketEndpoint(text)).description == text)
    }

    @Test(
        "A name, a missing or a broken port is no endpoint",
        arguments: ["localhost:80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:+1", "::1:80", "[1.2.3.4]:80"])
    func brokenEndpoints(text: String) {
        #expect(SocketEndpoint(text) == nil)
    }

    @Test("A zone is kept for link-local IPv6 addresses alone, tells endpoints apart, and is not written")
    func zones() throws {
        let linkLocal = try #require(IPAddress("fe80::1"))
        #expect(SocketEndpoint(linkLocal, port: 80, zone: 2) != SocketEndpoint(linkLocal, port: 80, zone: 3))
        #expect(SocketEndpoint(linkLocal, port: 80, zone: 2).description == "[fe80::1]:80")
        for (text, zone) in [("ff02::c", 2), ("ff05::c", 0), ("fd00::1", 0), ("2001:db8::1", 0), ("169.254.1.2", 0)] {
            #expect(SocketEndpoint(try #require(IPAddress(text)), port: 1900, zone: 2).zone == zone)
        }
    }

    @Test("A seed gives the same sequence, and a UUID has the form of RFC 9562")
    func seeds() {
        var first = SeededGenerator(seed: 42)
        var second = SeededGenerator(seed: 42)
        let uuid = first.uuid()
        #expect(uuid == second.uuid())
        #expect(uuid.count == 36)
        #expect(Array(uuid)[14] == "4")
    }
}
