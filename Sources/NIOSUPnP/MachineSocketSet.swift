internal import Logging
internal import NIOCore
internal import NetworkTypes

/// The sockets of a machine, on its event loop: those that its links and groups ask for, and which of them a datagram
/// leaves through.
final class MachineSocketSet {
    /// The most groups that are joined at a time; a machine has one for each family.
    private static let groupLimit = 8
    /// As many destinations are remembered.
    private static let routeLimit = 8_192
    /// As many ports of links that are gone are remembered, so that a link that comes back gets its own again.
    private static let portLimit = 64

    private(set) var configuration: MachineSockets
    private var groups: Set<SocketEndpoint> = []
    private var sockets: [SocketPurpose: MachineSocket] = [:]
    private var ports: [IPAddress: UInt16] = [:]
    private var routes: [SocketEndpoint: (socket: MachineSocket, route: Route)] = [:]
    private var multicasts: [(socket: MachineSocket, route: Route)] = []
    private var routesMade = 0
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var isClosed = false
    /// Gets what is received.
    weak var sink: (any DatagramSink)?

    init(_ configuration: MachineSockets, eventLoop: any EventLoop, logger: Logger) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// Where the open sockets of the links are bound, in the order of the links.
    var endpoints: [SocketEndpoint] { openLinks.compactMap(\.socket.endpoint) }

    private var openLinks: [(link: InterfaceAddress, socket: MachineSocket)] {
        configuration.links.compactMap { link in
            guard let socket = sockets[.link(link)], socket.isOpen else { return nil }
            return (link, socket)
        }
    }

    // MARK: Opening and closing

    /// Opens the links' sockets. Fails with the first reason if there are links and none can be opened.
    func open() -> EventLoopFuture<Void> {
        let opening = reconcile()
        return EventLoopFuture.whenAllComplete(opening, on: eventLoop).assumeIsolated().flatMapThrowing { results in
            guard self.openLinks.isEmpty else { return }
            for result in results { try result.get() }
        }.nonisolated()
    }

    /// Other links from here on.
    func setLinks(_ links: [InterfaceAddress]) {
        configuration.links = links
        let staying = sockets.values.filter { wanted.contains($0.purpose) }
        reconcile()
        for socket in staying { socket.rejoin() }
    }

    func join(_ group: SocketEndpoint) {
        guard groups.count < Self.groupLimit, group.address.isMulticast else { return }
        groups.insert(group)
        reconcile()
    }

    func leave(_ group: SocketEndpoint) {
        guard groups.remove(group) != nil else { return }
        reconcile()
    }

    /// Closes everything; the future resolves when it is.
    func close() -> EventLoopFuture<Void> {
        isClosed = true
        let closing = sockets.values.map { $0.close() }
        sockets = [:]
        resetRoutes()
        return EventLoopFuture.andAllComplete(closing, on: eventLoop)
    }

    private var wanted: Set<SocketPurpose> {
        var wanted = Set(configuration.links.map(SocketPurpose.link))
        for link in configuration.links {
            for group in groups where group.address.isIPv4 == link.address.isIPv4 {
                wanted.insert(.group(group, interface: link.index))
            }
        }
        return wanted
    }

    @discardableResult
    private func reconcile() -> [EventLoopFuture<Void>] {
        guard !isClosed, let sink else { return [] }
        let wanted = wanted
        for (purpose, socket) in sockets where !wanted.contains(purpose) {
            if case .link(let link) = purpose, let endpoint = socket.endpoint, ports.count < Self.portLimit {
                ports[link.address] = endpoint.port
            }
            _ = socket.close()
            sockets[purpose] = nil
        }
        var opening: [EventLoopFuture<Void>] = []
        for purpose in wanted where sockets[purpose] == nil {
            var port = configuration.port
            if port == 0, case .link(let link) = purpose { port = ports.removeValue(forKey: link.address) ?? 0 }
            let socket = MachineSocket(
                purpose, port: port, configuration: configuration, eventLoop: eventLoop, sink: sink, logger: logger
            ) { [weak self] in self?.resetRoutes() }
            sockets[purpose] = socket
            opening.append(socket.open())
        }
        resetRoutes()
        return opening
    }

    // MARK: Sending

    /// To one host, through the link where it is a neighbour.
    func send(_ bytes: [UInt8], to destination: SocketEndpoint) {
        if let route = routes[destination] { return route.socket.send(bytes, to: route.route) }
        // The system refuses port 0, and a machine's answer to a forged one is nobody's.
        guard destination.port != 0, let route = route(to: destination) else { return }
        if routes.count >= Self.routeLimit { routes.removeAll(keepingCapacity: true) }
        routes[destination] = route
        route.socket.send(bytes, to: route.route)
    }

    /// To the group, on every interface.
    func multicast(_ bytes: [UInt8]) {
        for (socket, route) in multicasts { socket.send(bytes, to: route) }
    }

    /// Sends what was collected.
    func flush() {
        for socket in senders { socket.flush() }
    }

    private var senders: [MachineSocket] = []

    private func route(to destination: SocketEndpoint) -> (socket: MachineSocket, route: Route)? {
        let isLinkLocal = destination.address.isLinkLocalIPv6
        let candidates = openLinks.filter {
            $0.link.address.isIPv4 == destination.address.isIPv4
                && (destination.zone == 0 || $0.link.index == destination.zone)
        }
        let neighbour = candidates.filter { $0.link.isOnLink(destination.address) }
            .max { $0.link.prefix.length < $1.link.prefix.length }
        let other = candidates.first { $0.link.address.isLinkLocalIPv6 == isLinkLocal } ?? candidates.first
        guard let (link, socket) = neighbour ?? other else { return nil }
        let endpoint = SocketEndpoint(destination.address, port: destination.port, zone: link.index)
        return (socket, makeRoute(endpoint))
    }

    private func makeRoute(_ endpoint: SocketEndpoint) -> Route {
        routesMade += 1
        return Route(number: routesMade, address: SystemAddress(endpoint))
    }

    private func resetRoutes() {
        routes.removeAll(keepingCapacity: true)
        multicasts = []
        let open = openLinks
        senders = open.map(\.socket)
        for group in configuration.multicast {
            var interfaces: Set<Int> = []
            // Once on each interface, however many addresses the host has there.
            for (link, socket) in open where link.address.isIPv4 == group.address.isIPv4 {
                guard interfaces.insert(link.index).inserted else { continue }
                let endpoint = SocketEndpoint(group.address, port: group.port, zone: link.index)
                multicasts.append((socket, makeRoute(endpoint)))
            }
        }
    }
}
