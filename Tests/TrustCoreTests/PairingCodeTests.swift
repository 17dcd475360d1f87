import FoundationEssentials
import NetworkTypes
import TestKit
import Testing
import TrustCore

private let now = TrustFixtures.now

@Suite("The pairing code")
struct PairingCodeTests {
    private func code(addresses: [String] = ["192.0.2.1:4711"], name: String = "Anna's home", seed: UInt64 = 1)
        throws -> PairingCode
    {
        var random = SeededGenerator(seed: seed)
        return try PairingCode(
            gatewayName: name, addresses: addresses.map { try #require(GatewayAddress($0)) }, pin: IdentityKey().pin,
            id: PairingCodeID(using: &random), secret: PairingSecret(using: &random), expiresAt: now + 600
        )
    }

    @Test(
        "a code is read back as it was made",
        arguments: [
            ["192.0.2.1:1"], ["[2001:db8::1]:65535"], ["home.example:443"],
            ["198.51.100.7:4711", "[2001:db8:1:2:3:4:5:6]:4711", "a-name.example.org:4711"],
        ]
    )
    func roundTrip(addresses: [String]) throws {
        let code = try code(addresses: addresses, name: "Zuhause 🏡")
        #expect(try PairingCode(code.uri) == code)
        #expect(try PairingCode(code.qrText) == code)
        #expect(try PairingCode(code.uri.lowercased()) == code)
        #expect(try PairingCode(" \n\(code.uri)\r\n") == code)
        #expect(try PairingCode(code.uri, now: now) == code)
        #expect(code.addresses.map(\.description) == addresses)
    }

    @Test func `random codes are read back`() throws {
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let addresses = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                let address: IPAddress =
                    Bool.random(using: &random)
                    ? .v4(IPv4Address(rawValue: UInt32.random(in: 0x0100_0000...0x7EFF_FFFF, using: &random)))
                    : .v6(IPv6Address(high: 0x2001_0DB8 << 32, low: random.next()))
                return GatewayAddress(SocketEndpoint(address, port: UInt16.random(in: 1...65535, using: &random)))
            }
            let code = try PairingCode(
                gatewayName: String((0..<Int.random(in: 1...20, using: &random)).map { _ in "é" }),
                addresses: addresses.compactMap { $0 }, pin: IdentityKey().pin, id: PairingCodeID(using: &random),
                secret: PairingSecret(using: &random), expiresAt: now + TimeInterval(seed)
            )
            #expect(try PairingCode(code.uri) == code, "seed \(seed)")
        }
    }

    @Test func `with three addresses it fits a QR code of version 12 in alphanumeric mode`() throws {
        let three = [
            "[2001:db8:1:2:3:4:5:6]:65535", "198.51.100.107:65535", "a-rather-long-name.dyndns.example.org:65535",
        ]
        let text = try code(addresses: three, name: String(repeating: "n", count: 40)).qrText
        let alphabet = Set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
        #expect(text.allSatisfy(alphabet.contains))
        // ISO/IEC 18004 table 7: version 12, level M.
        #expect(text.count <= 419)
    }

    @Test func `a code that would not fit is refused when it is made`() throws {
        let long = (0..<8).map { "\(String(repeating: "a", count: 60)).\($0)x.example:1" }
        #expect(throws: PairingCodeError.self) { try code(addresses: long) }
        #expect(throws: PairingCodeError.self) { try code(addresses: []) }
        #expect(throws: PairingCodeError.self) { try code(name: "") }
        #expect(throws: PairingCodeError.self) { try code(name: String(repeating: "x", count: 65)) }
    }

    @Test func `a code cut short anywhere is damaged or no code`() throws {
        let uri = try code().uri
        for length in 0..<uri.count {
            let expected: PairingCodeError = length < "latchkey:".count ? .notACode : .damaged
            #expect(throws: expected, "length \(length)") { try PairingCode(uri.prefix(length)) }
        }
        #expect(throws: PairingCodeError.damaged) { try PairingCode(uri + "A") }
    }

    @Test func `a code with any one character changed is refused`() throws {
        let uri = try code().uri
        let characters = Array(uri)
        let replacements = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var random = SeededGenerator(seed: 7)
        for index in "latchkey:".count..<characters.count {
            var mutated = characters
            repeat {
                mutated[index] = replacements.randomElement(using: &random) ?? "A"
            } while mutated[index] == characters[index]
            #expect(throws: PairingCodeError.self, "character \(index)") { try PairingCode(String(mutated)) }
            for stranger in ["!", "0", "1", "8", "é", " ", "\u{0}"] as [Character] {
                mutated[index] = stranger
                #expect(throws: PairingCodeError.damaged) { try PairingCode(String(mutated)) }
            }
        }
    }

    @Test func `random bytes after the scheme never trap`() {
        for seed in 0..<2000 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let bytes = random.bytes(Int.random(in: 0...400, using: &random))
            let text = "latchkey:" + String(decoding: bytes, as: UTF8.self)
            #expect(throws: PairingCodeError.self, "seed \(seed)") { try PairingCode(text) }
        }
    }

    @Test(
        "something else is not a code",
        arguments: [
            "", "latchkey", "http://latchkey:80/", "otpauth://x", "LATCH KEY:AAAA",
            String(repeating: "x", count: 10_000),
        ]
    )
    func notACode(text: String) {
        #expect(throws: PairingCodeError.notACode) { try PairingCode(text) }
    }

    @Test func `an expired code says when`() throws {
        let code = try code()
        #expect(throws: PairingCodeError.expired(now + 600)) { try PairingCode(code.uri, now: now + 600) }
        #expect(try PairingCode(code.uri, now: now + 599) == code)
        #expect(
            PairingCodeError.expired(now).description
                == "the pairing code expired at 2026-03-09T12:00:00Z: ask for a new one"
        )
    }

    @Test func `a code of another version says which`() {
        // Base 32 of a version byte 3, and of 9 zero bytes that may mean anything in it.
        #expect(throws: PairingCodeError.otherVersion(3)) { try PairingCode("latchkey:AMAAAAAAAAAAAAAA") }
    }

    @Test func `a code with relays is of version 2 and read as it was made, one without them is of version 1`() throws {
        let direct = ["192.0.2.1:4433", "home.example:4433"]
        let relays = ["relay:203.0.113.10:443", "relay:[2001:db8::1]:443", "relay:relay.example.org:8443"]
        let both = try code(addresses: direct + relays)
        // The five bits after the first five end the version and begin the id.
        #expect("IJKL".contains(both.uri.dropFirst(10).prefix(1)))
        #expect(try PairingCode(both.uri) == both)
        #expect(try PairingCode(both.uri).addresses.map(\.description) == direct + relays)
        #expect(try PairingCode(both.uri).addresses.map(\.isRelay) == [false, false, true, true, true])
        #expect("EFGH".contains(try code(addresses: direct).uri.dropFirst(10).prefix(1)))
    }

    @Test func `a relay is named with or without a port, and is never a gateway's own address`() throws {
        #expect(GatewayAddress(relay: "relay.example.org")?.description == "relay:relay.example.org:443")
        #expect(GatewayAddress(relay: "203.0.113.10:8443")?.description == "relay:203.0.113.10:8443")
        #expect(GatewayAddress(relay: "2001:db8::1")?.description == "relay:[2001:db8::1]:443")
        #expect(GatewayAddress(relay: "relay:203.0.113.10:443") == nil)
        #expect(GatewayAddress("relay:relay:203.0.113.10:443") == nil)
        #expect(GatewayAddress("relay:203.0.113.10:443") != GatewayAddress("203.0.113.10:443"))
        #expect(GatewayAddress("relay:203.0.113.10") == nil)
    }

    @Test func `the secret is not in the code's description`() throws {
        let code = try code()
        #expect(!"\(code)".contains(String(code.uri.dropFirst(24).prefix(26))))
        #expect("\(code)".contains("Anna's home"))
    }
}

@Suite("The gateway's address")
struct GatewayAddressTests {
    @Test(
        "what could reach a host is taken",
        arguments: ["192.0.2.1:1", "[::1]:80", "a.example:65535", "localhost:80", "A-b.C:9", "7up.example:1"]
    )
    func accepted(text: String) throws {
        let address = try #require(GatewayAddress(text))
        #expect(GatewayAddress(address.description) == address)
    }

    @Test(
        "what could not, or could be read in two ways, is refused",
        arguments: [
            "", ":80", "a", "a:", "a:0", "a:65536", "a:+80", "a:80 ", "192.0.2.1", "192.0.2.1:0", "::1:80", "[::1]",
            "[fe80::1%eth0]:80", "0.0.0.0:80", "239.255.255.250:1900", "2130706433:80", "0x7f000001:80", "127.1:80",
            "a..b:80", "-a.b:80", "a-.b:80", "a_b:80", "a b:80", "user@a:80", "a/b:80", "é.example:80",
        ]
    )
    func refused(text: String) {
        #expect(GatewayAddress(text) == nil)
    }
}
