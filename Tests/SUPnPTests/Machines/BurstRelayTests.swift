import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("The broadcasts of one batch")
struct BurstRelayTests {
    private static let light = GroupWalkTests.light

    /// A world in which many may ask for the light, and nobody answers.
    private static func world(servers: [String] = ["lamp"]) throws -> (GroupWorld, phone: MemberNode) {
        let (world, lamp, phone) = try ForwarderTests.world()
        lamp.answer = nil
        for name in servers where name != "lamp" {
            world.enroll(name, roles: .server)
            world.run(for: .milliseconds(100))
            world.addMember(name, roles: .server, offers: [ServiceOffer(light)])
        }
        world.run(for: .seconds(3))
        return (world, phone)
    }

    /// What a client sends to ask for the light with payloads of these sizes, whose first two bytes tell them apart.
    private static func requests(_ sizes: [Int], of phone: MemberNode, in world: GroupWorld) -> [[UInt8]] {
        var datagrams: [[UInt8]] = []
        for (index, size) in sizes.enumerated() {
            let payload = [UInt8(index)] + [UInt8](repeating: 7, count: size - 1)
            _ = phone.engine.request(light, payload: payload, window: .seconds(5), now: world.now)
            while let output = phone.engine.nextOutput() {
                if case .transmit(let bytes, _) = output { datagrams.append(bytes) }
            }
        }
        return datagrams
    }

    private static func multicasts(_ node: ForwarderNode) -> [[UInt8]] {
        var multicasts: [[UInt8]] = []
        while let output = node.engine.nextOutput() {
            if case .multicast(let bytes) = output { multicasts.append(bytes) }
        }
        return multicasts
    }

    /// Hands a forwarder a batch: what it sends to the group before the batch ends, and then.
    private static func relay(_ datagrams: [[UInt8]], of phone: MemberNode, in world: GroupWorld)
        -> (before: [[UInt8]], after: [[UInt8]])
    {
        let node = world.forwarders[0]
        for datagram in datagrams { node.engine.handle(.datagram(datagram, from: phone.address), now: world.now) }
        let before = multicasts(node)
        node.engine.batchEnded(now: world.now)
        return (before, multicasts(node))
    }

    /// The size of a broadcast of the light with a payload, in a burst of so many; 1 for one that is signed alone.
    private static func size(_ payload: Int, burst: Int) -> Int {
        let proof =
            burst == 1
            ? BroadcastProof.singleLength : BroadcastProof.burstLength(depth: BroadcastProof.depth(of: burst))
        return WireSizes.sealedOverhead + proof + 1 + DataPayload.headLength + light.bytes.count + payload
    }

    @Test(
        "share a signature in order, segments too; a single one, and one that a burst would split, is signed alone"
    )
    func batches() throws {
        let longest = GroupSender.burstMessageLimit - DataPayload.headLength - Self.light.bytes.count
        let cases: [(sizes: [Int], before: [Int], after: [Int])] = [
            ([64], [], [0]), ([64, 10, 300], [], [0, 1, 2]), ([longest, longest], [], [0, 1]),
            ([64, longest + 1, 5], [1], [0, 2]), ([longest + 1], [0], []),
            (Array(repeating: 30, count: 16), Array(0..<16), []),
            (Array(repeating: 30, count: 20), Array(0..<16), [16, 17, 18, 19]),
            (Array(repeating: 30, count: 15) + [1_200], Array(0..<15), [15, 15]),
            ([64, 3_000], [], [0, 1, 1, 1, 1]), ([1_200, 1_200], [], [0, 0, 1, 1]),
            (Array(repeating: 1_200, count: 8), (0..<16).map { $0 / 2 }, []),
            ([3_000] + Array(repeating: 1_200, count: 7), [0, 0, 0, 0] + (2..<14).map { $0 / 2 }, [7, 7]),
        ]
        for one in cases {
            let (world, phone) = try Self.world()
            let lamp = try #require(world.members["lamp"])
            let sent = Self.relay(Self.requests(one.sizes, of: phone, in: world), of: phone, in: world)
            for (expected, datagrams) in [(one.before, sent.before), (one.after, sent.after)] {
                #expect(datagrams.count == expected.count, "\(one.sizes)")
                #expect(datagrams.allSatisfy { $0.count <= WireSizes.defaultDatagram })
                if one.sizes.allSatisfy({ $0 <= longest }) {
                    let sizes = expected.map { Self.size(one.sizes[$0], burst: expected.count) }
                    #expect(datagrams.map(\.count) == sizes)
                }
                if one.sizes.allSatisfy({ $0 > longest + 200 }), !datagrams.isEmpty {
                    // The first segments are as long as the deepest proof lets them be.
                    let saved = 32 * (BroadcastProof.maximumDepth - BroadcastProof.depth(of: expected.count))
                    #expect(datagrams.map(\.count).max() == WireSizes.defaultDatagram - saved, "\(one.sizes)")
                }
                for datagram in datagrams {
                    world.tell(lamp, .datagram(datagram, from: world.forwarders[0].address))
                }
            }
            var order: [Int] = []
            for index in one.before + one.after where !order.contains(index) { order.append(index) }
            #expect(lamp.requests.map { Int($0.payload[0]) } == order)
            #expect(lamp.requests.map(\.payload.count) == order.map { one.sizes[$0] })
        }
    }

    @Test(
        "share as few signatures as the forwarder is set up for: alone each leaves at once",
        arguments: [0, 1, 2, 16, 99])
    func fewer(limit: Int) {
        var burst = PendingBurst(limit: limit)
        let due = (1...16 as ClosedRange<UInt64>).first { burst.add([[UInt8($0)]], of: $0) }
        #expect(due == UInt64(min(max(limit, 1), 16)))
    }

    @Test("are sealed under the epoch in which the batch ends: who was evicted meanwhile reads nothing")
    func epochChange() throws {
        let (world, phone) = try Self.world(servers: ["lamp", "bulb"])
        let (lamp, bulb) = (try #require(world.members["lamp"]), try #require(world.members["bulb"]))
        let node = world.forwarders[0]
        let epoch = node.engine.epoch
        let before = try #require(epoch)
        let datagrams = Self.requests([64, 64, 64], of: phone, in: world)
        for datagram in datagrams { node.engine.handle(.datagram(datagram, from: phone.address), now: world.now) }
        #expect(Self.multicasts(node).isEmpty)
        // What the evicted server would have to hear the broadcast with: everything but the next epoch.
        world.crash("bulb")
        let told = node.multicasts
        world.tell(try #require(world.keyManager), .evict(try #require(DeviceID("bulb")), isUrgent: true))
        #expect(world.run { node.engine.epoch == before + 1 && node.multicasts > told })
        #expect(node.multicasts == told + 3)
        #expect(world.run { lamp.requests.count == 3 })
        #expect(bulb.requests.isEmpty)
    }

    @Test("are not sent when the lease is lost, or the client evicted, before the batch ends")
    func lostMeanwhile() throws {
        let (world, phone) = try Self.world()
        let node = world.forwarders[0]
        for datagram in Self.requests([64, 64], of: phone, in: world) {
            node.engine.handle(.datagram(datagram, from: phone.address), now: world.now)
        }
        node.engine.batchEnded(now: world.now + .seconds(3))
        #expect(Self.multicasts(node).isEmpty)
        node.engine.batchEnded(now: world.now)
        #expect(Self.multicasts(node).isEmpty, "nor later")
        for datagram in Self.requests([64, 64], of: phone, in: world) {
            node.engine.handle(.datagram(datagram, from: phone.address), now: world.now)
        }
        let told = node.multicasts
        world.tell(try #require(world.keyManager), .evict(try #require(DeviceID("phone")), isUrgent: true))
        world.run(for: .milliseconds(50))
        #expect(node.engine.memberCount == 1)
        #expect(node.multicasts == told)
        #expect(world.members["lamp"]?.requests.isEmpty == true)
    }
}
