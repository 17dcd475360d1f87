import NetworkTypes
import Testing

@testable import Traversal

/// RFC 5769, and RFC 8489 appendix B.1 as erratum 6268 has it.
@Suite("STUN: the standards' own messages")
struct STUNVectorTests {
    private static let ice = STUNKey(password: "VOkJxbRl1RmTxUk/WvJxBt")

    private func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter { !$0.isWhitespace }
        return stride(from: 0, to: digits.count, by: 2).map { offset in
            let start = digits.index(digits.startIndex, offsetBy: offset)
            return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
    }

    private var request: [UInt8] {
        bytes(
            """
            000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74
            002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020
            000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf
            """)
    }

    private var response4: [UInt8] {
        bytes(
            """
            0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220
            002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96
            """)
    }

    private var response6: [UInt8] {
        bytes(
            """
            010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220
            002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed41
            80280004c8fb0b4c
            """)
    }

    private var longTerm: [UInt8] {
        bytes(
            """
            000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000
            0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700
            00080014f67024656dd64a3e02b8e0712e85c9a28ca89666
            """)
    }

    private var anonymous: [UInt8] {
        bytes(
            """
            000100902112a44278ad3433c6ad72c029da412e
            001e00204a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
            001500296f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341000000
            0014000b6578616d706c652e6f726700
            001d000400020000
            001c0020b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65
            """)
    }

    @Test func `the request of RFC 5769 §2.1 is read and proved, padded with blanks as it is`() throws {
        let datagram = try STUNDatagram(request)
        let message = datagram.message
        #expect(message.kind == .request && message.method == .binding)
        #expect(message.text(.username) == "evtj:h6vY")
        #expect(message.text(.software) == "STUN test client")
        #expect(message.number(.priority, as: UInt32.self) == 0x6E00_01FF)
        #expect(message.number(.iceControlled, as: UInt64.self) == 0x932F_F9B1_5126_3B36)
        #expect(datagram.hasFingerprint && datagram.isProtected)
        #expect(datagram.isAuthentic(Self.ice))
        #expect(!datagram.isAuthentic(STUNKey(password: "VOkJxbRl1RmTxUk/WvJxBT")))
    }

    @Test func `the responses of §2.2 and §2.3 carry the address of either family`() throws {
        for (bytes, address) in [
            (response4, "192.0.2.1:32853"), (response6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
        ] {
            let datagram = try STUNDatagram(bytes)
            #expect(datagram.message.kind == .success)
            #expect(datagram.message.mappedAddress == SocketEndpoint(address))
            #expect(datagram.hasFingerprint && datagram.isAuthentic(Self.ice))
        }
    }

    @Test func `the responses are written byte for byte, but for their padding`() throws {
        for bytes in [response4, response6] {
            let message = try STUNDatagram(bytes).message
            let written = message.encoded(key: Self.ice, fingerprint: true)
            // The vectors pad with a blank, which the authenticator covers; everything before it is the same.
            #expect(written.count == bytes.count)
            #expect(written[..<35] == bytes[..<35])
            #expect(try STUNDatagram(written).isAuthentic(Self.ice))
        }
    }

    @Test func `the long-term request of §2.4 is proved by the MD5 key, and written byte for byte`() throws {
        let key = STUNKey(username: "マトリックス", realm: "example.org", password: "TheMatrIX", algorithm: .md5)
        let datagram = try STUNDatagram(longTerm)
        #expect(datagram.isAuthentic(key))
        #expect(!datagram.hasFingerprint)
        #expect(datagram.message.encoded(key: key) == longTerm)
    }

    @Test func `the request of RFC 8489 B.1 is proved by the SHA-256 key, and written byte for byte`() throws {
        let key = STUNKey(
            username: "マトリックス", realm: "example.org", password: "TheMatrIX", algorithm: .sha256, hash: .sha256)
        let datagram = try STUNDatagram(anonymous)
        #expect(datagram.isAuthentic(key))
        #expect(!datagram.isAuthentic(key, only: .sha1))
        #expect(datagram.message[.userhash] == STUNKey.userhash(username: "マトリックス", realm: "example.org"))
        #expect(datagram.message.encoded(key: key) == anonymous)
    }

    @Test func `a changed bit anywhere is noticed`() throws {
        for index in request.indices {
            for bit in 0..<8 as Range<UInt8> {
                var changed = request
                changed[index] ^= 1 << bit
                guard let datagram = try? STUNDatagram(changed) else { continue }
                #expect(!(datagram.hasFingerprint && datagram.isAuthentic(Self.ice)), "byte \(index), bit \(bit)")
            }
        }
    }

    @Test func `no proof is taken of which only a part fits`() throws {
        // Without FINGERPRINT, whose eight bytes follow the proof's twenty.
        var forged = Array(request.dropLast(8))
        forged[3] -= 8
        #expect(try STUNDatagram(forged).isAuthentic(Self.ice))
        for first in [0x00, 0xFF] as [UInt8] {
            for last in 0...UInt8.max {
                forged.replaceSubrange((forged.count - 20)..., with: [UInt8](repeating: first, count: 19) + [last])
                #expect(try !STUNDatagram(forged).isAuthentic(Self.ice), "last byte \(last)")
            }
        }
    }

    @Test func `what is cut off anywhere is refused`() {
        for count in request.indices {
            #expect(throws: STUNError.self) { _ = try STUNDatagram(Array(request[..<count])) }
        }
    }
}
