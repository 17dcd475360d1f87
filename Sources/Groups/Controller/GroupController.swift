package import Logging
package import NIOCore
import NIOUPnP
import NetworkTypes
import SUPnP
import Synchronization

/// A group's controller: key manager, forwarder, announcement and durable state as one service.
///
/// ```swift
/// let controller = GroupController(configuration, store: store, eventLoopGroup: …, logger: …)
/// try await controller.run { event in … }
/// ```
///
/// Commands return when what they want is durable, and throw ``GroupControllerError`` when it is not in time.
package final class GroupController: Sendable {
    /// How it runs.
    package let configuration: GroupControllerConfiguration
    let ledger: GroupLedger
    let session = Mutex<GroupSession?>(nil)
    private let store: any GroupRegister
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger
    private let storeChanges: AsyncStream<Void>
    private let storeChange: AsyncStream<Void>.Continuation

    /// Makes a controller that does nothing until ``run(_:)``.
    ///
    /// The devices whose owner's rights have ended are struck off at the start and after ``storeChanged()``.
    package init(
        _ configuration: GroupControllerConfiguration, store: any GroupRegister, eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) {
        self.configuration = configuration
        self.store = store
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        let (storeChanges, storeChange) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        (self.storeChanges, self.storeChange) = (storeChanges, storeChange)
        ledger = GroupLedger { storeChange.yield() }
    }

    /// Works until cancelled; members are not told, and stay members.
    ///
    /// `report` is told what happens, not on an event loop, one event at a time or several.
    /// - Throws: ``GroupControllerError`` when the sockets cannot be opened, the stored state cannot be read, the store
    ///   fails again and again, or another program changes the group.
    package func run(_ report: @escaping @Sendable (GroupControllerEvent) -> Void) async throws {
        let monitor = InterfaceMonitor(eventLoopGroup: eventLoopGroup, logger: logger)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await monitor.run() }
                group.addTask { try await self.serve(monitor, report) }
                try await group.next()
            }
            ended(.stopped)
        } catch let error as GroupControllerError {
            ended(error)
            throw error
        } catch {
            ended(.stopped)
            throw error
        }
    }

    private func ended(_ error: GroupControllerError) {
        session.withLock { $0 = nil }
        ledger.ended(error)
    }

    private func serve(
        _ monitor: InterfaceMonitor, _ report: @escaping @Sendable (GroupControllerEvent) -> Void
    ) async throws {
        guard let links = await firstLinks(monitor, report) else { return }
        let (state, revision) = try await load()
        let clock = GroupClock(
            of: configuration.identity, at: configuration.date(), reached: try await reachedTime())
        try await keep(clock.start)
        let session = try GroupSession(
            GroupSession.Parts(
                configuration: configuration, store: store, ledger: ledger, links: links,
                eventLoopGroup: eventLoopGroup, logger: logger, report: report),
            clock: clock, state: state, revision: revision)
        ledger.reset(state, revision: revision)
        self.session.withLock { $0 = session }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            let (serving, served) = AsyncStream.makeStream(of: Void.self)
            group.addTask {
                defer { served.finish() }
                try await session.run { served.yield() }
            }
            var isServing = false
            for await _ in serving {
                isServing = true
                break
            }
            guard isServing else {
                // It ended while it opened: its error comes out of the group, and nothing is served.
                try await group.next()
                return
            }
            group.addTask { try await self.reconcile(session.boot) }
            group.addTask { try await self.keepTime(clock) }
            group.addTask {
                for await interfaces in monitor.changes { session.setLinks(self.links(of: interfaces)) }
            }
            report(.serving(session.addresses))
            if let ssdp = configuration.announcement {
                group.addTask { try await self.announce(ssdp, report) }
            }
            try await group.next()
        }
    }

    private func reachedTime() async throws -> UInt64 {
        do {
            return try await store.reachedTime()
        } catch let error where !(error is CancellationError) {
            throw GroupControllerError.storeFailed("\(error)")
        }
    }

    /// Keeps how far the group's time has come, now and then. Where it cannot be kept the group is served all the same.
    private func keepTime(_ clock: GroupClock) async throws {
        while true {
            try await Task.sleep(for: configuration.timeKeeping)
            try await keep(clock.time(at: .now))
        }
    }

    private func keep(_ time: UInt64) async throws {
        do {
            try await store.reach(time)
        } catch let error where !(error is CancellationError) {
            logger.warning("the group's time could not be kept", metadata: ["error": "\(error)"])
        }
    }

    private func load() async throws -> (GroupState, UInt64) {
        do {
            return try await store.load()
        } catch let error where !(error is CancellationError) {
            throw GroupControllerError.storeFailed("\(error)")
        }
    }

    private func links(of interfaces: [NetworkInterface]) -> [InterfaceAddress] {
        configuration.interfaces.links(of: interfaces, families: configuration.families)
    }

    /// Waits until a chosen interface has an address.
    private func firstLinks(
        _ monitor: InterfaceMonitor, _ report: @Sendable (GroupControllerEvent) -> Void
    ) async -> [InterfaceAddress]? {
        var isTold = false
        for await interfaces in monitor.changes {
            let links = links(of: interfaces)
            if !links.isEmpty { return links }
            if !isTold { report(.noLinks) }
            isTold = true
        }
        return nil
    }

    /// Without its announcement the controller serves all the same those that are told where it is.
    private func announce(
        _ ssdp: SSDPConfiguration, _ report: @Sendable (GroupControllerEvent) -> Void
    ) async throws {
        while true {
            do {
                try await GroupAnnouncement(configuration, ssdp: ssdp, eventLoopGroup: eventLoopGroup, logger: logger)
                    .run()
                try Task.checkCancellation()
            } catch let error where !(error is CancellationError) {
                report(.notAnnounced("\(error)"))
            }
            try await Task.sleep(for: .seconds(30))
        }
    }

    /// The list of revoked devices may be another one.
    package func storeChanged() { storeChange.yield() }

    /// Strikes off whose owner's rights have ended, and evicts whose credential is gone: whatever a revocation or an
    /// administrator has written while the controller did not run, or was killed over, comes to its end here.
    ///
    /// It looks first when the key manager leads, since what is written until then is in no state that was read before,
    /// and again whenever the ledger has read the state anew or a device was enrolled.
    private func reconcile(_ boot: BootID) async throws {
        try await ledger.wait { $0.leadership?.boot == boot }
        storeChange.yield()
        for await _ in storeChanges {
            do {
                let revoked = Set(try await store.revokedDevices())
                let doomed = ledger.read { state in
                    Set(state.members.values.map(\.device)).union(state.credentials.keys)
                        .filter { revoked.contains($0) || state.credentials[$0] == nil }
                }
                guard !doomed.isEmpty else { continue }
                _ = try await strikeOff(doomed.sorted())
            } catch let error where !(error is CancellationError) {
                logger.warning("revoked devices could not be struck off yet", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .seconds(1))
                storeChange.yield()
            }
        }
    }
}
