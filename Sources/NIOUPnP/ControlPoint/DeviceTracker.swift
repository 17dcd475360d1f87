import Logging
import NetworkTypes
import Synchronization
import UPnP

/// Turns what discovery hears into devices with descriptions, and keeps them until they are gone.
actor DeviceTracker {
    private struct Entry {
        var fetch: Task<Void, Never>?
        /// Tells a fetch that another one has replaced it.
        var generation = 0
    }

    private let configuration: ControlPointConfiguration
    private let fetcher: DeviceFetcher
    private let links: OwnLinks
    private let attempts = FirstAttempts()
    private let logger: Logger
    private let broadcaster: StreamBroadcaster<DeviceChange>
    /// The devices that are known and described; changes are told while it is locked, so that none is missed.
    private let published = Mutex<[String: RootDevice]>([:])
    private let updated: @Sendable (Update) async -> Void
    private var entries: [String: Entry] = [:]
    private var running = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// What concerns the subscriptions of a device.
    enum Update: Sendable {
        /// Its description has been read again; with `hasRestarted` it knows no subscription any more.
        case described(RootDevice, hasRestarted: Bool)
        /// It is gone.
        case gone(udn: String)
    }

    /// - Parameter updated: Told before the change is published.
    init(
        configuration: ControlPointConfiguration, fetcher: DeviceFetcher, links: OwnLinks, logger: Logger,
        updated: @escaping @Sendable (Update) async -> Void
    ) {
        self.configuration = configuration
        self.fetcher = fetcher
        self.links = links
        self.logger = logger
        self.broadcaster = StreamBroadcaster(buffer: configuration.ssdp.streamBuffer)
        self.updated = updated
    }

    /// The devices whose descriptions have been read, in the order of their UDNs.
    nonisolated var devices: [RootDevice] { published.withLock { Self.sorted($0) } }

    /// The root device of that UDN.
    nonisolated func device(udn: String) -> RootDevice? { published.withLock { $0[udn] } }

    /// Returns when the descriptions that are being asked for the first time have been read, or not.
    nonisolated func settle() async { await attempts.settle() }

    /// A new stream: first `.appeared` for each known device, then each change.
    nonisolated var changes: AsyncStream<DeviceChange> {
        published.withLock { broadcaster.stream(startingWith: Self.sorted($0).map { .appeared($0) }) }
    }

    private static func sorted(_ devices: [String: RootDevice]) -> [RootDevice] {
        devices.values.sorted { $0.udn < $1.udn }
    }

    /// Takes a change that discovery reports.
    func handle(_ change: DeviceDirectory.Change) async {
        switch change {
        case .appeared(let device), .relocated(let device), .reconfigured(let device):
            fetch(device, hasRestarted: false)
        case .rebooted(let device):
            fetch(device, hasRestarted: true)
        case .embeddedDisappeared:
            // Its root has changed its description and says so with another CONFIGID, or with a byebye.
            break
        case .disappeared(let udn, let reason):
            entries.removeValue(forKey: udn)?.fetch?.cancel()
            attempts.end(udn)
            await updated(.gone(udn: udn))
            published.withLock { devices in
                guard devices.removeValue(forKey: udn) != nil else { return }
                broadcaster.yield(.disappeared(udn: udn, reason: reason.words))
            }
        }
    }

    /// Forgets everything; nothing is told afterwards.
    func stop() {
        for entry in entries.values { entry.fetch?.cancel() }
        attempts.endAll()
        entries = [:]
        published.withLock { $0 = [:] }
        broadcaster.finish()
    }

    private func fetch(_ device: DiscoveredDevice, hasRestarted: Bool) {
        var entry = entries[device.udn] ?? Entry()
        entry.fetch?.cancel()
        entry.generation += 1
        let generation = entry.generation
        attempts.begin(device.udn)
        // Unstructured because a later announcement replaces it; `stop` and the device's end cancel it.
        entry.fetch = Task { await self.fetch(device, generation: generation, hasRestarted: hasRestarted) }
        entries[device.udn] = entry
    }

    private func fetch(_ device: DiscoveredDevice, generation: Int, hasRestarted: Bool) async {
        var delay = configuration.firstRetry
        // A device that is there and not shown is what its owner looks for in the log, once.
        var level = Logger.Level.warning
        while !Task.isCancelled {
            do {
                await acquire()
                defer { release() }
                let root = try await read(device)
                return await publish(root, generation: generation, hasRestarted: hasRestarted)
            } catch {
                logger.log(
                    level: Task.isCancelled ? .debug : level, "a device's description could not be read",
                    metadata: ["ssdp.udn": "\(device.udn)", "error": "\(error)"])
                level = .debug
                if entries[device.udn]?.generation == generation { attempts.end(device.udn) }
            }
            do { try await Task.sleep(for: delay) } catch { return }
            delay = min(delay * 2, configuration.lastRetry)
        }
    }

    private func read(_ device: DiscoveredDevice) async throws -> RootDevice {
        let way = try links.way(to: device)
        let identity = device.configID.map { DeviceConfiguration(udn: device.udn, configID: $0) }
        let fetched = try await fetcher.description(at: way.location, peer: way.peer, of: identity)
        guard fetched.description.device.udn.lowercased() == device.udn.lowercased() else {
            throw ControlPointError(
                .malformed, "\(way.location) describes \(fetched.description.device.udn) and not \(device.udn)."
            )
        }
        // The UDN as announced: it is what the device's end will be told under.
        var root = RootDevice(
            udn: device.udn, location: way.location, fetched: fetched, interface: way.link, maxAge: device.maxAge,
            server: device.server, bootID: device.bootID, configID: device.configID
        )
        root.setSecureLocation(device.paths.first { HTTPURL($0.location) == way.location }?.secureLocation)
        return root
    }

    private func publish(_ root: RootDevice, generation: Int, hasRestarted: Bool) async {
        guard entries[root.udn]?.generation == generation else { return }
        await updated(.described(root, hasRestarted: hasRestarted))
        guard entries[root.udn]?.generation == generation else { return }
        entries[root.udn]?.fetch = nil
        published.withLock { devices in
            let isNew = devices.updateValue(root, forKey: root.udn) == nil
            broadcaster.yield(isNew ? .appeared(root) : .changed(root))
        }
        attempts.end(root.udn)
    }

    private func acquire() async {
        if running < configuration.fetches { return running += 1 }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func release() {
        if waiting.isEmpty { running -= 1 } else { waiting.removeFirst().resume() }
    }
}

extension DeviceDirectory.DisappearanceReason {
    fileprivate var words: String {
        switch self {
        case .byebye: "byebye"
        case .expired: "not heard for its max-age"
        case .interfaceLost: "the interface lost its address"
        }
    }
}
