import NIOPosix
import NetworkTypes
import Synchronization
import Testing
import Traversal

@testable import Reachability

@Suite("Reachability: a port of TCP, and the same one of UDP for QUIC")
struct TwoTransportsTests {
    private static let tcp = MappingTarget(.tcp, port: 4433)
    private static let udp = MappingTarget(.udp, port: 4433)
    private let own = IPAddress.v4(IPv4Address(192, 168, 1, 7))
    private let router = IPAddress.v4(IPv4Address(192, 168, 1, 1))

    private func worker(_ igd: FakeIGD, memory: [MappingMemory.Entry] = []) -> IGDWorker {
        IGDWorker(own: own, router: router, targets: [Self.tcp, Self.udp], memory: memory) { igd }
    }

    private func entries(_ news: [MappingNews]) -> [MappingMemory.Entry] {
        news.compactMap { if case .remember(let entry) = $0 { entry } else { nil } }
    }

    @Test(arguments: [1, 2])
    func `UDP is asked for at the port that TCP has got, both are noted, and both removed`(version: Int) async {
        var state = FakeIGD.State()
        state.mappings[4433] = .init(client: "192.168.1.99", port: 4433, lease: "0")
        let igd = FakeIGD(version: version, state)
        let worker = worker(igd)
        let news = await worker.news(until: Self.udp)
        let port = igd.mappings.keys.first { $0 != 4433 } ?? 0
        #expect(igd.udp[port] == .init(client: "192.168.1.7", port: 4433, lease: "3600"), "\(igd.udp)")
        #expect(entries(news).map(\.target) == [Self.tcp, Self.udp])
        var memory = MappingMemory()
        for entry in entries(news) { memory.note(entry) }
        #expect(memory.entries(.igd, at: router).map(\.externalPort) == [port, port])
        await worker.remove()
        #expect(igd.udp.isEmpty && igd.mappings.keys.elementsEqual([4433]))
    }

    @Test func `a router that maps no UDP keeps its TCP mapping, and says why`() async {
        var state = FakeIGD.State()
        state.refusals["AddPortMapping UDP"] = 606
        let igd = FakeIGD(version: 1, state)
        let news = await worker(igd).news(until: Self.udp)
        guard case .refused(Self.udp, let sentence) = news.last else {
            Issue.record("\(news)")
            return
        }
        #expect(sentence.contains("does not let this host"))
        #expect(igd.mappings[4433] != nil && igd.udp.isEmpty)
    }

    @Test func `a router without an external address says that it has none, not that it does not want to`() async {
        var state = FakeIGD.State()
        state.external = "0.0.0.0"
        let news = await worker(FakeIGD(version: 2, state)).news(until: Self.udp)
        #expect(news == [.denied("the router has no external address", .noPublicAddress)])
    }

    @Test func `a start without QUIC removes the UDP mapping of the one before`() async {
        let igd = FakeIGD(version: 1)
        let kept = entries(await worker(igd).news(until: Self.udp))
        #expect(igd.udp[4433] != nil)
        let next = IGDWorker(own: own, router: router, targets: [Self.tcp], memory: kept) { igd }
        let (news, tell) = AsyncStream.makeStream(of: Void.self)
        let running = Task { await next.run { if case .granted = $0 { tell.yield() } } }
        for await _ in news { break }
        running.cancel()
        await running.value
        #expect(igd.udp.isEmpty && igd.mappings[4433] != nil)
    }

    /// A router in memory that answers PCP, and notes what it is asked for.
    @Test func `PCP asks for UDP at the port that TCP has got, and a refusal of it leaves TCP alone`() async throws {
        let asked = Mutex<[(transport: UInt8, port: UInt16)]>([])
        let (server, reply) = AsyncStream.makeStream(of: DatagramSocket.Datagram.self)
        let group = MultiThreadedEventLoopGroup.singleton
        let loopback = IPAddress.v4(IPv4Address(127, 0, 0, 1))
        let socket = try await DatagramSocket.open(at: loopback, on: group) { reply.yield($0) }
        defer { socket.close() }
        let endpoint = try #require(socket.localEndpoint)
        let worker = PortControlWorker(
            PCPClient(server: endpoint, client: loopback), method: .pcp, own: loopback,
            targets: [Self.tcp, Self.udp], suggested: [:], eventLoopGroup: group
        ) { $0.nonces }
        let answering = Task {
            for await datagram in server {
                var answer = datagram.bytes
                guard answer.count == 60 else { continue }
                let transport = answer[36]
                asked.withLock { $0.append((transport, UInt16(answer[42]) << 8 | UInt16(answer[43]))) }
                answer[1] |= 0x80
                answer[3] = transport == 17 ? 9 : 0
                answer.replaceSubrange(8..<24, with: [0, 0, 0, 9] + [UInt8](repeating: 0, count: 12))
                // 203.0.113.5, port 50000.
                answer.replaceSubrange(
                    42..., with: [0xC3, 0x50] + [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 203, 0, 113, 5])
                socket.send(answer, to: datagram.source)
            }
        }
        defer { answering.cancel() }
        let (news, tell) = AsyncStream.makeStream(of: MappingNews.self)
        let running = Task { await worker.run { tell.yield($0) } }
        var heard: [MappingNews] = []
        for await one in news {
            heard.append(one)
            if case .refused = one { break }
            if case .failed = one { break }
        }
        running.cancel()
        await running.value
        await worker.remove()
        #expect(heard.last == .refused(Self.udp, "the router answered UNSUPP_PROTOCOL"), "\(heard)")
        #expect(asked.withLock { $0.prefix(2).map(\.transport) } == [6, 17])
        #expect(asked.withLock { $0.dropFirst().first?.port } == 50_000)
    }
}
