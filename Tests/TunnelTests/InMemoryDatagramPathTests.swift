import NIOCore
import NetworkTypes
import Testing

@testable import Tunnel

@Suite("A datagram path in memory")
struct InMemoryDatagramPathTests {
    private let left = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 1)), port: 1)
    private let right = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 2)), port: 2)

    @Test func `what one end sends is read by the other, and nothing after the path was closed`() async {
        let ends = InMemoryDatagramPath.pair(left, right)
        ends.0.send(ByteBuffer(string: "one"))
        ends.0.send(ByteBuffer(repeating: 0, count: ends.0.maximumDatagramSize + 1))
        ends.0.cut()
        ends.0.send(ByteBuffer(string: "lost"))
        ends.0.cut(false)
        ends.0.send(ByteBuffer(string: "two"))
        ends.1.close()
        ends.0.send(ByteBuffer(string: "late"))
        var read: [String] = []
        for await datagram in ends.1.datagrams { read.append(String(buffer: datagram)) }
        #expect(read == ["one", "two"])
    }

    @Test func `a reader who is late misses the newest, and hears of the last route`() async {
        let ends = InMemoryDatagramPath.pair(left, right)
        for index in 0..<DatagramPathLimits.waiting + 5 { ends.0.send(ByteBuffer(integer: index)) }
        ends.1.move(to: DatagramRoute(.relayed, local: right, remote: left))
        ends.1.move(to: DatagramRoute(.punched, local: right, remote: left))
        ends.1.close()
        var count = 0
        for await datagram in ends.1.datagrams {
            #expect(datagram.getInteger(at: datagram.readerIndex) == count)
            count += 1
        }
        #expect(count == DatagramPathLimits.waiting)
        var routes: [DatagramRoute] = []
        for await route in ends.1.routes { routes.append(route) }
        #expect(routes == [DatagramRoute(.punched, local: right, remote: left)])
    }
}
