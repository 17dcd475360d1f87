package import AccessPolicy
package import NIOUPnP
package import NetworkTypes
import Synchronization
package import UPnP

/// A root device of the home with what every request about it needs, worked out once.
package struct KnownDevice: Sendable {
    package let device: RootDevice
    /// Rises with each description of this UDN.
    package let revision: Int
    package let services: [HomeService]
    /// The root and everything below it.
    package let facts: DeviceFacts
    /// What a virtual device is made of; empty for every other. All of them are devices at home.
    package let parts: [KnownDevice]

    package var udn: String { device.udn }

    package var name: String { device.description.device.friendlyName }

    /// The address that the device was discovered at; nothing of it is looked for elsewhere.
    package var address: IPAddress? { device.location.ipAddress }

    /// Every address at which something of it is: its own, or those of its parts.
    package var addresses: [IPAddress] {
        parts.isEmpty ? [address].compactMap(\.self) : parts.flatMap(\.addresses)
    }

    package init(_ device: RootDevice, revision: Int, parts: [KnownDevice] = []) {
        self.parts = parts
        self.device = device
        self.revision = revision
        let root = device.description.device
        self.services = root.allDevices.flatMap { inner in
            inner.services.compactMap { HomeService($0, of: inner, base: device.base) }
        }
        self.facts = DeviceFacts(
            udn: device.udn, name: root.friendlyName, deviceType: root.deviceType,
            embeddedTypes: root.allDevices.dropFirst().map(\.deviceType),
            serviceTypes: root.allDevices.flatMap { $0.services.map(\.serviceType) })
    }

    /// The service whose control URL this is.
    package func service(controlledAt url: HTTPURL) -> HomeService? {
        services.first { $0.controlURL == url }
    }

    /// The service whose event URL this is.
    package func service(eventedAt url: HTTPURL) -> HomeService? {
        services.first { $0.eventSubURL == url }
    }

    /// The service whose SCPD this is.
    package func service(describedAt url: HTTPURL) -> HomeService? {
        services.first { $0.scpdURL == url }
    }
}

/// A service of a home device with its URLs resolved.
package struct HomeService: Sendable {
    package let serviceType: String
    package let serviceID: String
    package let scpdURL: HTTPURL?
    package let controlURL: HTTPURL
    package let eventSubURL: HTTPURL?

    /// Nil when the description has no usable control URL for it.
    init?(_ service: ServiceDescription, of device: DeviceDescription, base: HTTPURL) {
        guard let control = base.resolving(service.controlURL) else { return nil }
        self.serviceType = service.serviceType
        self.serviceID = service.serviceID
        self.scpdURL = base.resolving(service.scpdURL)
        self.controlURL = control
        self.eventSubURL = service.eventSubURL.isEmpty ? nil : base.resolving(service.eventSubURL)
    }
}

/// The home's devices as every exchange sees them: read without waiting, changed in one place.
package final class HomeDirectory: Sendable {
    /// What became of the table.
    package enum Change: Sendable {
        case appeared(KnownDevice)
        case changed(KnownDevice)
        case disappeared(KnownDevice)
    }

    private struct State {
        var devices: [String: KnownDevice] = [:]
        var revisions: [String: Int] = [:]
        var version = 0

        /// Puts a device into the table under a revision of its own.
        mutating func enter(_ device: RootDevice, parts: [KnownDevice] = []) -> Change {
            let revision = (revisions[device.udn] ?? 0) + 1
            // The table of revisions outlives devices, so that one which returns is not mistaken for
            // its old self; it is cleared when it grows past any home's size.
            if revisions.count > 4_096 { revisions = [:] }
            revisions[device.udn] = revision
            let entry = KnownDevice(device, revision: revision, parts: parts)
            let known = devices.updateValue(entry, forKey: device.udn) != nil
            return known ? .changed(entry) : .appeared(entry)
        }
    }

    private let state = Mutex(State())

    package init() {}

    /// The devices, ordered by name.
    package var devices: [KnownDevice] {
        state.withLock { Array($0.devices.values) }.sorted { ($0.name, $0.udn) < ($1.name, $1.udn) }
    }

    /// Counts the changes of the table.
    package var version: Int { state.withLock { $0.version } }

    /// The root device with this UDN.
    package func device(udn: String) -> KnownDevice? {
        state.withLock { $0.devices[udn] }
    }

    /// What is known of the devices has not changed, but what is decided about them may have.
    package func decisionsChanged() { state.withLock { $0.version += 1 } }

    /// Takes over what the control point saw.
    package func apply(_ change: DeviceChange) -> Change? {
        state.withLock { state in
            state.version += 1
            switch change {
            case .appeared(let device) where device.isMirrored, .changed(let device) where device.isMirrored:
                // What a network is shown of another one goes no further (design invariant 7).
                return state.devices.removeValue(forKey: device.udn).map { .disappeared($0) }
            case .appeared(let device), .changed(let device):
                return state.enter(device)
            case .disappeared(let udn, _):
                return state.devices.removeValue(forKey: udn).map { .disappeared($0) }
            }
        }
    }

    /// Makes the virtual devices anew of what is at home, those that are ordered and no other. Answers what became of
    /// them, which is nothing for those that stay as they are.
    package func refreshVirtualDevices(_ ordered: [ListedVirtualDevice]) -> [Change] {
        state.withLock { state in
            let home = state.devices.values.filter { $0.parts.isEmpty }.sorted { $0.udn < $1.udn }
            var made: [String: KnownDevice] = [:]
            for order in ordered {
                made[order.id] = VirtualDevices.make(order.description, udn: order.id, home: home)
            }
            let gone = state.devices.values.filter { !$0.parts.isEmpty && made[$0.udn] == nil }
            let news = made.values.filter { device in
                guard let known = state.devices[device.udn] else { return true }
                return known.device != device.device
                    || known.parts.map(\.revision) != device.parts.map(\.revision)
            }
            guard !gone.isEmpty || !news.isEmpty else { return [] }
            state.version += 1
            for device in gone { state.devices[device.udn] = nil }
            return gone.map { .disappeared($0) } + news.map { state.enter($0.device, parts: $0.parts) }
        }
    }
}

extension RootDevice {
    /// Whether an away client announces it in place of the device itself.
    fileprivate var isMirrored: Bool { server.contains("Latchkey-Mirror/") }
}
