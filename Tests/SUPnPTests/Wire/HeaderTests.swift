import NetworkTypes
import SUPnP
import Testing

@Suite("The base header")
struct HeaderTests {
    private let vector: [UInt8] = [0x5E, 0xC1, 0x80, 0x01, 0, 0, 0x12, 0x34, 0, 0x28, 0x0E, 0xE1]

    @Test("The specification's REG_REQUEST has the checksum 0ee1")
    func checksum() throws {
        let header = Header(flags: .control, suite: .classic, nonce: 0x1234, bodyCount: 28)
        #expect(header.encoded == vector)
        #expect(try Header.decode(vector + [UInt8](repeating: 0, count: 28)) == header)
    }

    @Test("No text of UPnP starts like a SUPnP datagram")
    func text() {
        #expect(String(validating: vector.prefix(2), as: UTF8.self) == nil)
        for text in ["M-SEARCH * HTTP/1.1\r\n", "NOTIFY * HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n", "SUBSCRIBE / HTTP/1.1"]
        {
            #expect(throws: HeaderError.magic) { try Header.decode(Array(text.utf8)) }
        }
    }

    @Test("Every flag, suite and field comes back", arguments: Suite.allCases)
    func roundTrip(suite: Suite) throws {
        var random = SeededGenerator(seed: UInt64(suite.rawValue))
        for flags in 0...UInt8.max {
            let header = Header(
                flags: HeaderFlags(rawValue: flags), suite: suite, keyID: .random(in: 0 ... .max, using: &random),
                nonce: .random(in: 0 ... .max, using: &random), bodyCount: .random(in: 0...40, using: &random))
            let body = random.bytes(Int(header.length) - 12)
            #expect(try Header.decode(header.encoded + body) == header)
        }
    }

    @Test("A datagram is refused with one flipped bit in its header")
    func flips() throws {
        let datagram = vector + [UInt8](repeating: 7, count: 28)
        for bit in 0..<96 {
            var flipped = datagram
            flipped[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: HeaderError.self, "bit \(bit)") { try Header.decode(flipped) }
        }
    }

    @Test("The faults are told in the order of their checks")
    func order() {
        func error(_ change: (inout [UInt8]) -> Void) -> HeaderError? {
            var datagram = vector + [UInt8](repeating: 0, count: 28)
            change(&datagram)
            do {
                _ = try Header.decode(datagram)
                return nil
            } catch { return error }
        }
        #expect(error { $0 = Array($0.prefix(11)) } == .short)
        #expect(error { $0 = [] } == .short)
        #expect(
            error {
                $0[0] = 0; $0[3] = 2; $0[9] = 1
            } == .magic)
        #expect(
            error {
                $0[3] = 0xF2; $0[9] = 1
            } == .version(2))
        #expect(
            error {
                $0[3] = 0xF1; $0.append(0)
            } == .length)
        #expect(error { $0[3] = 0xF1 } == .checksum)
        // A suite that is not known, the checksum right.
        #expect(
            error {
                $0[3] = 0xF1; $0[10] = 0x0D; $0[11] = 0xF1
            } == .suite(15))
    }

    @Test("Both writings of zero are sums of nothing, but only one is written")
    func zeroSum() {
        // The checksum 0xFFFF stands for the sum 0, which a header with a magic never has.
        for nonce in 0...UInt16.max {
            let bytes = Header(flags: .control, suite: .classic, nonce: nonce, bodyCount: 0).encoded
            if bytes[10] == 0xFF, bytes[11] == 0xFF { Issue.record("nonce \(nonce) has the checksum FFFF") }
        }
    }
}
