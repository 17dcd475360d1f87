import NetworkTypes
import SUPnP
import Testing

@testable import NIOSUPnP

@Suite("Machines on datagrams")
struct DatagramMachineTests {
    @Test("A datagram and a deadline are inputs of every machine")
    func inputs() {
        let source = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 1)), port: 7)
        guard case .datagram(let bytes, let from) = Member<SystemRandomNumberGenerator>.datagram([1, 2], from: source)
        else { return #expect(Bool(false), "no datagram") }
        #expect(bytes == [1, 2])
        #expect(from == source)
    }
}
