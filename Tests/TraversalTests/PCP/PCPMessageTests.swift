import NetworkTypes
import Testing

@testable import Traversal

@Suite("PCP and NAT-PMP: messages")
struct PCPMessageTests {
    private let nonce = [UInt8](1...12)
    private let home = IPAddress.v4(IPv4Address(192, 168, 1, 7))

    private func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.filter { !$0.isWhitespace }
        return stride(from: 0, to: digits.count, by: 2).compactMap { index in
            let start = digits.index(digits.startIndex, offsetBy: index)
            return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)
        }
    }

    @Test func `a MAP request is 60 bytes with every field where RFC 6887 figures 2 and 9 have it`() {
        let map = PCPMap(
            nonce: nonce, transport: 6, internalPort: 4433, external: SocketEndpoint(.v4(.unspecified), port: 4433))
        let encoded = PCPRequest(map, lifetime: 7200, client: home).encoded
        let expected = bytes(
            """
            02 01 0000 00001C20 00000000 00000000 0000FFFF C0A80107
            0102030405060708090A0B0C 06 000000 1151 1151 00000000 00000000 0000FFFF 00000000
            """)
        #expect(encoded.count == 60)
        #expect(encoded == expected)
    }

    @Test func `an ANNOUNCE request is a header alone, and an option is padded to four bytes`() {
        #expect(PCPRequest(nil, client: home).encoded.count == 24)
        let option = PCPRequest(nil, client: home, options: [PCPOption(3, [1, 2, 3, 4, 5])]).encoded
        #expect(option[24...].elementsEqual([3, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0]))
    }

    @Test func `a MAP answer tells result, lifetime, epoch and what was assigned, over IPv6 too`() throws {
        let answer = try PCPResponse(
            bytes(
                """
                02 81 00 00 00000E10 0001E240 00000000 00000000 00000000
                0102030405060708090A0B0C 06 000000 1151 C001 00000000 00000000 0000FFFF CB007105
                """))
        #expect(answer.result == .success && answer.lifetime == 3600 && answer.epoch == 123_456)
        let map = try #require(answer.map)
        #expect(map.nonce == nonce && map.transport == 6 && map.internalPort == 4433)
        #expect(map.external == SocketEndpoint("203.0.113.5:49153"))
        let pinhole = try PCPResponse(
            bytes(
                """
                02 81 00 00 00000E10 00000001 00000000 00000000 00000000
                0102030405060708090A0B0C 11 000000 1151 1151 20010DB8 00000000 00000000 00000007
                """))
        #expect(pinhole.map?.external == SocketEndpoint("[2001:db8::7]:4433"))
    }

    @Test(arguments: [
        ("", PCPResponse.Fault.length), ("0281", .length),
        ("00 80 0001", .version(0)), ("03 81 0001", .version(3)),
        ("02 01 00 00 00000E10 0001E240 00000000 00000000 00000000", .notResponse),
        ("02 81 00 00 00000E10 0001E240 00000000 00000000 00000000", .length),
        ("02 80 00 00 00000000 00000001 00000000 00000000 00000000 010000FF", .option),
        ("02 80 00 00 00000000 00000001 00000000 00000000 00000000 01", .length),
    ])
    func `what is no answer is refused by name`(hex: String, fault: PCPResponse.Fault) {
        #expect(throws: fault) { try PCPResponse(bytes(hex)) }
    }

    @Test func `1100 bytes are read and 1104 are not`() {
        let head = bytes("02 80 00 00 00000000 00000001 00000000 00000000 00000000")
        #expect(throws: Never.self) { try PCPResponse(head + [UInt8](repeating: 0, count: 1_076)) }
        #expect(throws: PCPResponse.Fault.length) { try PCPResponse(head + [UInt8](repeating: 0, count: 1_080)) }
    }

    @Test func `NAT-PMP's requests and answers are those of RFC 6886`() throws {
        #expect(NATPMPRequest.externalAddress.encoded == [0, 0])
        let map = NATPMPRequest.map(MappingTarget(.tcp, port: 4433), external: 4433, lifetime: 7200)
        #expect(map.encoded == bytes("00 02 0000 1151 1151 00001C20"))
        let address = try NATPMPResponse(bytes("00 80 0000 0001E240 CB007105"))
        #expect(address.content == .externalAddress(IPv4Address(203, 0, 113, 5)) && address.epoch == 123_456)
        let mapped = try NATPMPResponse(bytes("00 81 0000 0001E240 1151 C001 00000E10"))
        #expect(mapped.content == .mapped(MappingTarget(.udp, port: 4433), external: 49_153, lifetime: 3600))
        // Erratum 3618: the answer to a version that is not spoken has opcode 128.
        let unsupported = try NATPMPResponse(bytes("00 80 0001 0001E240"))
        #expect(unsupported.result == .unsupportedVersion && unsupported.content == .refused(opcode: 0))
    }

    @Test(arguments: [
        "", "00", "00 80", "00 80 0000 0001E240", "00 81 0000 0001E240 1151 C001", "00 FF 0000", "00 02 0000",
    ])
    func `what is no answer of NAT-PMP is refused`(hex: String) {
        #expect(throws: NATPMPResponse.Fault.self) { try NATPMPResponse(bytes(hex)) }
    }

    @Test func `random bytes and every truncation are read or refused, and nothing else`() {
        var random = SeededGenerator(seed: 6_887)
        let good = bytes(
            """
            02 81 00 00 00000E10 0001E240 00000000 00000000 00000000
            0102030405060708090A0B0C 06 000000 1151 C001 00000000 00000000 0000FFFF CB007105
            """)
        for count in 0...good.count { _ = try? PCPResponse(Array(good.prefix(count))) }
        for _ in 0..<5_000 {
            var noise = random.bytes(Int.random(in: 0...80, using: &random))
            if !noise.isEmpty, Bool.random(using: &random) { noise[0] = Bool.random(using: &random) ? 2 : 0 }
            _ = try? PCPResponse(noise)
            _ = try? NATPMPResponse(noise)
        }
    }

    @Test func `an epoch that grows with the time is the same router, and one that does not is another start`() {
        let start = ContinuousClock.now
        func verdict(_ later: UInt32, after seconds: Int) -> Bool {
            var epoch = ServerEpoch()
            _ = epoch.isConsistent(1_000, at: start)
            return epoch.isConsistent(later, at: start + .seconds(seconds))
        }
        #expect(verdict(1_100, after: 100))
        #expect(verdict(999, after: 0), "a second back")
        #expect(!verdict(998, after: 0))
        #expect(verdict(1_092, after: 100), "a clock that is a sixteenth slow")
        #expect(!verdict(1_091, after: 100))
        #expect(verdict(1_108, after: 100))
        #expect(!verdict(1_200, after: 100))
        #expect(!verdict(5, after: 100))
    }
}
