import NetworkTypes
import Synchronization
import Testing
import Traversal

@testable import Reachability

@Suite("Reachability: pinholes in a router's IPv6 firewall, asked for by UPnP")
struct PinholeTests {
    private static let tcp = MappingTarget(.tcp, port: 4433)
    private static let udp = MappingTarget(.udp, port: 4433)
    private let own: IPAddress
    private let router: IPAddress

    init() throws {
        own = try #require(IPAddress("2001:db8::7"))
        router = try #require(IPAddress("fe80::1"))
    }

    private func worker(_ igd: FakeIGD?, own: IPAddress? = nil, memory: [MappingMemory.Entry] = []) -> PinholeWorker {
        PinholeWorker(own: own ?? self.own, router: router, targets: [Self.tcp, Self.udp], memory: memory) { igd }
    }

    private func entries(_ news: [MappingNews]) -> [MappingMemory.Entry] {
        news.compactMap { if case .remember(let entry) = $0 { entry } else { nil } }
    }

    @Test func `TCP and UDP are opened for the own address, noted by their numbers, and closed by them`() async {
        let igd = FakeIGD(version: 2, firewall: true)
        let worker = worker(igd)
        let news = await worker.news(until: Self.udp)
        #expect(igd.pinholes == ["1": "2001:db8::7 6 4433", "2": "2001:db8::7 17 4433"])
        #expect(entries(news).map(\.pinhole) == ["1", "2"])
        let external = SocketEndpoint(own, port: 4433)
        #expect(news.contains(.granted(MappingGrant(Self.tcp, external: external, lifetime: .seconds(3_600)))))
        await worker.remove()
        #expect(igd.pinholes.isEmpty)
    }

    @Test func `a start after a kill gets its own pinholes again, and closes those of an address that it had before`()
        async
        throws
    {
        let igd = FakeIGD(version: 2, firewall: true)
        let kept = entries(await worker(igd).news(until: Self.udp))
        #expect(igd.pinholes.count == 2)
        let again = worker(igd, memory: kept)
        #expect(entries(await again.news(until: Self.udp)).map(\.pinhole) == ["1", "2"])
        let other = try #require(IPAddress("2001:db8:1::7"))
        let moved = worker(igd, own: other, memory: kept)
        let opened = entries(await moved.news(until: Self.udp))
        #expect(Set(igd.pinholes.values) == ["2001:db8:1::7 6 4433", "2001:db8:1::7 17 4433"])
        await worker(igd).discard(opened)
        #expect(igd.pinholes.isEmpty)
    }

    @Test func `what was asked for when the program stopped is closed, though nobody has heard its answer`()
        async throws
    {
        let igd = FakeIGD(version: 2, firewall: true)
        let worker = worker(igd)
        let heard = Mutex(0)
        let (stops, stop) = AsyncStream.makeStream(of: Void.self)
        igd.state.withLock {
            $0.stopsAnswering = {
                if $0 == "AddPinhole",
                    heard.withLock({
                        $0 += 1; return $0 == 2
                    })
                {
                    stop.yield(); return true
                } else {
                    return false
                }
            }
        }
        let running = Task { await worker.run { _ in } }
        for await _ in stops { break }
        running.cancel()
        await running.value
        #expect(igd.pinholes.count == 2)
        await worker.remove()
        #expect(igd.pinholes.isEmpty)
    }

    @Test func `a router that lets nobody open is known to be closed, one without the service is not`() async {
        var state = FakeIGD.State()
        state.allowsPinholes = false
        let forbids = await worker(FakeIGD(version: 2, firewall: true, state)).news(until: Self.udp)
        #expect(forbids == [.denied("the router allows no pinholes in its IPv6 firewall", .unwilling)])
        state = FakeIGD.State()
        state.refusals["AddPinhole"] = 606
        let refuses = await worker(FakeIGD(version: 2, firewall: true, state)).news(until: Self.udp)
        #expect(refuses == [.denied("the router does not let this host open pinholes (error 606)", .unwilling)])
        let none = await worker(FakeIGD(version: 2)).news(until: Self.udp)
        #expect(none == [.failed("no UPnP gateway device with a control of its IPv6 firewall answers")])
    }

    @Test func `a firewall that is off has nothing to be opened, and clients get in`() async {
        var state = FakeIGD.State()
        state.hasFirewall = false
        let igd = FakeIGD(version: 2, firewall: true, state)
        let news = await worker(igd).news(until: Self.udp)
        #expect(news.count == 2 && entries(news).isEmpty && igd.pinholes.isEmpty)
    }

    @Test func `an action says what its refusal means, and a pinhole that the router has lost is not renewed`()
        async throws
    {
        let igd = FakeIGD(version: 2, firewall: true)
        let firewall = try #require(IGDFirewall(igd))
        let id = try await firewall.open(Self.tcp, at: own)
        #expect(await firewall.has(id) == true)
        #expect(try await firewall.renew(id))
        await firewall.close(id)
        #expect(await firewall.has(id) == false)
        #expect(try await !firewall.renew(id))
    }

    @Test func `the address that was chosen is kept while it is there, whatever comes before it`() throws {
        let network = try #require(IPPrefix("2001:db8::/64"))
        func address(_ text: String) throws -> InterfaceAddress {
            InterfaceAddress(interface: "eth0", index: 2, address: try #require(IPAddress(text)), prefix: network)
        }
        let (first, second) = (try address("2001:db8::1"), try address("2001:db8::2"))
        let place = Surroundings(publicIPv6: [first, second], routerIPv6: SocketEndpoint(router, port: 0, zone: 2))
        #expect(place.ipv6Side(keeping: nil).own == first)
        #expect(place.ipv6Side(keeping: second.address).own == second)
        #expect(place.ipv6Side(keeping: own).own == first, "the chosen one is gone")
        #expect(place.ipv6Side(keeping: nil).router == router)
        #expect(Surroundings(routerIPv6: place.routerIPv6).ipv6Side(keeping: own).router == nil)
    }
}
