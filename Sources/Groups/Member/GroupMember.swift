public import Logging
public import NIOCore
import NIOPosix
import NIOSUPnP
import NIOUPnP
import NetworkTypes
import SUPnP
import Synchronization

/// A device in a group: asks services and answers requests, and hides keys, rekeys and controllers.
///
/// It does nothing until ``run()``, which finds the group's controller, registers with it, registers again when that
/// is needed, and leaves when it is cancelled. ``withGroup(_:eventLoopGroup:logger:_:)`` does this around a body.
///
///     try await withGroup(id: "kiosk-7", setupCode: "7K3QX-9M2TB") { group in
///         for try await answer in group.request("urn:example:service:Board:1", "news") {
///             print(answer.text)
///         }
///     }
public final class GroupMember: Sendable {
    typealias Host = MachineHost<Member<SystemRandomNumberGenerator>>

    /// The longest payload of a request or an answer, bytes. Long ones travel in several datagrams: where some are
    /// lost, short ones arrive rather.
    public static let longestPayload = 60_000

    /// What it was made with.
    public let configuration: GroupMemberConfiguration
    let machine: MemberConfiguration
    let surroundings: MemberSurroundings
    let logger: Logger
    let membership: Membership
    /// Requests that are open at the machine.
    let slots: TaskGate
    let hostBox = Mutex<Host?>(nil)
    private let hasRun = Atomic(false)

    /// A member that does nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - eventLoopGroup: NIO's own for the whole process by default.
    ///   - logger: Silent by default.
    /// - Throws: ``GroupError`` of the kind `invalid` when the id or the code cannot be one.
    public convenience init(
        _ configuration: GroupMemberConfiguration, eventLoopGroup: (any EventLoopGroup)? = nil,
        logger: Logger = Logger(label: "group") { _ in SwiftLogNoOpLogHandler() }
    ) throws(GroupError) {
        try self.init(configuration, in: MemberSurroundings(eventLoopGroup: eventLoopGroup, logger: logger))
    }

    /// A member with an id and a setup code, on every private network.
    ///
    /// - Throws: ``GroupError`` of the kind `invalid` when the id or the code cannot be one.
    public convenience init(id: String, setupCode: String) throws(GroupError) {
        try self.init(GroupMemberConfiguration(id: id, setupCode: setupCode))
    }

    /// A member that shares what it can with others of its process.
    package init(
        _ configuration: GroupMemberConfiguration, in surroundings: MemberSurroundings,
        observer: MemberObserver = MemberObserver()
    ) throws(GroupError) {
        membership = Membership(observer: observer)
        machine = try configuration.machine()
        self.configuration = configuration
        self.surroundings = surroundings
        var logger = surroundings.logger
        logger[metadataKey: "group.device"] = "\(configuration.id)"
        self.logger = logger
        slots = TaskGate(limit: 64, queue: configuration.queuedRequests)
    }

    // MARK: The membership

    /// Its number in the group; nil while it is no member.
    public var memberNumber: UInt32? { if case .registered(let number) = membership.phase { number } else { nil } }

    /// A new stream of what happens to the membership, until ``run()`` ends. A reader that lags by more than 256 loses
    /// the oldest.
    public var events: AsyncStream<GroupEvent> { membership.events }

    /// Returns as soon as the device is a member; at once if it is one.
    ///
    /// - Throws: ``GroupError`` when ``run()`` has ended; `CancellationError`.
    public func registered() async throws {
        try await membership.wait { if case .registered = $0 { true } else { false } }
    }

    // MARK: The directory

    /// The services that can be asked for at this moment, sorted. A client sees those that it may ask for.
    public var services: [String] { membership.services }

    /// A new stream: what is on offer at once, and then what comes and goes, until ``run()`` ends.
    public var serviceChanges: AsyncStream<GroupServiceChange> { membership.serviceChanges }

    // MARK: Running

    /// Finds the controller, registers, and keeps the membership until cancelled; then leaves the group. Once only.
    ///
    /// - Throws: ``GroupError`` when the device cannot become a member: `wrongCode`, `declined`, `nobodyFound` or
    ///   `noAnswer` within the configuration's patience, `evicted`; the system's error when no socket can be opened.
    public func run() async throws {
        guard hasRun.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged else {
            throw GroupError(.notRunning, "run() was called before; make another member for another run")
        }
        do {
            try await work()
            membership.enter(.ended(nil))
        } catch is CancellationError {
            membership.enter(.ended(nil))
        } catch {
            membership.enter(.ended(error as? GroupError ?? GroupError(.notRunning, "\(error)")))
            throw error
        }
    }

    /// The machine's host, while there is one.
    var host: Host? { hostBox.withLock { $0 } }

    private func work() async throws {
        let keeper = try await MemberKeeper(configuration.keptFile(), logger: logger)
        let monitor =
            surroundings.monitor ?? InterfaceMonitor(eventLoopGroup: surroundings.eventLoopGroup, logger: logger)
        let finder = configuration.controller == nil ? surroundings.finder ?? ownFinder() : nil
        let host = makeHost(on: links(of: monitor.interfaces), keeper)
        hostBox.withLock { $0 = host }
        defer { hostBox.withLock { $0 = nil } }
        let (failures, failure) = AsyncStream.makeStream(of: (any Error).self)
        let (opening, opened) = AsyncStream.makeStream(of: Void.self)
        // Unstructured so that it outlives this task's cancellation by the time that leaving takes; awaited below on
        // every path.
        let running = Task { do { try await host.run { _ in opened.finish() } } catch { failure.yield(error) } }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for await error in failures { throw error } }
                group.addTask { await keeper.run { host.tell(.kept($0)) } }
                if let finder, surroundings.finder == nil { group.addTask { try await finder.run() } }
                if surroundings.monitor == nil { group.addTask { try await monitor.run() } }
                group.addTask {
                    for await interfaces in monitor.changes { host.setLinks(self.links(of: interfaces)) }
                }
                group.addTask { try await self.keepFresh(host) }
                group.addTask {
                    // What it is told before is dropped.
                    for await _ in opening {}
                    try await self.keepRegistered(
                        finder, resumed: keeper.kept?.channels.first?.controller.addresses.first, host)
                }
                defer { group.cancelAll() }
                while try await group.next() != nil { try Task.checkCancellation() }
            }
        } catch {
            await farewell(host, running)
            throw error
        }
        await farewell(host, running)
    }

    private func ownFinder() -> ControllerFinder {
        var ssdp = configuration.ssdp
        ssdp.families = configuration.families
        return ControllerFinder(
            interfaces: configuration.interfaces, ssdp: ssdp, eventLoopGroup: surroundings.eventLoopGroup,
            logger: logger)
    }

    private func links(of interfaces: [NetworkInterface]) -> [InterfaceAddress] {
        configuration.interfaces.links(of: interfaces, families: configuration.families)
    }

    private func makeHost(on links: [InterfaceAddress], _ keeper: MemberKeeper) -> Host {
        let eventLoop = surroundings.eventLoopGroup.next()
        let machine = machine
        return Host(
            MachineSockets(links: links, port: 0, multicast: []), eventLoop: eventLoop, logger: logger
        ) { now in
            guard let kept = keeper.kept, let controller = kept.channels.first?.controller.addresses.first else {
                return Member(machine, random: SystemRandomNumberGenerator())
            }
            return Member(
                machine, resuming: kept, controller: controller, now: now, random: SystemRandomNumberGenerator())
        } effect: { [weak self] effect in
            self?.perform(effect, keeper)
        }
    }

    /// Tells the group that the device is a member no longer, and ends the machine.
    private func farewell(_ host: Host, _ running: Task<Void, Never>) async {
        // In a task of its own, because this one may be cancelled and the controller is still to be told.
        await Task {
            // Whoever keeps its keys means to come back.
            if case .registered = self.membership.phase, self.configuration.keepFile == nil {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { try? await self.membership.wait { $0 == .left } }
                    group.addTask { try? await Task.sleep(for: .seconds(3)) }
                    host.tell(.leave)
                    await group.next()
                    group.cancelAll()
                }
            }
            running.cancel()
            await running.value
        }.value
    }

    /// Makes the keys with the controllers fresh now and then.
    private func keepFresh(_ host: Host) async throws {
        while true {
            let jitter = Double.random(in: 0.9...1.1)
            try await Task.sleep(for: configuration.refreshInterval * jitter)
            host.tell(.refresh)
        }
    }
}
