import Foundation
import NIOCore
import NIOPosix
import NIOSUPnP
import NetworkTypes
import SUPnP
import Synchronization

/// All servers, or all clients, in one process and on one event loop.
final class DevicesRole: Sendable {
    private let isServer: Bool
    private let answers: String
    private let controller: SocketEndpoint
    private let members: Mutex<[BenchMember]> = .init([])
    private let registered = Mutex<Set<String>>([])
    private let ready: AsyncStream<String>
    private let told: AsyncStream<String>.Continuation
    /// Deliveries, and how long each took.
    private let heard = Mutex(Latencies())
    /// When each member was last in a new epoch.
    private let epochs = Mutex<[String: UInt64]>([:])
    private let load: ClientLoad

    init(_ arguments: BenchArguments, isServer: Bool) throws {
        guard let controller = SocketEndpoint(arguments.text("controller")) else {
            throw BenchFailure("--controller wants an address and a port")
        }
        self.controller = controller
        self.isServer = isServer
        answers = arguments.text("answers", "none")
        load = ClientLoad()
        (ready, told) = AsyncStream.makeStream()
    }

    static func run(_ arguments: BenchArguments, isServer: Bool) async throws {
        let role = try DevicesRole(arguments, isServer: isServer)
        let links = try BenchLinks.links(arguments)
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let members = try role.roster(arguments).map { name, code in
            try BenchMember(
                name, code: code, isServer: isServer, links: links, eventLoop: loop,
                percent: arguments.number("loss", 0), event: { role.take($1, of: $0) })
        }
        role.members.withLock { $0 = members }
        await withThrowingTaskGroup(of: Void.self) { tasks in
            let (opened, tellsOpen) = AsyncStream.makeStream(of: Void.self)
            for member in members { tasks.addTask { try await member.host.run { _ in tellsOpen.yield() } } }
            for await _ in opened.prefix(members.count) {}
            let seconds = await role.register(members, parallel: arguments.number("parallel", 16))
            printLine([
                "role": isServer ? "servers" : "client", "ready": true, "count": members.count, "seconds": seconds,
            ])
            for await line in inputLines() { await role.answer(line, members: members) }
            tasks.cancelAll()
        }
    }

    private func roster(_ arguments: BenchArguments) throws -> [(String, SetupCode)] {
        let text = try String(contentsOfFile: arguments.text("roster", "roster"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 2, let code = SetupCode(words[1]), words[0].hasPrefix("server") == isServer else {
                return nil
            }
            return (words[0], code)
        }
    }

    /// Registers all, so many at a time; how long it took.
    private func register(_ members: [BenchMember], parallel: Int) async -> Double {
        let begin = Resources.nanoseconds
        var waiting = members[...]
        for member in waiting.prefix(parallel) { start(member) }
        waiting = waiting.dropFirst(parallel)
        guard !members.isEmpty else { return 0 }
        var done: Set<String> = []
        for await name in ready {
            done.insert(name)
            if let next = waiting.popFirst() { start(next) }
            if done.count == members.count { break }
        }
        return Double(Resources.nanoseconds - begin) / 1e9
    }

    private func start(_ member: BenchMember) { member.host.tell(.start(controller: controller)) }

    private func take(_ event: MemberEvent, of member: BenchMember) {
        switch event {
        case .registered:
            if registered.withLock({ $0.insert(member.name).inserted }) { told.yield(member.name) }
        case .epoch: epochs.withLock { $0[member.name] = Resources.nanoseconds }
        case .request(let request):
            heard.withLock { $0.add(request.payload) }
            guard answers == "all" || (answers == "one" && member.name == "server-0") else { return }
            member.host.tell(.answer(request.id, payload: Array("answer".utf8), isLast: true))
        default: load.take(event, of: member)
        }
    }

    private func answer(_ line: String, members: [BenchMember]) async {
        let words = line.split(separator: " ").map(String.init)
        switch words.first {
        case "report":
            var latencies = heard.withLock { heard in
                defer { heard = Latencies() }
                return heard
            }
            printLine([
                "deliveries": latencies.count, "process_seconds": Resources.process,
                "latency_ms_p50": latencies.percentile(50) as Any? ?? NSNull(),
                "latency_ms_p99": latencies.percentile(99) as Any? ?? NSNull(),
            ])
        case "epochs": printLine(["at": epochs.withLock { $0.map { ["name": $0.key, "at": $0.value] } }])
        case "run":
            let numbers = words.dropFirst().compactMap { Int($0) }
            guard numbers.count == 3 else { return printLine([:]) }
            let result = await load.run(
                members, seconds: numbers[0], payload: numbers[1], inFlight: numbers[2], answers: answers != "none")
            printLine(result)
        default: printLine([:])
        }
    }
}

/// How long deliveries took: all are counted, and up to 262,144 of them kept.
struct Latencies {
    private(set) var count = 0
    private var kept: [UInt32] = []

    /// Takes a payload, which begins with the time at which it was asked.
    mutating func add(_ payload: [UInt8]) {
        count += 1
        guard payload.count >= 8, kept.count < 262_144 || count % 16 == 0 else { return }
        let at = payload.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let microseconds = UInt32(clamping: (Int64(Resources.nanoseconds) - Int64(at)) / 1_000)
        if kept.count < 262_144 {
            kept.append(microseconds)
        } else {
            kept[Int.random(in: 0..<kept.count)] = microseconds
        }
    }

    mutating func percentile(_ percent: Int) -> Double? {
        guard !kept.isEmpty else { return nil }
        kept.sort()
        return Double(kept[min(kept.count - 1, kept.count * percent / 100)]) / 1_000
    }
}
