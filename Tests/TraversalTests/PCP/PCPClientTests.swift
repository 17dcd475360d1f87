import NetworkTypes
import TestKit
import Testing

@testable import Traversal

@Suite("PCP: a client that keeps mappings")
struct PCPClientTests {
    private typealias Scene = PortControlScene<PCPClient>

    private let tunnel = MappingTarget(.tcp, port: 4433)
    private let home = IPAddress.v4(IPv4Address(192, 168, 1, 7))
    private let outside = IPAddress.v4(IPv4Address(203, 0, 113, 5))

    private func scene(nonces: [MappingTarget: [UInt8]] = [:]) -> Scene {
        Scene(PCPClient(server: Scene.router, client: home, nonces: nonces))
    }

    /// The answer to a MAP request, made of its own bytes (RFC 6887 §8.2).
    private func answer(
        _ request: [UInt8]?, result: UInt8 = 0, lifetime: UInt32 = 7_200, epoch: UInt32 = 100, port: UInt16 = 4433,
        nonce: [UInt8]? = nil, options: [UInt8] = []
    ) -> [UInt8] {
        guard var bytes = request, bytes.count >= 60 else { return [] }
        bytes[1] |= 0x80
        bytes[3] = result
        bytes.replaceSubrange(4..<8, with: words(lifetime))
        bytes.replaceSubrange(8..<24, with: words(epoch) + [UInt8](repeating: 0, count: 12))
        if let nonce { bytes.replaceSubrange(24..<36, with: nonce) }
        bytes.replaceSubrange(42..<44, with: words(UInt32(port))[2...])
        bytes.replaceSubrange(44..<60, with: outside.sixteenBytes)
        return bytes + options
    }

    private func announcement(epoch: UInt32) -> [UInt8] {
        [2, 0x80, 0, 0, 0, 0, 0, 0] + words(epoch) + [UInt8](repeating: 0, count: 12)
    }

    private func words(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 0xFF) } }

    @Test func `a request is repeated after three seconds and twice as long each time, a tenth more or less`() {
        var scene = scene()
        scene.add(tunnel)
        scene.pass(.seconds(4_000))
        let waits = zip(scene.sent.dropFirst(), scene.sent).map { Double($0.at - $1.at) / 1_000 }
        var expected = 3.0
        for wait in waits {
            #expect((expected * 0.89...expected * 1.11).contains(wait), "waits \(waits)")
            expected = min(wait * 2, 1_024)
        }
        #expect(waits.count > 10)
        #expect(scene.said.contains(.silent(requests: 1)))
        #expect(Set(scene.sent.map(\.bytes)).count == 1, "each is the same request")
    }

    @Test func `a grant tells where the port is outside, and is renewed at half time with what was assigned`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(answer(scene.sent.last?.bytes, port: 49_153))
        let external = SocketEndpoint(outside, port: 49_153)
        #expect(scene.said == [.granted(MappingGrant(tunnel, external: external, lifetime: .seconds(7_200)))])
        scene.forget()
        scene.pass(.seconds(3_599))
        #expect(scene.sent.isEmpty)
        scene.pass(.seconds(902))
        #expect(scene.sent.count == 1, "between one half and five eighths")
        #expect(scene.sent[0].bytes[42..<44].elementsEqual([0xC0, 0x01]))
        // Unanswered, it is sent again and again before the mapping ends, never sooner than after four seconds.
        scene.pass(.seconds(2_600))
        #expect(scene.sent.count > 4)
        #expect(zip(scene.sent.dropFirst(), scene.sent).allSatisfy { $0.at - $1.at >= 2_700 })
        scene.receive(answer(scene.sent.last?.bytes, epoch: 7_200, port: 49_153))
        #expect(scene.grants.count == 1)
    }

    @Test func `only the router's answer with the right nonce, port and protocol counts`() {
        var scene = scene()
        scene.add(tunnel)
        let request = scene.sent.last?.bytes
        scene.receive(answer(request, nonce: [UInt8](repeating: 9, count: 12)))
        scene.receive(answer(request), from: SocketEndpoint(home, port: 5351))
        scene.receive(answer(request), from: SocketEndpoint(Scene.router.address, port: 5350))
        var other = answer(request)
        other[36] = 17
        scene.receive(other)
        other = answer(request)
        other[41] ^= 1
        scene.receive(other)
        scene.receive(answer(request, options: [PCPOption.thirdParty, 0, 0, 16] + outside.sixteenBytes))
        scene.receive(answer(request, lifetime: 0))
        #expect(scene.said.isEmpty)
        scene.receive(answer(request))
        #expect(scene.grants.count == 1)
    }

    @Test func `a lifetime beyond a day is taken for a day`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(answer(scene.sent.last?.bytes, lifetime: .max))
        #expect(scene.grants.first?.lifetime == .seconds(86_400))
    }

    @Test(arguments: [(0 as UInt32, 30), (1_000, 1_000), (90_000, 1_800)])
    func `a refusal is told, and asked again when its time is over, in bounds`(lifetime: UInt32, seconds: Int) {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(answer(scene.sent.last?.bytes, result: 8, lifetime: lifetime))
        guard case .refused(tunnel, 8, let reason, .seconds(seconds)) = scene.said.first else {
            Issue.record("said \(scene.said)")
            return
        }
        #expect(reason.contains("NO_RESOURCES"))
        scene.forget()
        scene.pass(.seconds(seconds - 1))
        #expect(scene.sent.isEmpty)
        scene.pass(.seconds(1))
        #expect(scene.sent.count == 1)
    }

    @Test func `a router that speaks only NAT-PMP says so, and nothing more is sent`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive([0, 0x81, 0, 1, 0, 0, 0, 5])
        #expect(scene.said == [.unsupported(version: 0)])
        scene.forget()
        scene.pass(.seconds(10_000))
        scene.add(MappingTarget(.udp, port: 1))
        #expect(scene.sent.isEmpty && scene.said.isEmpty)
    }

    @Test func `an announcement with a fresh epoch makes the client ask for everything anew within five seconds`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(answer(scene.sent.last?.bytes))
        scene.pass(.seconds(60))
        scene.forget()
        scene.receive(announcement(epoch: 161))
        #expect(scene.said.isEmpty && scene.sent.isEmpty, "the same router, a minute later")
        scene.receive(announcement(epoch: 0))
        #expect(scene.said == [.routerRestarted])
        scene.pass(.seconds(5))
        #expect(!scene.sent.isEmpty)
        scene.receive(answer(scene.sent.last?.bytes, epoch: 5))
        #expect(scene.grants.count == 1)
    }

    @Test func `a probe that finds the router restarted brings the mapping back at once`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(answer(scene.sent.last?.bytes))
        scene.pass(.seconds(60))
        scene.forget()
        scene.probe()
        #expect(scene.sent.map(\.bytes.count) == [24])
        scene.receive(announcement(epoch: 3))
        #expect(scene.sent.count == 2 && scene.said == [.routerRestarted])
    }

    @Test func `a mapping whose renewal nobody answers is asked for from the beginning once it is over`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(answer(scene.sent.last?.bytes, lifetime: 120))
        scene.forget()
        scene.pass(.seconds(140))
        #expect(scene.said.contains(.silent(requests: 1)))
    }

    @Test func `a later start renews what an earlier one mapped, by its nonce`() {
        var first = scene()
        first.add(tunnel)
        let nonces = first.client.nonces
        var second = scene(nonces: nonces)
        second.add(tunnel)
        #expect(second.sent.last?.bytes == first.sent.last?.bytes)
        var other = Scene(PCPClient(server: Scene.router, client: home))
        other.random = SeededGenerator(seed: 1)
        other.add(tunnel)
        #expect(other.sent.last?.bytes != first.sent.last?.bytes)
    }

    @Test func `removal asks for lifetime 0 and suggests nothing, twice, and is told either way`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(answer(scene.sent.last?.bytes))
        scene.forget()
        scene.releaseAll()
        #expect(scene.sent[0].bytes[4..<8].elementsEqual([0, 0, 0, 0]))
        #expect(scene.sent[0].bytes[42...].elementsEqual([0, 0] + home.any.sixteenBytes))
        var answered = scene
        answered.receive(answer(scene.sent[0].bytes, lifetime: 0))
        #expect(answered.said == [.released(tunnel)] && answered.client.next == nil)
        scene.pass(.seconds(1))
        #expect(scene.sent.count == 2 && scene.said == [.released(tunnel)] && scene.client.next == nil)
    }

    @Test func `a removal that is refused is followed by the shortest lifetime, once`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(answer(scene.sent.last?.bytes))
        scene.forget()
        scene.releaseAll()
        let refusal = answer(scene.sent.last?.bytes, result: 2, lifetime: 0)
        scene.forget()
        scene.receive(refusal)
        #expect(scene.said == [.released(tunnel)] && scene.client.next == nil)
        #expect(scene.sent.first.map { Array($0.bytes[4..<8]) } == [0, 0, 0, 1])
        scene.receive(answer(scene.sent.first?.bytes, lifetime: 120))
        #expect(scene.sent.count == 1)
    }

    @Test func `eight targets are kept, and a ninth is not asked for`() {
        var scene = scene()
        for port in 1...9 { scene.add(MappingTarget(.udp, port: UInt16(port))) }
        #expect(scene.sent.count == PortControlLimits.targets)
    }
}
