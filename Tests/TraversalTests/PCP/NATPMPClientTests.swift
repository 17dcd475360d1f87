import NetworkTypes
import TestKit
import Testing

@testable import Traversal

@Suite("NAT-PMP: a client that keeps mappings")
struct NATPMPClientTests {
    private typealias Scene = PortControlScene<NATPMPClient>

    private let tunnel = MappingTarget(.tcp, port: 4433)

    private func scene() -> Scene { Scene(NATPMPClient(server: Scene.router)) }

    private func words(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 0xFF) } }

    private func address(_ last: UInt8 = 5, epoch: UInt32 = 100) -> [UInt8] {
        [0, 128, 0, 0] + words(epoch) + [203, 0, 113, last]
    }

    private func mapped(_ port: UInt16 = 4433, lifetime: UInt32 = 7_200, epoch: UInt32 = 100) -> [UInt8] {
        [0, 130, 0, 0] + words(epoch) + [0x11, 0x51] + words(UInt32(port))[2...] + words(lifetime)
    }

    private func endpoint(_ last: UInt8 = 5, _ port: UInt16 = 4433) -> SocketEndpoint {
        SocketEndpoint(.v4(IPv4Address(203, 0, 113, last)), port: port)
    }

    @Test func `address and mapping are asked for at 0, 250, 750 ms and so on nine times, then it gives up`() {
        var scene = scene()
        scene.add(tunnel)
        scene.pass(.seconds(300))
        let mapping = scene.sent.filter { $0.bytes.count == 12 }.map(\.at)
        #expect(mapping == [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 31_750, 63_750])
        #expect(scene.sent.filter { $0.bytes == [0, 0] }.map(\.at) == mapping)
        #expect(scene.said.last == .gaveUp && scene.client.next == nil)
    }

    @Test func `a mapping is told when both its answers are there, in either order`() {
        for addressFirst in [true, false] {
            var scene = scene()
            scene.add(tunnel)
            scene.receive(addressFirst ? address() : mapped(49_153))
            #expect(scene.grants.isEmpty)
            scene.receive(addressFirst ? mapped(49_153) : address())
            #expect(
                scene.grants == [MappingGrant(tunnel, external: endpoint(5, 49_153), lifetime: .seconds(7_200))])
        }
    }

    @Test func `it is renewed at half time, and sooner and sooner while nobody answers`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(address())
        scene.receive(mapped())
        scene.forget()
        scene.pass(.seconds(7_199))
        #expect(scene.seconds.prefix(3) == [3_600, 5_400, 6_300])
        #expect(zip(scene.sent.dropFirst(), scene.sent).allSatisfy { $0.at - $1.at >= 2_000 })
    }

    @Test func `a router that has restarted gets its mappings back within five seconds`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(address())
        scene.receive(mapped())
        scene.pass(.seconds(100))
        scene.forget()
        scene.receive(address(epoch: 2))
        #expect(scene.said == [.routerRestarted])
        scene.pass(.seconds(5))
        #expect(scene.sent.map(\.bytes.count) == [12] || scene.sent.count > 1)
        scene.receive(mapped(epoch: 7))
        #expect(scene.grants.count == 1)
    }

    @Test func `another external address is told, also unasked`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(address())
        scene.receive(mapped())
        scene.pass(.seconds(10))
        scene.forget()
        scene.receive(address(9, epoch: 110))
        #expect(scene.grants.map(\.external) == [endpoint(9)])
        scene.receive(address(9, epoch: 110))
        #expect(scene.grants.count == 1, "told once")
    }

    @Test func `a refusal names its reason, and it is tried again after half a minute`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive([0, 130, 0, 2] + words(100))
        guard case .refused(tunnel, 2, let reason, .seconds(30)) = scene.said.first else {
            Issue.record("said \(scene.said)")
            return
        }
        #expect(reason.contains("switched off"))
        scene.receive(address())
        scene.forget()
        scene.pass(.seconds(31))
        #expect(scene.sent.first?.bytes.count == 12)
    }

    @Test func `a server that speaks only PCP says so, and nothing more is sent`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive([2, 0x80, 0, 1] + [UInt8](repeating: 0, count: 20))
        #expect(scene.said == [.unsupported(version: 2)] && scene.client.next == nil)
        var erratum = self.scene()
        erratum.add(tunnel)
        erratum.receive([0, 128, 0, 1, 0, 0, 0, 1])
        #expect(erratum.said == [.unsupported(version: 0)])
    }

    @Test func `a router that speaks both protocols and announces itself in PCP is still spoken to`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive([2, 0x80, 0, 0] + [UInt8](repeating: 0, count: 20))
        #expect(scene.said.isEmpty && scene.client.next != nil)
        var pcp = PortControlScene(PCPClient(server: Scene.router, client: Scene.router.address))
        pcp.add(tunnel)
        pcp.receive(address())
        #expect(pcp.said.isEmpty && pcp.client.next != nil)
    }

    @Test func `removal asks for port 0 and lifetime 0`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(address())
        scene.receive(mapped())
        scene.forget()
        scene.releaseAll()
        #expect(scene.sent.map(\.bytes) == [[0, 2, 0, 0, 0x11, 0x51, 0, 0, 0, 0, 0, 0]])
        scene.receive(mapped(0, lifetime: 0))
        #expect(scene.said == [.released(tunnel)] && scene.client.next == nil)
    }

    @Test func `what is not the router's changes nothing`() {
        var scene = scene()
        scene.add(tunnel)
        scene.receive(address(), from: endpoint())
        scene.receive(mapped(), from: endpoint())
        #expect(scene.said.isEmpty)
    }
}
