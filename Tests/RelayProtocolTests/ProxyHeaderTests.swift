import NIOCore
import NetworkTypes
import RelayProtocol
import Testing

@Suite("The PROXY header")
struct ProxyHeaderTests {
    private static let headers: [ProxyHeader] = [
        ProxyHeader(source: SocketEndpoint("198.51.100.7:50123"), destination: SocketEndpoint("203.0.113.10:443")),
        ProxyHeader(source: SocketEndpoint("[2001:db8::7]:50123"), destination: SocketEndpoint("[2001:db8::1]:443")),
        ProxyHeader(source: nil, destination: nil),
    ]

    @Test("An IPv4 header has the bytes that the specification says")
    func bytes() {
        let expected = Bytes.hex("0d0a0d0a000d0a515549540a" + "2111000c" + "c6336407cb00710a" + "c3cb01bb")
        #expect(Array(Self.headers[0].encoded.readableBytesView) == expected)
    }

    @Test("Every header is read as it was written, leaves what follows, and waits while it is cut short")
    func roundTrip() {
        for header in Self.headers {
            let whole = Array(header.encoded.readableBytesView)
            for length in 0..<whole.count {
                var part = ByteBuffer(bytes: whole.prefix(length))
                #expect(ProxyHeader.take(from: &part) == .more)
                #expect(part.readableBytes == length)
            }
            var more = ByteBuffer(bytes: whole + [22, 3, 1])
            #expect(ProxyHeader.take(from: &more) == .header(header))
            #expect(Array(more.readableBytesView) == [22, 3, 1])
        }
    }

    @Test(
        "What stands behind the addresses is passed over, addresses without a use are none, and a mapped address is IPv4"
    )
    func liberal() {
        let signature = Bytes.hex("0d0a0d0a000d0a515549540a")
        var more = ByteBuffer(
            bytes: signature + [0x21, 0x11, 0, 15] + Bytes.hex("c6336407cb00710ac3cb01bb") + [4, 0, 0])
        #expect(ProxyHeader.take(from: &more) == .header(Self.headers[0]))
        #expect(more.readableBytes == 0)
        var unspecified = ByteBuffer(bytes: signature + [0x21, 0, 0, 2, 9, 9])
        #expect(ProxyHeader.take(from: &unspecified) == .header(Self.headers[2]))
        let mapped = Bytes.hex("00000000000000000000ffff" + "c6336407" + "00000000000000000000ffff" + "cb00710a")
        var six = ByteBuffer(bytes: signature + [0x21, 0x21, 0, 36] + mapped + Bytes.hex("c3cb01bb"))
        #expect(ProxyHeader.take(from: &six) == .header(Self.headers[0]))
    }

    @Test(
        "Other bytes, other versions, other transports and headers without an end are refused",
        arguments: [
            "16030100", "0d0a0d0a000d0a515549540b", "0d0a0d0a000d0a515549540a1111000c",
            "0d0a0d0a000d0a515549540a2211000c",
            "0d0a0d0a000d0a515549540a21110400", "0d0a0d0a000d0a515549540a2112000c" + "c6336407cb00710ac3cb01bb",
            "0d0a0d0a000d0a515549540a21110004" + "c6336407", "50524f5859205443",
        ])
    func malformed(hex: String) {
        var bytes = ByteBuffer(bytes: Bytes.hex(hex))
        #expect(ProxyHeader.take(from: &bytes) == .malformed)
    }
}
