internal import NetworkTypes
internal import UPnP

/// What an ``SSDPDiscovery`` holds: what each link has told, and the searches that are to be sent.
struct DiscoveredLinks: Sendable {
    /// Who is asked.
    enum Addressee: Sendable {
        /// Every link's group, with MX in seconds.
        case group(maximumWait: Int)
        /// One link's group, with MX in seconds.
        case link(InterfaceAddress, maximumWait: Int)
        /// One host.
        case host(SocketEndpoint)
    }

    /// A search whose time has come.
    struct DueSearch: Sendable {
        var socket: SSDPSocket
        var datagram: [UInt8]
        /// Nil: the group.
        var destination: SocketEndpoint?

        func send() {
            if let destination { socket.unicast(datagram, to: destination) } else { socket.multicast(datagram) }
        }
    }

    private struct PlannedSearch: Sendable {
        var at: ContinuousClock.Instant
        var target: SearchTarget
        var addressee: Addressee
    }

    /// How many searches wait at most; more are dropped.
    private static let maximumPlannedSearches = 512

    var hasRun = false
    private(set) var sockets: [SSDPSocket] = []
    private let configuration: SSDPConfiguration
    private var catalogue: DeviceCatalogue
    private var searches: [PlannedSearch] = []
    private var nextRound: ContinuousClock.Instant?

    init(configuration: SSDPConfiguration) {
        self.configuration = configuration
        self.catalogue = DeviceCatalogue(limits: configuration.directory)
    }

    var devices: [DiscoveredDevice] { catalogue.devices }

    var nextWake: ContinuousClock.Instant? {
        guard !sockets.isEmpty else { return nil }
        return [catalogue.nextWake, searches.map(\.at).min(), nextRound].compactMap { $0 }.min()
    }

    mutating func handle(
        _ message: SSDPMessage, from source: SocketEndpoint, on link: InterfaceAddress,
        now: ContinuousClock.Instant
    ) -> [DeviceCatalogue.Change] {
        catalogue.handle(message, from: source, on: link, now: now)
    }

    /// Takes the sockets that are open from here on: what a lost link told is forgotten, a new one is asked.
    mutating func setSockets(_ sockets: [SSDPSocket], now: ContinuousClock.Instant) -> [DeviceCatalogue.Change] {
        var changes: [DeviceCatalogue.Change] = []
        for link in catalogue.links where !sockets.contains(where: { $0.interface == link }) {
            changes += catalogue.linkLost(link, now: now)
        }
        for socket in sockets where !self.sockets.contains(where: { $0 === socket }) {
            let link = socket.interface
            catalogue.linkGained(link)
            plan(
                .rootDevice, .link(link, maximumWait: 1),
                after: [.zero, .milliseconds(500), .milliseconds(2500)], now: now)
        }
        self.sockets = sockets
        if nextRound == nil { nextRound = now + configuration.searchInterval }
        return changes
    }

    mutating func plan(
        _ target: SearchTarget, _ addressee: Addressee, after delays: [Duration], now: ContinuousClock.Instant
    ) {
        for delay in delays where searches.count < Self.maximumPlannedSearches {
            searches.append(PlannedSearch(at: now + delay, target: target, addressee: addressee))
        }
    }

    /// What has changed by itself, and the searches that are due. Without a link, searches wait for one.
    mutating func tick(now: ContinuousClock.Instant) -> ([DeviceCatalogue.Change], [DueSearch]) {
        guard !sockets.isEmpty else { return ([], []) }
        let changes = catalogue.expire(now: now)
        for (udn, link) in catalogue.dueSearches(now: now) {
            plan(.device(udn: udn), .link(link, maximumWait: 1), after: [.zero, .milliseconds(300)], now: now)
        }
        if let round = nextRound, round <= now {
            plan(.rootDevice, .group(maximumWait: 3), after: [.zero, .milliseconds(500)], now: now)
            nextRound = now + configuration.searchInterval
        }
        let due = searches.filter { $0.at <= now }
        searches.removeAll { $0.at <= now }
        return (changes, due.flatMap { datagrams($0) })
    }

    private func datagrams(_ search: PlannedSearch) -> [DueSearch] {
        switch search.addressee {
        case .group(let maximumWait):
            sockets.map { multicast(search.target, maximumWait: maximumWait, through: $0) }
        case .link(let link, let maximumWait):
            sockets.filter { $0.interface == link }
                .map { multicast(search.target, maximumWait: maximumWait, through: $0) }
        case .host(let endpoint):
            sockets.first {
                $0.interface.isOnLink(endpoint.address) && endpoint.zone == ($0.interface.endpoint(port: 0).zone)
            }
            .map {
                [
                    DueSearch(
                        socket: $0, datagram: configuration.search(search.target, at: endpoint), destination: endpoint)
                ]
            } ?? []
        }
    }

    private func multicast(_ target: SearchTarget, maximumWait: Int, through socket: SSDPSocket) -> DueSearch {
        let wait = min(max(maximumWait, 1), 5)
        return DueSearch(
            socket: socket,
            datagram: configuration.search(target, maximumWait: wait, on: socket.interface))
    }
}
