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

    package var udn: String { device.udn }

    package var name: String { device.description.device.friendlyName }

    /// The address that the device was discovered at; nothing of it is looked for elsewhere.
    package var address: IPAddress? { device.location.ipAddress }

    package init(_ device: RootDevice, revision: Int) {
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

    /// Takes over what the control point saw.
    package func apply(_ change: DeviceChange) -> Change? {
        state.withLock { state in
            state.version += 1
            switch change {
            case .appeared(let device) where device.isMirrored, .changed(let device) where device.isMirrored:
                // What a network is shown of another one goes no further (design invariant 7).
                return state.devices.removeValue(forKey: device.udn).map { .disappeared($0) }
            case .appeared(let device), .changed(let device):
                let revision = (state.revisions[device.udn] ?? 0) + 1
                // The table of revisions outlives devices, so that one which returns is not mistaken for
                // its old self; it is cleared when it grows past any home's size.
                if state.revisions.count > 4_096 { state.revisions = [:] }
                state.revisions[device.udn] = revision
                let entry = KnownDevice(device, revision: revision)
                let known = state.devices.updateValue(entry, forKey: device.udn) != nil
                return known ? .changed(entry) : .appeared(entry)
            case .disappeared(let udn, _):
                return state.devices.removeValue(forKey: udn).map { .disappeared($0) }
            }
        }
    }
}

extension RootDevice {
    /// Whether an away client announces it in place of the device itself.
    fileprivate var isMirrored: Bool { server.contains("Latchkey-Mirror/") }
}
