import Logging
import NIOCore
import NetworkTypes
import SUPnP
import Synchronization

@testable import NIOSUPnP

/// A member on real sockets, and what it tells its application.
final class LiveMember: Sendable {
    let events: AsyncStream<MemberEvent>
    private let told: AsyncStream<MemberEvent>.Continuation
    private let configuration: MemberConfiguration
    private let links: [InterfaceAddress]
    private let eventLoop: any EventLoop
    private let made = Mutex<MachineHost<Member<Random>>?>(nil)
    private let bound = Mutex<SocketEndpoint?>(nil)
    /// Where its own socket is bound, once ``run(in:)`` has opened it.
    var address: SocketEndpoint? { bound.withLock { $0 } }

    /// Runs it beside a test; returns when its sockets are open.
    func run(in tasks: inout ThrowingTaskGroup<Void, any Error>) async throws {
        try await LiveGroup.run(host, in: &tasks) { endpoints in self.bound.withLock { $0 = endpoints.first } }
    }

    init(_ configuration: MemberConfiguration, links: [InterfaceAddress], eventLoop: any EventLoop) {
        self.configuration = configuration
        self.links = links
        self.eventLoop = eventLoop
        (events, told) = AsyncStream.makeStream()
    }

    var host: MachineHost<Member<Random>> {
        made.withLock { made in
            if let made { return made }
            let host = MachineHost<Member<Random>>(
                MachineSockets(links: links), eventLoop: eventLoop, logger: Logger(label: "test")
            ) { [configuration] _ in
                Member(configuration, random: Random())
            } effect: { effect in
                self.perform(effect)
            }
            made = host
            return host
        }
    }

    private func perform(_ effect: Member<Random>.Effect) {
        switch effect {
        case .derive(let work): host.tell(.derived(work.run()))
        case .keep(let state, let number): if state != nil { host.tell(.kept(number)) }
        case .event(let event):
            if case .request(let request) = event {
                host.tell(.answer(request.id, payload: Array("answer".utf8), isLast: true))
            }
            told.yield(event)
        }
    }

    /// Waits for an event.
    func first<Value: Sendable>(_ find: @Sendable (MemberEvent) -> Value?) async throws -> Value {
        for await event in events {
            if let value = find(event) { return value }
        }
        throw CancellationError()
    }

    /// Registers with a key manager, and waits until the member is one.
    func register(at controller: SocketEndpoint?) async throws {
        guard let controller else { throw CancellationError() }
        host.tell(.start(controller: controller))
        _ = try await first { if case .registered = $0 { true } else { nil } }
    }

    /// Asks a service, again and again, until so many servers have answered one request; gives their number.
    func ask(_ service: ServiceName, until wanted: Int, window: Duration = .milliseconds(500)) async throws -> Int {
        var answers = 0
        for _ in 0..<10 where answers != wanted {
            let request = try await host.perform { member, now in
                member.request(service, payload: Array("on".utf8), window: window, now: now)
            }
            guard let request else { throw CancellationError() }
            answers = try await first { event in
                switch event {
                case .completed(request, let answers, _): Int(answers)
                case .refused(request, _), .timedOut(request): 0
                default: nil
                }
            }
        }
        return answers
    }
}
