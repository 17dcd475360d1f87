/// One pair of RADAs that keep their device lists the same (RADASync:2 §2.5, RAArchitecture:2 §6): the machine of
/// either end. The tunnel, the documents and the clock are the caller's.
///
/// ```
///   waiting ──SetDDDLocation, description fetched──▶ introduced ──removal or silence──▶ (flushed, introduced)
/// ```
///
/// Invariants: after the first list only differences travel, one call at a time; what could not be told is told
/// again; a heartbeat runs exactly while the remote list is not empty.
package struct RADASyncPeer: Sendable {
    /// What is to be called at the peer. `ID` is the own RADA's UUID in each.
    package enum Call: Hashable, Sendable {
        case setDDDLocation(String)
        case add([RADADeviceInfo])
        case remove([RADADeviceInfo])
        case heartbeat
    }

    /// What the caller does next.
    package enum Output: Hashable, Sendable {
        /// Call, and report the outcome with ``callEnded(succeeded:now:)``.
        case call(Call)
        /// The remote network has these devices more, or in a new form.
        case added([RADADeviceInfo])
        /// The remote network lost these: byebye.
        case removed([String])
        /// SystemInfoUpdateID rises.
        case systemInfoChanged
    }

    /// RADASync's errors.
    package enum Failure: Int, Error, Hashable, Sendable {
        case unknownID = 701
        case invalidDeviceList = 702
        case dddNotFound = 703
    }

    /// The own RADA.
    package let own: String
    /// The own description, as the peer reaches it.
    package let ownLocation: String
    /// The peer's RADA; nil until it is known.
    package private(set) var peer: String?
    package private(set) var peerLocation = ""
    /// The remote network, by UUID in lower case.
    package private(set) var remote: [String: RADADeviceInfo] = [:]
    /// When HeartbeatUpdate is due.
    package private(set) var heartbeatAt: ContinuousClock.Instant?

    private var wanted: [String: RADADeviceInfo] = [:]
    private var told: [String: RADADeviceInfo] = [:]
    private var running: Call?
    private var introduces: Bool
    /// After a failure, the next attempt waits until then.
    private var retryAt: ContinuousClock.Instant?
    private var failures = 0
    private var isEnding = false

    /// Devices in one call, so that no message is large.
    package static let devicesPerCall = 64
    /// How long a failed call waits; doubled up to a minute.
    package static let retryDelay = Duration.seconds(2)

    /// - Parameters:
    ///   - introduces: Whether this end calls SetDDDLocation: the RAS's (RAArchitecture:2 §6.2).
    ///   - peer: The peer's RADA where it is known from the start.
    package init(own: String, ownLocation: String, introduces: Bool, peer: String? = nil) {
        self.own = RADAText.uuid(own) ?? own
        self.ownLocation = ownLocation
        self.introduces = introduces
        self.peer = peer.flatMap(RADAText.uuid)
    }

    /// `rada@heartbeat`: the lowest max-age of the remote devices, in seconds; nil for an empty network.
    package var heartbeat: Int? { remote.values.compactMap(\.maxAge).min() ?? (remote.isEmpty ? nil : 1_800) }

    /// When ``timerFired(now:)`` is wanted next.
    package var nextDeadline: ContinuousClock.Instant? {
        [running == nil && !isEnding ? heartbeatAt : nil, retryAt].compactMap(\.self).min()
    }

    // MARK: What the peer calls

    /// SetDDDLocation, after the caller fetched the description there.
    /// - Parameter found: The UUID of the RADiscoveryAgent in that description; nil when there was none.
    package mutating func setDDDLocation(
        _ location: String, id: String, found: String?, now: ContinuousClock.Instant
    ) throws(Failure) -> [Output] {
        guard let id = RADAText.uuid(id) else { throw .unknownID }
        if let peer, peer.lowercased() != id.lowercased() { throw .unknownID }
        guard let found, RADAText.uuid(found)?.lowercased() == id.lowercased() else { throw .dddNotFound }
        peer = id
        peerLocation = location
        heard(now)
        return [.systemInfoChanged] + next(now)
    }

    /// AddRemoteDevices. A device that is known is replaced.
    package mutating func addRemoteDevices(
        _ devices: [RADADeviceInfo], id: String, now: ContinuousClock.Instant
    ) throws(Failure) -> [Output] {
        try requirePeer(id)
        let known = Set(remote.keys).union(devices.map { $0.uuid.lowercased() })
        let uniform = devices.allSatisfy { !$0.descriptionDocument.isEmpty && ($0.credentials ?? []).isEmpty }
        guard !devices.isEmpty, uniform, known.count <= RemoteAccessDocumentLimits.devices else {
            throw .invalidDeviceList
        }
        var news: [RADADeviceInfo] = []
        for device in devices where remote.updateValue(device, forKey: device.uuid.lowercased()) != device {
            news.append(device)
        }
        heard(now)
        return news.isEmpty ? [] : [.added(news), .systemInfoChanged]
    }

    /// RemoveRemoteDevices. All of them are known, or none is removed.
    package mutating func removeRemoteDevices(
        _ devices: [RADADeviceInfo], id: String, now: ContinuousClock.Instant
    ) throws(Failure) -> [Output] {
        try requirePeer(id)
        let gone = devices.map { $0.uuid.lowercased() }
        guard !gone.isEmpty, gone.allSatisfy({ remote[$0] != nil }) else { throw .invalidDeviceList }
        let uuids = gone.compactMap { remote.removeValue(forKey: $0)?.uuid }
        heard(now)
        return [.removed(uuids), .systemInfoChanged]
    }

    /// HeartbeatUpdate.
    package mutating func heartbeatUpdate(id: String, now: ContinuousClock.Instant) throws(Failure) {
        try requirePeer(id)
        heard(now)
    }

    private func requirePeer(_ id: String) throws(Failure) {
        guard let peer, RADAText.uuid(id)?.lowercased() == peer.lowercased() else { throw .unknownID }
    }

    /// Whatever the peer says restarts the heartbeat.
    private mutating func heard(_ now: ContinuousClock.Instant) {
        heartbeatAt = heartbeat.map { now + .seconds(max(1, $0)) }
    }

    // MARK: What the own network does

    /// The devices that this peer may know of: what the export filter and the policy let out.
    package mutating func export(_ devices: [RADADeviceInfo], now: ContinuousClock.Instant) -> [Output] {
        guard !isEnding else { return [] }
        wanted = Dictionary(devices.map { ($0.uuid.lowercased(), $0) }) { first, _ in first }
        return next(now)
    }

    /// The call that was made has ended.
    package mutating func callEnded(succeeded: Bool, now: ContinuousClock.Instant) -> [Output] {
        guard let call = running else { return [] }
        running = nil
        guard succeeded else { return failed(call, now) }
        failures = 0
        retryAt = nil
        switch call {
        case .setDDDLocation: introduces = false
        case .add(let devices): for device in devices { told[device.uuid.lowercased()] = device }
        case .remove(let devices): for device in devices { told[device.uuid.lowercased()] = nil }
        case .heartbeat: break
        }
        heard(now)
        return next(now)
    }

    /// No answer to a heartbeat flushes the remote network at once; read literally the standard's pseudo-code would
    /// flush while it waits, which is an error of editing (RADASync:2 §2.6).
    private mutating func failed(_ call: Call, _ now: ContinuousClock.Instant) -> [Output] {
        if case .heartbeat = call { return flush() }
        if isEnding {
            told = [:]
            return []
        }
        failures += 1
        retryAt = now + min(.seconds(60), Self.retryDelay * (1 << min(failures - 1, 5)))
        return []
    }

    /// The tunnel is gone: the remote network is, too, and everything is told anew over the next one.
    package mutating func disconnected() -> [Output] {
        running = nil
        told = [:]
        retryAt = nil
        return flush()
    }

    private mutating func flush() -> [Output] {
        heartbeatAt = nil
        guard !remote.isEmpty else { return [] }
        let uuids = remote.values.map(\.uuid).sorted()
        remote = [:]
        return [.removed(uuids), .systemInfoChanged]
    }

    /// A deadline has come.
    package mutating func timerFired(now: ContinuousClock.Instant) -> [Output] {
        if let retryAt, retryAt <= now {
            self.retryAt = nil
            let outputs = next(now)
            if !outputs.isEmpty { return outputs }
        }
        guard running == nil, !isEnding, let heartbeatAt, heartbeatAt <= now else { return [] }
        self.heartbeatAt = nil
        running = .heartbeat
        return [.call(.heartbeat)]
    }

    /// The next difference, if nothing is on its way.
    private mutating func next(_ now: ContinuousClock.Instant) -> [Output] {
        guard running == nil, retryAt == nil else { return [] }
        guard let call = difference() else { return [] }
        running = call
        return [.call(call)]
    }

    private func difference() -> Call? {
        if isEnding, told.isEmpty { return nil }
        // An end that introduces itself says so first; the other waits until it knows whom it talks to.
        if introduces { return .setDDDLocation(ownLocation) }
        guard peer != nil else { return nil }
        let gone = told.keys.filter { wanted[$0] == nil }.sorted().prefix(Self.devicesPerCall)
        if !gone.isEmpty { return .remove(gone.compactMap { told[$0] }) }
        let news = wanted.keys.filter { told[$0] != wanted[$0] }.sorted().prefix(Self.devicesPerCall)
        return news.isEmpty ? nil : .add(news.compactMap { wanted[$0] })
    }

    /// An orderly end begins: everything that was told is taken back, and nothing is told any more. A call that fails now
    /// is not made again.
    package mutating func beginFarewell(now: ContinuousClock.Instant) -> [Output] {
        isEnding = true
        wanted = [:]
        retryAt = nil
        return next(now)
    }

    /// Whether the peer knows nothing any more, or would not listen.
    package var hasSaidFarewell: Bool { isEnding && running == nil && told.isEmpty }
}
