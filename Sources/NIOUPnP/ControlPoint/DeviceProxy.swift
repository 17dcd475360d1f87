public import UPnP

/// A device on the network, root or embedded, with the control point that drives it.
///
/// A value: what it tells is what was known when it was made. What it does, it does with what is known by then:
/// a device that has moved is reached where it is.
public struct DeviceProxy: Sendable {
    /// The root device that it is, or that it is embedded in.
    public let root: RootDevice
    /// What the device says of itself.
    public let description: DeviceDescription
    /// The control point that found it.
    public let controlPoint: ControlPoint

    /// Makes a proxy of a root device.
    public init(_ root: RootDevice, controlPoint: ControlPoint) {
        self.init(root, description: root.description.device, controlPoint: controlPoint)
    }

    /// Makes a proxy of a device that is the root or embedded in it.
    package init(_ root: RootDevice, description: DeviceDescription, controlPoint: ControlPoint) {
        self.root = root
        self.description = description
        self.controlPoint = controlPoint
    }

    /// The unique device name, `uuid:…`.
    public var udn: String { description.udn }
    /// The name for people.
    public var friendlyName: String { description.friendlyName }
    /// Such as `urn:schemas-upnp-org:device:MediaServer:1`.
    public var deviceType: String { description.deviceType }
    /// Whether it is embedded in no other.
    public var isRoot: Bool { udn == root.description.device.udn }
    /// The devices that are embedded in it directly.
    public var embeddedDevices: [DeviceProxy] {
        description.devices.map { DeviceProxy(root, description: $0, controlPoint: controlPoint) }
    }

    /// The device's page for people, if that is on the device itself.
    public var presentationURL: HTTPURL? { description.presentationURL.flatMap { root.resolve($0) } }

    /// Its own services, and then those of the devices embedded in it.
    public var services: [ServiceProxy] {
        let resolved = root.services
        return description.allDevices.flatMap { device in
            resolved.filter { $0.udn == device.udn }.map { service in
                ServiceProxy(
                    device: DeviceProxy(root, description: device, controlPoint: controlPoint), description: service)
            }
        }
    }

    /// The service of that type, identifier or short name.
    ///
    /// A type matches in any version, `SwitchPower` what is called so in a type or identifier. The device's own
    /// services come before those of embedded devices.
    ///
    /// - Throws: ``ControlPointError`` with the services that there are, when there is none or several are meant.
    public func service(_ name: String) throws(ControlPointError) -> ServiceProxy {
        let services = services
        let chosen = try ServiceChoice.service(
            name, among: services.map(\.description), ofDevice: udn, named: friendlyName)
        // The choice is one of them, so that the fallback is never taken.
        return services.first { $0.description == chosen } ?? ServiceProxy(device: self, description: chosen)
    }
}

extension DeviceProxy: Hashable {
    /// Whether both are the same device, as known at the same time.
    public static func == (left: DeviceProxy, right: DeviceProxy) -> Bool {
        left.root == right.root && left.description == right.description
    }

    /// By the UDN.
    public func hash(into hasher: inout Hasher) { hasher.combine(udn) }
}

/// Finds the service that a person means. Pure.
package enum ServiceChoice {
    /// The service, of the device of that UDN before those of others.
    package static func service(
        _ name: String, among services: [DeviceService], ofDevice udn: String, named device: String
    ) throws(ControlPointError) -> DeviceService {
        let ranks: [(DeviceService) -> Bool] = [
            { $0.serviceID == name },
            { $0.serviceType == name },
            { RootDevice.unversioned($0.serviceType) == RootDevice.unversioned(name) },
            { words(of: $0).contains(name.lowercased()) },
        ]
        for matches in ranks {
            let found = services.filter(matches)
            if found.count == 1 { return found[0] }
            let own = found.filter { $0.udn == udn }
            if own.count == 1 { return own[0] }
            guard found.isEmpty else {
                throw ControlPointError(
                    .noSuchService,
                    "“\(name)” means several services; name one by its identifier: "
                        + found.map(\.serviceID).joined(separator: ", ")
                )
            }
        }
        let names = services.map { shortName($0.serviceType) }.joined(separator: ", ")
        throw ControlPointError(
            .noSuchService, "“\(device)” has no service “\(name)”; it has: \(names.isEmpty ? "none" : names)"
        )
    }

    /// `AVTransport` of `urn:schemas-upnp-org:service:AVTransport:1`.
    package static func shortName(_ type: String) -> String {
        let parts = type.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count >= 5 ? String(parts[3]) : type
    }

    private static func words(of service: DeviceService) -> [String] {
        let parts = service.serviceType.split(separator: ":", omittingEmptySubsequences: false)
        var words = [shortName(service.serviceType)]
        if parts.count >= 5 { words.append(parts[3...].joined(separator: ":")) }
        if let last = service.serviceID.split(separator: ":").last { words.append(String(last)) }
        return words.map { $0.lowercased() }
    }
}
