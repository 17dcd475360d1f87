internal import NetworkTypes
internal import UPnP

/// What an ``SSDPAdvertiser`` holds: an engine for each link, and what waits for its link.
struct AdvertisedLinks: Sendable {
    private struct Link: Sendable {
        var socket: SSDPSocket
        var engine: Advertiser
    }

    private struct Waiting: Sendable {
        var advertisement: Advertisement
        /// The link that it was announced on and that is gone.
        var lost: InterfaceAddress?

        var udn: String { advertisement.root.udn }
        var host: IPAddress? { advertisement.host }
    }

    /// How long after its first announcement a device still counts as starting.
    private static let joining: Duration = .milliseconds(500)

    var scope: AnnouncementScope
    var hasRun = false
    private let configuration: SSDPConfiguration
    private var links: [Link] = []
    private var waiting: [Waiting] = []
    /// When each UDN was first announced on any link.
    private var firstAnnounced: [String: ContinuousClock.Instant] = [:]
    /// Spreads answers; the system's own generator would cost a system call for each.
    private var random = SeededGenerator(seed: .random(in: .min ... .max))
    /// What the links have in common, so that a device is announced on all of them at the same moment (UDA 2.0
    /// annex A: within 20 ms over both families).
    private let salt = UInt64.random(in: .min ... .max)

    init(configuration: SSDPConfiguration, scope: AnnouncementScope) {
        self.configuration = configuration
        self.scope = scope
    }

    var sockets: [SSDPSocket] { links.map(\.socket) }

    var udns: [String] {
        var seen: Set<String> = []
        let all = links.flatMap(\.engine.udns) + waiting.map(\.advertisement.root.udn)
        return all.filter { seen.insert($0).inserted }
    }

    var nextWake: ContinuousClock.Instant? { links.compactMap(\.engine.nextWake).min() }

    /// False when there are too many devices.
    mutating func add(_ advertisement: Advertisement, now: ContinuousClock.Instant) -> Bool {
        let udn = advertisement.root.udn
        let host = advertisement.host
        forgetWaiting { $0.udn == udn && $0.host == host }
        let own = links.indices.filter { host == nil || links[$0].socket.interface.address == host }
        guard !own.isEmpty else {
            guard waiting.count < configuration.advertiser.maximumDevices else { return false }
            configuration.ownTraffic.insert(udns: advertisement.root.allUDNs)
            waiting.append(Waiting(advertisement: advertisement))
            return true
        }
        return own.reduce(true) { add(advertisement, toLink: $1, now: now) && $0 }
    }

    mutating func remove(udn: String, announceByebye: Bool, now: ContinuousClock.Instant) {
        forgetWaiting { $0.udn == udn }
        firstAnnounced[udn] = nil
        for index in links.indices { remove(udn, fromLink: index, announceByebye: announceByebye, now: now) }
    }

    mutating func remove(
        udn: String, on link: InterfaceAddress, announceByebye: Bool, now: ContinuousClock.Instant
    ) {
        forgetWaiting { $0.udn == udn && $0.host == link.address }
        for index in links.indices where links[index].socket.interface == link {
            remove(udn, fromLink: index, announceByebye: announceByebye, now: now)
        }
    }

    mutating func sayByebye(now: ContinuousClock.Instant) {
        for index in links.indices { links[index].engine.sayByebye(now: now) }
    }

    mutating func reannounce(now: ContinuousClock.Instant) {
        for index in links.indices { reannounce(onLink: index, now: now) }
    }

    private mutating func reannounce(onLink index: Int, now: ContinuousClock.Instant) {
        var shared = SeededGenerator(seed: salt)
        links[index].engine.reannounce(now: now, using: &shared)
    }

    mutating func handle(
        _ search: SSDPSearch, from source: SocketEndpoint, wasMulticast: Bool, on link: InterfaceAddress,
        now: ContinuousClock.Instant
    ) {
        guard let index = links.firstIndex(where: { $0.socket.interface == link }) else { return }
        links[index].engine.date = HTTPDate.current
        links[index].engine.handle(search, from: source, wasMulticast: wasMulticast, now: now, using: &random)
    }

    /// What is due on each link.
    mutating func tick(now: ContinuousClock.Instant) -> [(SSDPSocket, [Advertiser.Transmission])] {
        var result: [(SSDPSocket, [Advertiser.Transmission])] = []
        for index in links.indices where links[index].engine.nextWake.map({ $0 <= now }) ?? false {
            links[index].engine.date = HTTPDate.current
            // Links that have announced the same draw the same moment for the next time.
            var shared = SeededGenerator(seed: salt &+ UInt64(links[index].engine.announcementsSent))
            let due = links[index].engine.tick(now: now, using: &shared)
            if !due.isEmpty { result.append((links[index].socket, due)) }
        }
        return result
    }

    /// Takes the sockets that are open from here on: a lost link falls silent, a new one is announced on.
    mutating func setSockets(_ sockets: [SSDPSocket], now: ContinuousClock.Instant) {
        let addresses = Set(sockets.map(\.interface))
        for link in links where !addresses.contains(link.socket.interface) {
            let lost = link.socket.interface
            for advertisement in link.engine.udns.compactMap({ link.engine.advertisement(udn: $0) }) {
                // What any link could announce waits only when there is no link left.
                guard advertisement.host != nil || sockets.isEmpty else {
                    configuration.ownTraffic.remove(udns: advertisement.root.allUDNs)
                    continue
                }
                waiting.append(Waiting(advertisement: advertisement, lost: lost))
            }
            while waiting.count > configuration.advertiser.maximumDevices {
                configuration.ownTraffic.remove(udns: waiting.removeFirst().advertisement.root.allUDNs)
            }
        }
        links.removeAll { !addresses.contains($0.socket.interface) }
        for socket in sockets {
            if let index = links.firstIndex(where: { $0.socket.interface == socket.interface }) {
                guard links[index].socket !== socket else { continue }
                links[index].socket = socket
                links[index].engine.searchPort = socket.searchPort
                reannounce(onLink: index, now: now)
            } else {
                open(socket, now: now)
            }
        }
    }

    private mutating func open(_ socket: SSDPSocket, now: ContinuousClock.Instant) {
        let link = socket.interface
        var settings = configuration.advertiser
        settings.host = configuration.group(of: link).description
        var engine = Advertiser(configuration: settings)
        engine.searchPort = socket.searchPort
        let spread = links.first.map(\.engine)
        links.append(Link(socket: socket, engine: engine))
        // Another address in the place of the lost one: what named that is not reached any more.
        let configuration = configuration
        let group = configuration.group(of: link).address
        forgetWaiting {
            guard let lost = $0.lost, lost.interface == link.interface, lost.address != link.address else {
                return false
            }
            return configuration.group(of: lost).address == group
        }
        let arrived = waiting.map(\.advertisement).filter { $0.host == link.address || $0.host == nil }
        forgetWaiting { $0.host == link.address || $0.host == nil }
        for advertisement in arrived { _ = add(advertisement, toLink: links.count - 1, now: now) }
        // What names no address is announced on every link.
        for advertisement in (spread?.udns ?? []).compactMap({ spread?.advertisement(udn: $0) })
        where advertisement.host == nil {
            _ = add(advertisement, toLink: links.count - 1, now: now)
        }
    }

    private mutating func add(
        _ advertisement: Advertisement, toLink index: Int, now: ContinuousClock.Instant
    ) -> Bool {
        let udn = advertisement.root.udn
        let old = links[index].engine.advertisement(udn: udn)
        var advertisement = advertisement
        if !links[index].socket.interface.address.isIPv4, advertisement.networkLocalState == nil {
            // UDA 2.0 annex A requires it there, and names the BOOTID as one that will do.
            advertisement.networkLocalState = "\(advertisement.bootID)"
        }
        var hasher = Hasher()
        hasher.combine(udn)
        hasher.combine(advertisement.bootID)
        var shared = SeededGenerator(seed: salt &+ UInt64(bitPattern: Int64(hasher.finalize())))
        // A link that a running device joins hears no byebye: those who hear several links would believe it.
        let isRunning = firstAnnounced[udn].map { now - $0 > Self.joining } ?? false
        guard
            links[index].engine.add(
                advertisement, byebyeFirst: isRunning ? false : nil, now: now, using: &shared)
        else { return false }
        if firstAnnounced.count > 4 * configuration.advertiser.maximumDevices { firstAnnounced.removeAll() }
        firstAnnounced[udn] = firstAnnounced[udn] ?? now
        configuration.ownTraffic.insert(udns: advertisement.root.allUDNs)
        if let old { configuration.ownTraffic.remove(udns: old.root.allUDNs) }
        return true
    }

    private mutating func remove(
        _ udn: String, fromLink index: Int, announceByebye: Bool, now: ContinuousClock.Instant
    ) {
        guard let old = links[index].engine.advertisement(udn: udn) else { return }
        links[index].engine.remove(udn: udn, announceByebye: announceByebye, now: now)
        configuration.ownTraffic.remove(udns: old.root.allUDNs)
    }

    private mutating func forgetWaiting(where matches: (Waiting) -> Bool) {
        for entry in waiting where matches(entry) {
            configuration.ownTraffic.remove(udns: entry.advertisement.root.allUDNs)
        }
        waiting.removeAll(where: matches)
    }
}

extension AdvertisedDevice {
    var allUDNs: [String] { [udn] + embedded.flatMap(\.allUDNs) }
}

extension Advertisement {
    /// The own address that the LOCATION names; nil for a name, and for an address that is on no link: such a
    /// device is announced on every link.
    fileprivate var host: IPAddress? {
        guard let scheme = location.firstRange(of: "://") else { return nil }
        let authority = location[scheme.upperBound...].prefix { $0 != "/" }
        let address =
            if authority.hasPrefix("[") {
                IPAddress(authority.dropFirst().prefix { $0 != "]" })
            } else {
                IPAddress(authority.prefix { $0 != ":" })
            }
        return address.flatMap { $0.isUnicastHost ? $0 : nil }
    }
}
