import Logging
import NIOPosix
import NetworkTypes
import Synchronization

@testable import NIOSUPnP

/// A machine that hears everything and sends what it is told, with its sockets.
final class Ear: Sendable {
    struct Machine: ~Copyable, DatagramMachine {
        enum Input: Sendable {
            case datagram([UInt8], from: SocketEndpoint)
            case wake
            case actions([MachineAction<Effect>])
        }
        enum Effect: Sendable { case heard([UInt8], from: SocketEndpoint), woken, batch }

        var actions: [MachineAction<Effect>] = []
        var answers = false

        static func datagram(_ bytes: [UInt8], from source: SocketEndpoint) -> Input { .datagram(bytes, from: source) }
        static var wake: Input { .wake }

        mutating func handle(_ input: Input, now: ContinuousClock.Instant) {
            switch input {
            case .datagram(let bytes, let source):
                actions.append(.effect(.heard(bytes, from: source)))
                if answers, bytes.first == UInt8(ascii: "?") {
                    actions.append(.transmit([UInt8(ascii: "!")] + bytes.dropFirst(), to: source))
                }
            case .wake: actions.append(.effect(.woken))
            case .actions(let more): actions += more
            }
        }

        mutating func batchEnded(now: ContinuousClock.Instant) { actions.append(.effect(.batch)) }

        mutating func nextAction() -> MachineAction<Effect>? { actions.isEmpty ? nil : actions.removeFirst() }
    }

    let host: MachineHost<Machine>
    let effects: AsyncStream<Machine.Effect>
    private let bound = Mutex<[SocketEndpoint]>([])

    init(_ sockets: MachineSockets, answers: Bool = false) {
        let (effects, told) = AsyncStream.makeStream(of: Machine.Effect.self)
        self.effects = effects
        host = MachineHost(
            sockets, eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test")
        ) { _ in
            Machine(answers: answers)
        } effect: {
            if case .batch = $0 { return }
            told.yield($0)
        }
    }

    /// Where its sockets are bound.
    var endpoints: [SocketEndpoint] { bound.withLock { $0 } }

    /// Runs it beside a test; returns when its sockets are open.
    func run(in tasks: inout ThrowingTaskGroup<Void, any Error>) async throws {
        try await LiveGroup.run(host, in: &tasks) { endpoints in self.bound.withLock { $0 = endpoints } }
    }

    func tell(_ actions: MachineAction<Machine.Effect>...) { host.tell(.actions(actions)) }

    func send(_ text: String, to endpoint: SocketEndpoint) { tell(.transmit(Array(text.utf8), to: endpoint)) }

    /// Waits for a datagram; gives its source. What else comes is passed over.
    @discardableResult
    func hear(_ text: String) async throws -> SocketEndpoint {
        for await case .heard(let bytes, let source) in effects where bytes == Array(text.utf8) { return source }
        throw CancellationError()
    }

    /// The next datagrams, as many as that.
    func hear(_ count: Int) async -> [[UInt8]] {
        var heard: [[UInt8]] = []
        for await case .heard(let bytes, _) in effects {
            heard.append(bytes)
            if heard.count == count { break }
        }
        return heard
    }

    /// Waits until the machine has done what it was told so far, and until its group's sockets are open.
    func settle() async throws { try await host.perform { _, _ in } }
}
