internal import Logging
internal import NIOCore
internal import NetworkTypes

/// A machine with its sockets and its timer; all of it belongs to one event loop.
final class MachineLoop<Machine: DatagramMachine & ~Copyable>: DatagramSink {
    private enum Phase { case idle, running, stopped }

    /// A machine is not woken again before so much time has passed. Each of thousands of requests has a deadline of its
    /// own, and a machine that is woken for one does what is due for all, and sends it together.
    private static var rest: Duration { .milliseconds(4) }

    private let eventLoop: any EventLoop
    /// Let go as soon as they are not needed any more: they hold whatever their owner has, secrets too, and the owner
    /// this.
    private var make: (@Sendable (ContinuousClock.Instant) throws -> Machine)?
    private var effect: (@Sendable (Machine.Effect) -> Void)?
    private let sockets: MachineSocketSet
    /// Made when it starts: one that has never run would leave it open, on a loop that may be gone.
    private var stopped: EventLoopPromise<Void>?
    private var machine: Machine?
    private var phase = Phase.idle
    /// The time of the datagrams that were read together.
    private var batchTime: ContinuousClock.Instant?
    private var wakeAt: ContinuousClock.Instant?
    private var wokenAt: ContinuousClock.Instant?
    private var timer: (at: ContinuousClock.Instant, scheduled: Scheduled<Void>)?

    init(
        _ sockets: MachineSockets, eventLoop: any EventLoop, logger: Logger,
        make: @escaping @Sendable (ContinuousClock.Instant) throws -> Machine,
        effect: @escaping @Sendable (Machine.Effect) -> Void
    ) {
        self.eventLoop = eventLoop
        self.make = make
        self.effect = effect
        self.sockets = MachineSocketSet(sockets, eventLoop: eventLoop, logger: logger)
    }

    // MARK: Life

    /// Opens the sockets and makes the machine. The future within resolves when all is closed again.
    func start(onOpen: @escaping @Sendable ([SocketEndpoint]) -> Void) -> EventLoopFuture<Void> {
        guard case .idle = phase else { return eventLoop.makeFailedFuture(CancellationError()) }
        phase = .running
        stopped = eventLoop.makePromise()
        sockets.sink = self
        return sockets.open().assumeIsolated().flatMapThrowing {
            guard case .running = self.phase else { throw CancellationError() }
            onOpen(self.sockets.endpoints)
            let now = ContinuousClock.now
            let make = self.make.take()
            self.machine = try make?(now)
            self.drain(now: now)
            self.sockets.flush()
        }.flatMapError { error in
            self.stop().flatMapThrowing { throw error }
        }.nonisolated()
    }

    /// Closes everything, for good.
    @discardableResult
    func stop() -> EventLoopFuture<Void> {
        if case .stopped = phase { return end }
        phase = .stopped
        machine = nil
        (make, effect) = (nil, nil)
        timer?.scheduled.cancel()
        timer = nil
        sockets.close().assumeIsolated().whenComplete { _ in self.stopped?.succeed() }
        return end
    }

    /// Resolves when all is closed.
    var end: EventLoopFuture<Void> { stopped?.futureResult ?? eventLoop.makeSucceededVoidFuture() }

    func setLinks(_ links: [InterfaceAddress]) { sockets.setLinks(links) }

    // MARK: Inputs

    func received(_ bytes: [UInt8], from source: SocketEndpoint) {
        let now = batchTime ?? .now
        batchTime = now
        machine?.receive(bytes, from: source, now: now)
        drain(now: now)
    }

    func batchEnded() {
        settle(now: batchTime ?? .now)
        batchTime = nil
    }

    func tell(_ input: Machine.Input) {
        let now = ContinuousClock.now
        machine?.handle(input, now: now)
        settle(now: now)
    }

    func perform<Value>(_ body: (inout Machine, ContinuousClock.Instant) -> Value) throws -> Value {
        let now = ContinuousClock.now
        guard var taken = machine.take() else { throw CancellationError() }
        let value = body(&taken, now)
        machine = consume taken
        settle(now: now)
        return value
    }

    private func wake() {
        timer = nil
        let now = ContinuousClock.now
        guard let at = wakeAt, at <= now else { return arm() }
        wakeAt = nil
        wokenAt = now
        machine?.handle(Machine.wake, now: now)
        settle(now: now)
    }

    // MARK: Outputs

    /// The end of what came in together.
    private func settle(now: ContinuousClock.Instant) {
        drain(now: now)
        machine?.batchEnded(now: now)
        drain(now: now)
        sockets.flush()
    }

    private func drain(now: ContinuousClock.Instant) {
        let effect = effect
        while let action = machine?.nextNetworkAction(effect: { effect?($0) }) {
            switch action {
            case .transmit(let bytes, let address): sockets.send(bytes, to: address)
            case .multicast(let bytes): sockets.multicast(bytes)
            case .joinMulticast(let group): sockets.join(group)
            case .leaveMulticast(let group): sockets.leave(group)
            case .wake(let instant):
                guard wakeAt.map({ instant < $0 }) ?? true else { continue }
                wakeAt = instant
            }
        }
        arm()
    }

    /// One timer at a time: set anew only for an earlier deadline, so that there is not one for each datagram.
    private func arm() {
        guard let wakeAt = wakeAt.map({ at in max(at, wokenAt.map { $0 + Self.rest } ?? at) }), phase == .running else {
            return
        }
        if let timer {
            guard wakeAt < timer.at else { return }
            timer.scheduled.cancel()
        }
        let delay = TimeAmount(max(.zero, wakeAt - .now))
        timer = (wakeAt, eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in self?.wake() })
    }
}
