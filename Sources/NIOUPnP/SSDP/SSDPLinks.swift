internal import Logging
internal import NIOCore
internal import NetworkTypes
internal import UPnP

/// Keeps an ``SSDPSocket`` open on every link that is selected, as links come, go and change.
struct SSDPLinks: Sendable {
    var selection: InterfaceSelection
    var role: SSDPSocket.Role
    var configuration: SSDPConfiguration
    var eventLoop: any EventLoop
    var logger: Logger
    /// Called on the event loop.
    var receive: @Sendable (SSDPMessage, SSDPDatagram, InterfaceAddress) -> Void
    /// The sockets that are open, at each change.
    var changed: @Sendable ([SSDPSocket]) -> Void

    /// Works until cancelled, then returns after `closing`. Throws when no named interface exists or carries
    /// multicast at the start, or when no socket can be opened there; later troubles are waited out.
    func run(closing: @escaping @Sendable () -> Void) async throws {
        try selection.check(NetworkInterface.all())
        let monitor = InterfaceMonitor(
            eventLoopGroup: eventLoop, logger: logger, pollInterval: configuration.addressPollInterval)
        let (wakes, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await monitor.run() }
            group.addTask {
                for await _ in monitor.changes { waker.yield() }
            }
            group.addTask { try await follow(monitor, wakes: wakes, waker: waker, closing: closing) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func follow(
        _ monitor: InterfaceMonitor, wakes: AsyncStream<Void>, waker: AsyncStream<Void>.Continuation,
        closing: @Sendable () -> Void
    ) async throws {
        var links: [OpenLink] = []
        var failure: (any Error)?
        do { try await keepUp(with: monitor, wakes: wakes, waker: waker, links: &links) } catch { failure = error }
        closing()
        changed([])
        for link in links { link.socket.close() }
        // Whoever sees `run` return may bind the same ports, or look for what is still bound.
        for link in links { await link.socket.waitUntilClosed() }
        if let failure { throw failure }
    }

    private func keepUp(
        with monitor: InterfaceMonitor, wakes: AsyncStream<Void>, waker: AsyncStream<Void>.Continuation,
        links: inout [OpenLink]
    ) async throws {
        var isFirst = true
        for await _ in wakes {
            let interfaces = monitor.interfaces
            let wanted = selection.links(of: interfaces, families: configuration.families)
            if wanted.isEmpty, isFirst {
                logger.warning("no interface to work on has an address; discovery begins when one gets one")
            }
            var hasChanged = false
            for link in links where !wanted.contains(link.socket.interface) || link.socket.isClosed {
                link.socket.close()
                links.removeAll { $0.socket === link.socket }
                hasChanged = true
            }
            for index in links.indices {
                let record = interfaces.first { $0.index == links[index].socket.interface.index }
                guard record != links[index].record else { continue }
                links[index].record = record
                links[index].socket.rejoin()
            }
            var failures: [any Error] = []
            for address in wanted where !links.contains(where: { $0.socket.interface == address }) {
                do {
                    let socket = try await open(on: address)
                    socket.closed.whenComplete { _ in waker.yield() }
                    links.append(OpenLink(socket: socket, record: interfaces.first { $0.index == address.index }))
                    hasChanged = true
                } catch {
                    failures.append(error)
                    logger.warning(
                        "cannot open the discovery sockets; trying again",
                        metadata: ["ssdp.interface": "\(address.interface)", "error": "\(error)"]
                    )
                }
            }
            if isFirst, links.isEmpty, let failure = failures.first { throw failure }
            if !failures.isEmpty {
                eventLoop.scheduleTask(in: TimeAmount(configuration.addressPollInterval)) { waker.yield() }
            }
            if hasChanged { changed(links.map(\.socket)) }
            isFirst = false
        }
    }

    private struct OpenLink {
        var socket: SSDPSocket
        /// The interface as it was when its groups were joined.
        var record: NetworkInterface?
    }

    private func open(on address: InterfaceAddress) async throws -> SSDPSocket {
        let ownTraffic = configuration.ownTraffic
        return try await SSDPSocket(
            interface: address, role: role, configuration: configuration, eventLoopGroup: eventLoop, logger: logger
        ) { [receive, logger] datagram in
            do {
                let message = try SSDPMessage(parsing: datagram.bytes)
                guard !ownTraffic.isOwn(message, from: datagram.source) else { return }
                receive(message, datagram, address)
            } catch {
                logger.trace(
                    "ignored a datagram",
                    metadata: ["peer.address": "\(datagram.source)", "error": "\(error)"]
                )
            }
        }
    }
}
