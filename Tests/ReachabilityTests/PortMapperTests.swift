import NetworkTypes
import Synchronization
import Testing
import Traversal

@testable import Reachability

/// A way of asking that says what it is told to.
private final class ScriptedWorker: MappingWorker {
    let method: MappingMethod
    private let news: [MappingNews]
    private let loses: AsyncStream<Void>
    let lose: AsyncStream<Void>.Continuation
    let removals = Mutex(0)
    let discarded = Mutex<[MappingMemory.Entry]>([])
    let hasRun = Mutex(false)

    init(_ method: MappingMethod, _ news: [MappingNews]) {
        self.method = method
        self.news = news
        (loses, lose) = AsyncStream.makeStream()
    }

    func run(_ tell: @escaping @Sendable (MappingNews) -> Void) async {
        hasRun.withLock { $0 = true }
        for one in news { tell(one) }
        for await _ in loses { tell(.lost("the lease ended")) }
    }

    func remove() async { removals.withLock { $0 += 1 } }

    func discard(_ entries: [MappingMemory.Entry]) async { discarded.withLock { $0 += entries } }
}

@Suite("Reachability: the race of the ways to map a port")
struct PortMapperTests {
    private let target = MappingTarget(.tcp, port: 4433)
    private let place: Surroundings

    init() throws {
        let network = try #require(IPPrefix("192.168.1.0/24"))
        let own = InterfaceAddress(
            interface: "eth0", index: 2, address: .v4(IPv4Address(192, 168, 1, 7)), prefix: network)
        place = Surroundings(own: own, router: .v4(IPv4Address(192, 168, 1, 1)))
    }

    private func granted(_ port: UInt16 = 4433) -> MappingNews {
        let external = SocketEndpoint(.v4(IPv4Address(203, 0, 113, 5)), port: port)
        return .granted(MappingGrant(target, external: external, lifetime: .seconds(7_200)))
    }

    private func entry(_ method: MappingMethod) -> MappingMemory.Entry {
        .init(
            method: method, router: .v4(IPv4Address(192, 168, 1, 1)), own: .v4(IPv4Address(192, 168, 1, 7)),
            target: target, externalPort: 4433)
    }

    /// Runs a mapper until `isDone` says so, then ends it.
    private func run(
        _ methods: [MappingMethod] = MappingMethod.allCases, memory: MappingMemory = .init(),
        workers: [ScriptedWorker], kept: @escaping @Sendable (MappingMemory) -> Void = { _ in },
        until isDone: @escaping @Sendable (MappingStatus) -> Bool
    ) async -> PortMapper {
        var configuration = PortMapper.Configuration(targets: [target])
        configuration.methods = methods
        configuration.headStart = .milliseconds(30)
        configuration.lookInterval = .milliseconds(5)
        let (changes, change) = AsyncStream.makeStream(of: MappingStatus.self)
        let place = place
        let mapper = PortMapper(
            configuration, memory: memory, surroundings: { place },
            make: { method, _, _ in workers.first { $0.method == method } }, keep: kept,
            changed: { change.yield($0) })
        let running = Task { await mapper.run() }
        for await status in changes where isDone(status) { break }
        running.cancel()
        await running.value
        return mapper
    }

    @Test func `the first grant wins, the others do not start, and the end removes the winner's mapping alone`() async {
        let workers = [
            ScriptedWorker(.pcp, [granted()]), ScriptedWorker(.natpmp, [granted(1)]),
            ScriptedWorker(.igd, [granted(2)]),
        ]
        let mapper = await run(workers: workers) { $0.method != nil }
        #expect(workers.map { $0.removals.withLock { $0 } } == [1, 0, 0])
        #expect(workers[1].hasRun.withLock { !$0 } && workers[2].hasRun.withLock { !$0 })
        #expect(mapper.status.method == nil && mapper.status.grants.isEmpty)
    }

    @Test func `a way that fails is told with its reason, and the next one wins`() async {
        let workers = [
            ScriptedWorker(.pcp, [.failed("the router does not speak it")]), ScriptedWorker(.natpmp, []),
            ScriptedWorker(.igd, [granted()]),
        ]
        let seen = Mutex<MappingStatus?>(nil)
        _ = await run(workers: workers) { status in
            guard status.method == .igd else { return false }
            seen.withLock { $0 = status }
            return true
        }
        let attempts = seen.withLock { $0?.attempts ?? [] }
        #expect(attempts.map(\.method) == [.pcp, .igd])
        #expect(attempts.first?.works == false && attempts.first?.result == "the router does not speak it")
        #expect(attempts.last?.result == "mapped 203.0.113.5:4433")
    }

    @Test func `what worked the last time is tried first, and what was mapped is kept for the next start`() async {
        var memory = MappingMemory()
        memory.works = .igd
        let workers = [
            ScriptedWorker(.pcp, [granted()]), ScriptedWorker(.igd, [.remember(entry(.igd)), granted()]),
        ]
        let kept = Mutex<[MappingMemory]>([])
        _ = await run(memory: memory, workers: workers, kept: { memory in kept.withLock { $0.append(memory) } }) {
            $0.method == .igd
        }
        #expect(workers[0].hasRun.withLock { !$0 })
        #expect(kept.withLock { $0.first?.entries } == [entry(.igd)])
        #expect(kept.withLock { $0.last?.entries } == [], "removed at the end, so there is nothing to find again")
        #expect(kept.withLock { $0.last?.works } == .igd)
    }

    @Test func `a mapping that is lost begins the race anew`() async {
        let worker = ScriptedWorker(.pcp, [granted()])
        let wins = Mutex(0)
        _ = await run([.pcp], workers: [worker]) { status in
            guard status.method == .pcp, status.attempts.first?.works == true else { return false }
            worker.lose.yield()
            return wins.withLock { wins in
                wins += 1
                return wins >= 1
            }
        }
        #expect(worker.removals.withLock { $0 } >= 1)
    }

    @Test func `a target that follows and is refused ends no race, and is told with its reason`() async throws {
        let udp = MappingTarget(.udp, port: 4433)
        let worker = ScriptedWorker(.pcp, [granted(), .refused(udp, "no room")])
        let seen = Mutex<MappingStatus?>(nil)
        _ = await run([.pcp], workers: [worker]) { status in
            guard !status.refusals.isEmpty else { return false }
            seen.withLock { $0 = status }
            return true
        }
        let status = try #require(seen.withLock { $0 })
        #expect(status.refusals == [udp: "no room"] && status.method == .pcp && status.external?.port == 4433)
    }

    @Test func `what a way has left that is not wanted any more is removed at the start`() async {
        var memory = MappingMemory()
        memory.note(entry(.natpmp))
        let left = ScriptedWorker(.natpmp, [granted()])
        let wanted = ScriptedWorker(.pcp, [granted()])
        _ = await run([.pcp], memory: memory, workers: [left, wanted]) { $0.method == .pcp }
        #expect(left.discarded.withLock { $0 } == [entry(.natpmp)])
        #expect(left.hasRun.withLock { !$0 })
    }

    @Test func `memory is bounded, and read back as it was written`() throws {
        var memory = MappingMemory()
        for port in 1...40 {
            memory.note(
                .init(
                    method: .pcp, router: .v4(IPv4Address(192, 168, 1, 1)), own: .v4(IPv4Address(192, 168, 1, 7)),
                    target: MappingTarget(.udp, port: UInt16(port)), externalPort: 1, nonce: [UInt8](1...12)))
        }
        #expect(memory.entries.count == 16)
        #expect(memory.nonces(at: .v4(IPv4Address(192, 168, 1, 1))).count == 16)
        #expect(memory.nonces(at: .v4(IPv4Address(192, 168, 1, 2))).isEmpty)
    }
}
