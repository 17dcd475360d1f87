package import Logging
package import NIOCore
package import NIOUPnP
package import NetworkTypes
import Synchronization
import UPnP

/// Finds the controllers of groups on the links of this host, as UPnP announces and finds services (UDA 2.0 §1).
///
/// Only devices that announce the groups' service are asked for their descriptions. One finder serves any number of
/// members of one process.
package final class ControllerFinder: Sendable {
    /// What is searched for.
    static let target = SearchTarget(GroupAddresses.serviceType)
    /// Searches come no closer than this.
    private static let searchPause: Duration = .seconds(1)

    private struct State {
        var board = ControllerBoard()
        var searchedAt: ContinuousClock.Instant?
    }

    private let discovery: SSDPDiscovery
    private let controlPoint: ControlPoint
    private let logger: Logger
    private let state = Mutex(State())
    private let broadcaster = StreamBroadcaster<[FoundController]>(buffer: 1)
    private let wakes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// A finder that does nothing until ``run()``.
    package init(
        interfaces: InterfaceSelection, ssdp: SSDPConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        var configuration = ControlPointConfiguration(interfaces: interfaces, ssdp: ssdp)
        // What is announced is heard by the discovery below; of the control point only descriptions and calls are used.
        configuration.discovers = false
        configuration.descriptionBytes = 64 * 1_024
        configuration.controlBytes = 16 * 1_024
        configuration.fetchTime = .seconds(5)
        configuration.controlTime = .seconds(5)
        controlPoint = ControlPoint(configuration: configuration, eventLoopGroup: eventLoopGroup, logger: logger)
        discovery = SSDPDiscovery(
            interfaces: interfaces, configuration: ssdp, eventLoopGroup: eventLoopGroup, logger: logger)
        self.logger = logger
    }

    /// The controllers that are known at this moment, in the order in which they were found.
    package var controllers: [FoundController] { state.withLock { $0.board.controllers } }

    /// A new stream: the controllers at once and whenever they have changed, until ``run()`` ends.
    package var changes: AsyncStream<[FoundController]> {
        state.withLock { broadcaster.stream(startingWith: [$0.board.controllers]) }
    }

    /// Asks the links for controllers, at most once a second.
    package func search() {
        let isDue = state.withLock { state in
            let now = ContinuousClock.now
            if let last = state.searchedAt, now - last < Self.searchPause { return false }
            state.searchedAt = now
            return true
        }
        if isDue { discovery.search(Self.target, maximumWait: 1) }
    }

    /// A registration with a controller has ended: one that fails makes room for others when there are many.
    package func tried(_ keyManager: SocketEndpoint, successfully: Bool) {
        state.withLock { $0.board.tried(keyManager, successfully: successfully) }
    }

    /// Works until cancelled. Once only.
    ///
    /// - Throws: `SSDPDriverError` when no named interface exists or carries multicast; the system's error when no
    ///   socket can be opened at the start.
    package func run() async throws {
        // Before anything can be heard.
        let observations = discovery.observations
        defer { broadcaster.finish() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.discovery.run() }
            group.addTask { try await self.controlPoint.run() }
            group.addTask { await self.listen(to: observations) }
            group.addTask { await self.read() }
            search()
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func listen(to observations: AsyncStream<SSDPObservation>) async {
        for await observation in observations {
            let changed = state.withLock { state in
                let before = state.board.controllers
                guard state.board.heard(observation, now: .now) else { return false }
                let after = state.board.controllers
                if after != before { broadcaster.yield(after) }
                return true
            }
            if changed { wakes.continuation.yield() }
        }
    }

    /// Reads descriptions as they are due.
    private func read() async {
        await withDiscardingTaskGroup { group in
            var armed: ContinuousClock.Instant?
            wakes.continuation.yield()
            for await _ in wakes.stream {
                let now = ContinuousClock.now
                let (due, next) = state.withLock { ($0.board.due(now: now), $0.board.nextDeadline) }
                for advert in due { group.addTask { await self.read(advert) } }
                // What is overdue waits for a reader, whose end wakes too.
                guard let next, next > now, armed.map({ next < $0 || $0 <= now }) ?? true else { continue }
                armed = next
                group.addTask {
                    try? await Task.sleep(until: next, clock: .continuous)
                    self.wakes.continuation.yield()
                }
            }
            group.cancelAll()
        }
    }

    private func read(_ advert: ControllerAdvert) async {
        var found: FoundController?
        do {
            found = try await endpoints(of: advert)
        } catch {
            logger.debug(
                "a group's controller cannot be read",
                metadata: ["location": "\(advert.location)", "error": "\(error)"])
        }
        state.withLock { state in
            let before = state.board.controllers
            state.board.read(advert, found, now: .now)
            let after = state.board.controllers
            if after != before { broadcaster.yield(after) }
        }
        wakes.continuation.yield()
    }

    private func endpoints(of advert: ControllerAdvert) async throws -> FoundController? {
        let root = try await controlPoint.device(at: advert.location, on: advert.link.interface)
        guard root.udn.lowercased() == advert.udn.lowercased(),
            let service = root.service(GroupAddresses.serviceType), let url = service.controlURL
        else { return nil }
        let request = ActionRequest(serviceType: service.serviceType, action: "GetEndpoints", arguments: [])
        let response = try await controlPoint.invoke(request, at: url, on: root.interface)
        let values = Dictionary(response.arguments.map { ($0.name, $0.value) }) { first, _ in first }
        return FoundController(values, udn: root.udn, at: advert.host, on: root.interface)
    }
}
