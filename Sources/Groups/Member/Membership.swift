import NIOUPnP
import SUPnP
import Synchronization

/// What is known of a membership: read by the application, written by the machine's side.
final class Membership: Sendable {
    /// How far the device is.
    enum Phase: Hashable, Sendable {
        /// It is no member.
        case outside
        /// It is a member, with this number.
        case registered(UInt32)
        /// It was evicted, or was lost: it is no member.
        case dropped(wasEvicted: Bool)
        /// It has left, as it wanted.
        case left
        /// ``GroupMember/run()`` has ended; nil when it was cancelled.
        case ended(GroupError?)
    }

    /// What an attempt to register has come to.
    enum Signal: Sendable {
        /// Somebody has answered.
        case answered
        /// The attempt has failed.
        case failed(DeviceFailure)
        /// The device is a member.
        case registered
    }

    /// Set once somebody has answered.
    final class AnswerFlag: Sendable {
        private let flag = Atomic(false)
        var isSet: Bool { flag.load(ordering: .acquiring) }
        func set() { flag.store(true, ordering: .releasing) }
    }

    private struct State {
        var phase = Phase.outside
        var services: Set<String> = []
        var requests: [UInt64: OpenRequest.Sink] = [:]
        var servers: [ServiceName: Server] = [:]
        var attempt: AsyncStream<Signal>.Continuation?
    }

    /// A handler's side of a service.
    struct Server: Sendable {
        let offer: ServiceOffer
        let requests: AsyncStream<InboundRequest>.Continuation
    }

    private let state = Mutex(State())
    private let observer: MemberObserver
    private let phaseBroadcaster = StreamBroadcaster<Phase>(buffer: 64)
    private let eventBroadcaster = StreamBroadcaster<GroupEvent>(buffer: 256)
    private let serviceBroadcaster = StreamBroadcaster<GroupServiceChange>(buffer: 1_024)

    init(observer: MemberObserver = MemberObserver()) { self.observer = observer }

    // MARK: Reading

    var phase: Phase { state.withLock { $0.phase } }
    var services: [String] { state.withLock { $0.services.sorted() } }
    var events: AsyncStream<GroupEvent> { eventBroadcaster.stream() }

    /// The phase at once, and whenever it has changed.
    var phases: AsyncStream<Phase> { state.withLock { phaseBroadcaster.stream(startingWith: [$0.phase]) } }

    /// What is on offer at once, and whatever comes and goes.
    var serviceChanges: AsyncStream<GroupServiceChange> {
        state.withLock { state in
            serviceBroadcaster.stream(startingWith: state.services.sorted().map { .appeared($0) })
        }
    }

    /// Waits until the phase is one of those that `isWanted` names. Throws when it can be none any more.
    func wait(for isWanted: (Phase) -> Bool) async throws {
        for await phase in phases {
            if isWanted(phase) { return }
            if case .ended(let error) = phase { throw error ?? .notRunning }
        }
        try Task.checkCancellation()
        throw GroupError.notRunning
    }

    // MARK: The machine's side

    /// The signals of the attempt that is about to begin.
    func beginAttempt() -> AsyncStream<Signal> {
        let (stream, continuation) = AsyncStream.makeStream(of: Signal.self, bufferingPolicy: .bufferingNewest(16))
        state.withLock { $0.attempt = continuation }
        return stream
    }

    func signal(_ signal: Signal) { state.withLock { $0.attempt }?.yield(signal) }

    func tell(_ event: GroupEvent) {
        eventBroadcaster.yield(event)
        observer.event(event)
    }

    func enter(_ phase: Phase) {
        let requests: [OpenRequest.Sink] = state.withLock { state in
            guard state.phase != phase else { return [] }
            if case .ended = state.phase { return [] }
            state.phase = phase
            phaseBroadcaster.yield(phase)
            if case .registered = phase { return [] }
            defer { state.requests = [:] }
            return Array(state.requests.values)
        }
        let error: GroupError =
            switch phase {
            case .dropped(true): .evicted
            case .ended(let error): error ?? .notRunning
            default: .notRegistered
            }
        for request in requests { request.failed(error) }
        guard case .ended = phase else { return }
        let servers = state.withLock { state in
            defer { state.servers = [:] }
            return Array(state.servers.values)
        }
        for server in servers { server.requests.finish() }
        phaseBroadcaster.finish()
        eventBroadcaster.finish()
        serviceBroadcaster.finish()
    }

    func changed(_ change: DirectoryView.Change) {
        let change: GroupServiceChange =
            switch change {
            case .appeared(let name): .appeared(name.description)
            case .vanished(let name): .vanished(name.description)
            }
        state.withLock { state in
            switch change {
            case .appeared(let name): state.services.insert(name)
            case .vanished(let name): state.services.remove(name)
            }
            serviceBroadcaster.yield(change)
        }
        observer.service(change)
    }

    // MARK: Requests

    func add(_ request: OpenRequest.Sink, as id: UInt64) { state.withLock { $0.requests[id] = request } }
    func request(_ id: UInt64) -> OpenRequest.Sink? { state.withLock { $0.requests[id] } }
    func removeRequest(_ id: UInt64) -> OpenRequest.Sink? {
        state.withLock { $0.requests.removeValue(forKey: id) }
    }

    // MARK: Servers

    /// What is offered.
    var offers: [ServiceOffer] { state.withLock { $0.servers.values.map(\.offer) } }

    /// Adds a handler's side; false when there is one for the service already.
    func add(_ server: Server) -> Bool {
        state.withLock { state in
            guard state.servers[server.offer.name] == nil else { return false }
            state.servers[server.offer.name] = server
            return true
        }
    }

    func removeServer(_ name: ServiceName) { state.withLock { $0.servers[name] = nil } }

    /// Gives a request to its handler; false when it has none, or too many wait for it.
    func serve(_ request: InboundRequest) -> Bool {
        let server = state.withLock { $0.servers[request.service] }
        guard let server, case .enqueued = server.requests.yield(request) else { return false }
        return true
    }
}
