internal import NetworkTypes

/// What the catalogue remembers of one device beyond what each link's directory knows.
struct CatalogueEntry: Sendable {
    /// What a link said last.
    struct Said: Hashable, Sendable {
        var bootID: UInt32?
        var configID: UInt32?

        init(_ path: DiscoveredDevice) {
            self.bootID = path.bootID
            self.configID = path.configID
        }
    }

    /// What something heard on one link means for the device as a whole.
    enum News: Hashable, Sendable {
        case nothing, relocated, rebooted, reconfigured
    }

    /// The link whose path is in use.
    private(set) var link: InterfaceAddress
    private var location: String
    private var source: IPAddress
    /// The run that the device is in.
    private(set) var bootID: UInt32?
    private var configID: UInt32?
    private var said: [InterfaceAddress: Said] = [:]
    /// The run before this one, which a link that fell behind may still speak of.
    private var previous: UInt32?
    /// When it is decided which run the device is in, because the links do not agree. A link that heard a larger
    /// BOOTID first may yet see another hear that the same run goes on under it; a link that is left alone with
    /// another BOOTID may yet hear of the run that others told.
    private(set) var doubtUntil: ContinuousClock.Instant?
    private var isDoubtOfLater = false

    /// Begins with the path that is heard first.
    init(_ path: DiscoveredDevice) {
        self.link = path.interface
        self.location = path.location
        self.source = path.source
        self.bootID = path.bootID
        self.configID = path.configID
        self.said[path.interface] = Said(path)
    }

    /// Whether `path` says something that has not been looked at.
    func isNews(_ path: DiscoveredDevice) -> Bool { said[path.interface] != Said(path) }

    /// Something changed on `link`; `paths` are all that there are after it, the preferred ones first, and not
    /// none. `isSameRun`: a BOOTID that changed was announced by `ssdp:update`.
    mutating func hear(
        on link: InterfaceAddress, paths: [DiscoveredDevice], isSameRun: Bool, now: ContinuousClock.Instant,
        limits: DeviceDirectoryLimits
    ) -> News {
        let before = said[link]
        let here = paths.first { $0.interface == link }
        said[link] = here.map { Said($0) }
        if let here, let next = here.bootID, next != bootID {
            let isAhead = bootID.map { next > $0 } ?? true
            if bootID == nil {
                bootID = next
            } else if let before, before.bootID != next, before.bootID == bootID || isAhead {
                // A link that fell behind says what others have said before it; that is no news.
                guard isSameRun else { return restart(as: next, paths: paths) }
                previous = bootID
                bootID = next
            }
        }
        let news = settle(before: before, here: here, paths: paths)
        reconsider(paths, now: now, limits: limits)
        return news
    }

    /// Decides what is in doubt, when its time has come.
    mutating func decide(paths: [DiscoveredDevice], now: ContinuousClock.Instant) -> News {
        guard let doubtUntil, doubtUntil <= now else { return .nothing }
        self.doubtUntil = nil
        if let later = later(paths) { return restart(as: later, paths: paths) }
        guard !isSaid(paths), let left = paths.first(where: { $0.interface == link })?.bootID else { return .nothing }
        return restart(as: left, paths: paths)
    }

    private mutating func reconsider(
        _ paths: [DiscoveredDevice], now: ContinuousClock.Instant, limits: DeviceDirectoryLimits
    ) {
        let isOfLater = later(paths) != nil
        guard isOfLater || !isSaid(paths) else {
            doubtUntil = nil
            return
        }
        // Long enough for an update to come, or for whoever was asked to answer.
        if doubtUntil == nil || isDoubtOfLater != isOfLater {
            doubtUntil = now + limits.reorderWindow + (isOfLater ? .zero : limits.verificationTime)
        }
        isDoubtOfLater = isOfLater
    }

    /// The largest BOOTID beyond the device's own.
    private func later(_ paths: [DiscoveredDevice]) -> UInt32? {
        paths.compactMap(\.bootID).filter { $0 > bootID ?? .max && $0 != previous }.max()
    }

    /// Whether any path is of the run that the device is in.
    private func isSaid(_ paths: [DiscoveredDevice]) -> Bool { paths.contains { !differ($0.bootID, bootID) } }

    private mutating func restart(as next: UInt32, paths: [DiscoveredDevice]) -> News {
        previous = bootID
        bootID = next
        doubtUntil = nil
        let current = paths.filter { !differ($0.bootID, next) }
        if let path = current.first(where: { $0.interface == link }) ?? current.first ?? paths.first { use(path) }
        return .rebooted
    }

    private mutating func settle(before: Said?, here: DiscoveredDevice?, paths: [DiscoveredDevice]) -> News {
        guard let used = paths.first(where: { $0.interface == link }) else {
            guard let other = paths.first(where: { !differ($0.bootID, bootID) }) ?? paths.first else { return .nothing }
            use(other)
            return .relocated
        }
        if used.location != location || used.source != source {
            use(used)
            return .relocated
        }
        guard let here, let next = here.configID, next != configID else { return .nothing }
        guard let known = configID else {
            configID = next
            return .nothing
        }
        guard here.interface == link || before?.configID == known, before != Said(here) else { return .nothing }
        configID = next
        return .reconfigured
    }

    private mutating func use(_ path: DiscoveredDevice) {
        link = path.interface
        location = path.location
        source = path.source
        bootID = bootID ?? path.bootID
        configID = path.configID ?? configID
    }

    /// The device as it is told of; nil when the path in use is not among `paths`.
    func device(of paths: [DiscoveredDevice]) -> DiscoveredDevice? {
        guard var device = paths.first(where: { $0.interface == link }) else { return nil }
        device.bootID = bootID
        device.configID = configID
        for path in paths where path.interface != link {
            device.otherPaths.append(path.path)
            device.embedded.formUnion(path.embedded)
            device.expires = max(device.expires, path.expires)
        }
        return device
    }
}
