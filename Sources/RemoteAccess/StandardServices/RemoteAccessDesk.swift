import AccessPolicy
package import Logging
import Synchronization
package import TrustCore
package import UPnP

/// What the Remote Access services are set to: filters, virtual devices, dynamic name, STUN server.
///
/// Read by every decision without waiting; changed one change at a time, and durable before it is acknowledged.
package final class RemoteAccessDesk: Sendable {
    /// What is in force.
    package struct Settings: Sendable {
        package var filters: RADAFilterBook
        package var virtualDevices: [ListedVirtualDevice] = []
        package var dynamicDNS: DynamicDNSConfiguration?
        package var stunServer = ""
        /// SystemInfoUpdateID: begins anew with each start, wraps at 2^32 (RADAConfig:2 §2.3.2).
        package var updateID: UInt32 = 0
        /// The networks that are connected, by session.
        package var networks: [String: RADASystemInfo.RemoteNetwork] = [:]
    }

    /// The own RADA's UUID: it follows from the gateway's, and is that of the RADiscoveryAgent on the tunnel.
    package let uuid: String
    private let store: any RemoteAccessStore
    private let logger: Logger
    private let state: Mutex<Settings>
    private let watchers = Mutex<[Int: AsyncStream<Void>.Continuation]>([:])
    private let changes = DeskChanges()

    private init(uuid: String, store: any RemoteAccessStore, settings: Settings, logger: Logger) {
        self.uuid = uuid
        self.store = store
        self.logger = logger
        self.state = Mutex(settings)
    }

    /// Loads what was set. A document that cannot be read stops the gateway from starting, because going on without
    /// a filter would show what it hides.
    package static func load(
        gatewayUDN: String, from store: any RemoteAccessStore, logger: Logger
    ) async throws -> RemoteAccessDesk {
        let udn = VirtualDevices.derived("RADiscoveryAgent", below: gatewayUDN)
        let uuid = RADAText.uuid(udn) ?? udn
        var settings = Settings(filters: RADAFilterBook(own: uuid))
        do {
            if case .filterList(let list)? = try await dads(.filters, store) {
                settings.filters = try RADAFilterBook(own: uuid, restoring: list)
            }
            if case .virtualDeviceList(let list)? = try await dads(.virtualDevices, store) {
                settings.virtualDevices = list
            }
            let names = try await store.remoteAccessDocument(.dynamicDNS).bytes
            if !names.isEmpty { settings.dynamicDNS = try DynamicDNSConfiguration(parsing: names) }
        } catch let error where !(error is StoreError) {
            throw StoreError(.damaged, "the stored settings of Remote Access cannot be read: \(error)")
        }
        settings.stunServer = String(decoding: try await store.remoteAccessDocument(.stunServer).bytes, as: UTF8.self)
        return RemoteAccessDesk(uuid: uuid, store: store, settings: settings, logger: logger)
    }

    private static func dads(
        _ name: RemoteAccessDocumentName, _ store: any RemoteAccessStore
    ) async throws -> DADSDocument? {
        let bytes = try await store.remoteAccessDocument(name).bytes
        return bytes.isEmpty ? nil : try DADSDocument(parsing: bytes)
    }

    /// What is in force.
    package var settings: Settings { state.withLock { $0 } }

    /// Whether RADAConfig's export filter lets a device out to a client. The credential's name is the client's id:
    /// it outlives the certificates, which are renewed.
    package func exports(_ udn: String, to subject: SubjectID) -> Bool {
        state.withLock { $0.filters.exports(udn, to: subject.rawValue) }
    }

    // MARK: Changes

    /// EditFilter.
    func edit(_ filters: [RADAFilter]) async throws {
        try await changes.one {
            var book = self.settings.filters
            try book.edit(filters, known: Set(self.settings.networks.values.map(\.uuid)))
            try await self.write(.filters, DADSDocument.filterList(book.filterList).serialized())
            self.take { $0.filters = book }
        }
    }

    /// Adds a virtual device.
    func add(_ device: ListedVirtualDevice) async throws {
        try await changes.one {
            var all = self.settings.virtualDevices
            guard all.count < VirtualDevices.maximumCount else {
                throw UPnPFault(
                    .outOfMemory, description: "There are \(all.count) virtual devices, which is the limit.")
            }
            all.append(device)
            try await self.write(.virtualDevices, DADSDocument.virtualDeviceList(all).serialized())
            self.take { $0.virtualDevices = all }
        }
    }

    /// Removes a virtual device; false when there is none of that id.
    func removeVirtualDevice(_ id: String) async throws -> Bool {
        try await changes.one {
            var all = self.settings.virtualDevices
            guard let index = all.firstIndex(where: { $0.id.lowercased() == id.lowercased() }) else { return false }
            all.remove(at: index)
            try await self.write(.virtualDevices, DADSDocument.virtualDeviceList(all).serialized())
            self.take { $0.virtualDevices = all }
            return true
        }
    }

    /// SetDynamicDNSConfigInfo.
    func set(_ configuration: DynamicDNSConfiguration) async throws {
        try await changes.one {
            try await self.write(.dynamicDNS, configuration.serialized())
            self.state.withLock { $0.dynamicDNS = configuration }
        }
    }

    /// SetSTUNServerAddress.
    func setSTUNServer(_ address: String) async throws {
        try await changes.one {
            try await self.write(.stunServer, address)
            self.state.withLock { $0.stunServer = address }
        }
    }

    private func write(_ name: RemoteAccessDocumentName, _ text: String) async throws {
        let stored = try await store.remoteAccessDocument(name)
        _ = try await store.replaceRemoteAccessDocument(name, with: Array(text.utf8), expecting: stored.revision)
    }

    // MARK: SystemInfoUpdateID

    /// A remote network came, went or changed.
    func network(_ session: String, is network: RADASystemInfo.RemoteNetwork?) {
        take { $0.networks[session] = network }
    }

    private func take(_ change: (inout Settings) -> Void) {
        state.withLock { settings in
            change(&settings)
            settings.updateID &+= 1
        }
        for watcher in watchers.withLock({ Array($0.values) }) { watcher.yield() }
    }

    /// An element for each change of what SystemInfo says, the newest only for a slow reader, and one to begin with.
    func systemInfoChanges() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = watchers.withLock { watchers in
            let id = (watchers.keys.max() ?? 0) + 1
            watchers[id] = continuation
            return id
        }
        continuation.onTermination = { [weak self] _ in _ = self?.watchers.withLock { $0.removeValue(forKey: id) } }
        continuation.yield()
        return stream
    }
}

/// One change at a time: what is read, decided and written belongs together.
private actor DeskChanges {
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func one<Value: Sendable>(_ change: @Sendable () async throws -> Value) async throws -> Value {
        if isBusy { await withCheckedContinuation { waiting.append($0) } }
        isBusy = true
        defer {
            if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
        }
        return try await change()
    }
}
