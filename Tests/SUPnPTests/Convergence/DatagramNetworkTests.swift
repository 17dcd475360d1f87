import NetworkTypes
import TestKit
import Testing

@Suite("Simulated datagram network")
struct DatagramNetworkTests {
    static let start = VirtualClock().start
    static let group = SocketEndpoint(.v4(IPv4Address(239, 255, 83, 80)), port: 58_080)

    static func node(_ number: UInt8) -> SocketEndpoint { SocketEndpoint(.v4(IPv4Address(10, 0, 0, number)), port: 9) }

    static func network(
        _ conditions: LinkConditions = LinkConditions(), seed: UInt64 = 1, nodes: UInt8 = 3
    ) -> DatagramNetwork {
        var network = DatagramNetwork(seed: seed, start: start, conditions: conditions, keepsTranscript: true)
        for number in 1...nodes {
            network.attach(node(number))
            network.join(group, node: node(number))
        }
        return network
    }

    static func drain(_ network: inout DatagramNetwork, by time: Duration = .seconds(60)) -> [DatagramNetwork.Delivery]
    {
        var all: [DatagramNetwork.Delivery] = []
        while let delivery = network.nextDelivery(by: start + time) { all.append(delivery) }
        return all
    }

    @Test("brings a unicast datagram to its receiver after the latency, and not before")
    func unicast() {
        var network = Self.network()
        network.send([1, 2], from: Self.node(1), to: Self.node(2), now: Self.start)
        #expect(network.nextDelivery(by: Self.start) == nil)
        #expect(network.nextArrival == Self.start + .milliseconds(1))
        let arrived = Self.drain(&network)
        #expect(arrived.map(\.destination) == [Self.node(2)])
        #expect(arrived.map(\.bytes) == [[1, 2]])
    }

    @Test("brings a multicast datagram to every member of the group but the sender")
    func multicast() {
        var network = Self.network()
        network.leave(Self.group, node: Self.node(3))
        network.send([7], from: Self.node(1), to: Self.group, now: Self.start)
        let arrived = Self.drain(&network)
        #expect(arrived.map(\.destination) == [Self.node(2)])
        #expect(arrived.first?.address == Self.group)
    }

    @Test("loses about as many as it is told", arguments: [0, 0.05, 0.5])
    func loss(_ loss: Double) {
        var network = Self.network(LinkConditions(loss: loss))
        for _ in 0..<4_000 { network.send([0], from: Self.node(1), to: Self.node(2), now: Self.start) }
        let arrived = Double(Self.drain(&network).count) / 4_000
        #expect(abs(arrived - (1 - loss)) < 0.05)
    }

    @Test("copies, flips one bit, and shuffles within its window")
    func hostile() {
        var conditions = LinkConditions()
        conditions.duplication = 0.5
        conditions.corruption = 0.5
        conditions.shuffleWindow = 64
        var network = Self.network(conditions)
        for number in 0..<200 {
            network.send(
                [UInt8(number), 0, 0, 0], from: Self.node(1), to: Self.node(2),
                now: Self.start + .microseconds(500) * number)
        }
        let arrived = Self.drain(&network)
        #expect(arrived.count > 250)
        let flipped = arrived.filter { $0.bytes.dropFirst().contains { $0 != 0 } }
        #expect(flipped.count > 50)
        #expect(flipped.allSatisfy { $0.bytes.dropFirst().reduce(0) { $0 + $1.nonzeroBitCount } == 1 })
        #expect(arrived.map { $0.bytes[0] } != arrived.map { $0.bytes[0] }.sorted())
    }

    @Test("cuts an island off until it heals, with what was under way")
    func partition() {
        var network = Self.network()
        network.send([1], from: Self.node(1), to: Self.node(2), now: Self.start)
        network.partition([Self.node(2)])
        network.send([2], from: Self.node(1), to: Self.group, now: Self.start)
        #expect(Self.drain(&network).map(\.destination) == [Self.node(3)])
        network.heal()
        network.send([3], from: Self.node(1), to: Self.node(2), now: Self.start)
        #expect(Self.drain(&network).map(\.bytes) == [[3]])
        #expect(network.transcript.counts[.cut] == 2)
    }

    @Test("loses what is sent to a node that is gone")
    func detached() {
        var network = Self.network()
        network.detach(Self.node(2))
        network.send([1], from: Self.node(1), to: Self.node(2), now: Self.start)
        network.send([1], from: Self.node(1), to: Self.group, now: Self.start)
        #expect(Self.drain(&network).map(\.destination) == [Self.node(3)])
    }

    @Test("repeats a run exactly for the same seed, and differs for another")
    func deterministic() {
        func run(_ seed: UInt64) -> NetworkTranscript {
            var network = Self.network(.hostile(loss: 0.2), seed: seed)
            for number in 0..<100 {
                network.send([UInt8(number)], from: Self.node(1), to: Self.group, now: Self.start)
            }
            _ = Self.drain(&network)
            return network.transcript
        }
        #expect(run(5).lines == run(5).lines)
        #expect(run(5).digest == run(5).digest)
        #expect(run(5).digest != run(6).digest)
        #expect(!run(5).lines.isEmpty)
    }
}
