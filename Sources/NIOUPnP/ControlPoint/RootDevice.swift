public import NetworkTypes
public import UPnP

/// A root device on the link, with its description as read and checked.
public struct RootDevice: Hashable, Sendable {
    /// The root device's UDN, `uuid:…`.
    public var udn: String
    /// Where the description was read from: an `http` URL whose host is the announcer's own address.
    public var location: HTTPURL
    /// The description.
    public var description: RootDescription
    /// What the description's URLs are relative to.
    public var base: HTTPURL
    /// The interface that heard the device.
    public var interface: InterfaceAddress
    /// How long its announcements count, seconds.
    public var maxAge: Int
    /// `SERVER` of its announcements.
    public var server: String
    /// BOOTID, when the device sends one.
    public var bootID: UInt32?
    /// CONFIGID, when the device sends one.
    public var configID: UInt32?
    /// Where the device's DIAL applications are, if it says so and that is on the device itself (DIAL 2.2.1 §5.4).
    public var applicationURL: HTTPURL?

    /// Where the description is over HTTPS, for a device with DeviceProtection: at the device's own address. Without
    /// TLS nothing of it can be trusted, not even that it is the same device's.
    public var secureLocation: HTTPURL?

    /// Makes a device; `location` has been checked.
    public init(
        udn: String, location: HTTPURL, description: RootDescription, base: HTTPURL, interface: InterfaceAddress,
        maxAge: Int = 1800, server: String = "", bootID: UInt32? = nil, configID: UInt32? = nil
    ) {
        self.udn = udn
        self.location = location
        self.description = description
        self.base = base
        self.interface = interface
        self.maxAge = maxAge
        self.server = server
        self.bootID = bootID
        self.configID = configID
    }

    init(
        udn: String, location: HTTPURL, fetched: FetchedDescription, interface: InterfaceAddress, maxAge: Int = 1800,
        server: String = "", bootID: UInt32? = nil, configID: UInt32? = nil
    ) {
        self.init(
            udn: udn, location: location, description: fetched.description,
            base: fetched.description.base(from: fetched.url), interface: interface, maxAge: maxAge, server: server,
            bootID: bootID, configID: configID)
        applicationURL = fetched.applicationURL.flatMap { resolve($0) }
    }

    /// Takes over what was announced as SECURELOCATION, if it leads to the device's own address.
    mutating func setSecureLocation(_ announced: String?) {
        guard let url = announced.flatMap({ HTTPURL($0) }), url.scheme == "https",
            url.ipAddress?.unmapped == address?.unmapped
        else { return }
        secureLocation = url
    }

    /// The device's address.
    public var address: IPAddress? { location.ipAddress }

    /// A URL of the description made absolute; nil when it does not lead to the device itself.
    ///
    /// A description that names another host makes its reader a tool against that host, so such URLs
    /// count as missing (upnp.md §4.2 rule 9). The port may differ.
    public func resolve(_ reference: String) -> HTTPURL? {
        guard let url = description.url(reference, from: base), url.scheme == "http", let address,
            url.ipAddress == address
        else { return nil }
        return url
    }

    /// The services of all devices, embedded ones too, in the description's order.
    public var services: [DeviceService] {
        description.device.allDevices.flatMap { device in
            device.services.map { service in
                DeviceService(
                    udn: device.udn, deviceType: device.deviceType, serviceType: service.serviceType,
                    serviceID: service.serviceID, scpdURL: resolve(service.scpdURL),
                    controlURL: resolve(service.controlURL), eventSubURL: resolve(service.eventSubURL)
                )
            }
        }
    }

    /// The first service of that type or identifier; a type matches without regard to its version.
    public func service(_ typeOrID: String) -> DeviceService? {
        let services = services
        return services.first { $0.serviceID == typeOrID || $0.serviceType == typeOrID }
            ?? services.first { Self.unversioned($0.serviceType) == Self.unversioned(typeOrID) }
    }

    /// The devices of this root that a search for `target` means: itself or embedded ones, each once.
    ///
    /// A type means the devices that are of it or have a service of it, in that version or a later one, because
    /// a device answers for the versions below its own (UDA 2.0 §1.3.3).
    public func devices(matching target: SearchTarget) -> [DeviceDescription] {
        let device = description.device
        switch target {
        case .all: return device.allDevices
        case .rootDevice: return [device]
        case .device(let udn): return device.allDevices.filter { $0.udn.lowercased() == udn.lowercased() }
        case .type(let name, let version):
            return device.allDevices.filter { device in
                ([device.deviceType] + device.services.map(\.serviceType)).contains { type in
                    guard case .type(name, let own) = SearchTarget(type) else { return false }
                    return own >= version
                }
            }
        case .other(let text):
            return device.allDevices.filter { device in
                device.deviceType == text || device.services.contains { $0.serviceType == text }
            }
        }
    }

    static func unversioned(_ type: String) -> Substring {
        guard let colon = type.lastIndex(of: ":"), type[type.index(after: colon)...].allSatisfy(\.isNumber) else {
            return type[...]
        }
        return type[..<colon]
    }
}

/// A service of a device, with URLs that lead to the device itself; nil where the description's do not.
public struct DeviceService: Hashable, Sendable {
    /// The UDN of the device, root or embedded, that has the service.
    public var udn: String
    /// The type of that device.
    public var deviceType: String
    /// The type with its version.
    public var serviceType: String
    /// What tells services of one type apart.
    public var serviceID: String
    /// Where the service's description is.
    public var scpdURL: HTTPURL?
    /// Where actions are sent.
    public var controlURL: HTTPURL?
    /// Where subscriptions are made.
    public var eventSubURL: HTTPURL?

    /// Makes a service.
    public init(
        udn: String, deviceType: String, serviceType: String, serviceID: String, scpdURL: HTTPURL?,
        controlURL: HTTPURL?, eventSubURL: HTTPURL?
    ) {
        self.udn = udn
        self.deviceType = deviceType
        self.serviceType = serviceType
        self.serviceID = serviceID
        self.scpdURL = scpdURL
        self.controlURL = controlURL
        self.eventSubURL = eventSubURL
    }
}

/// What became known about a root device.
public enum DeviceChange: Hashable, Sendable {
    /// It is there, and its description has been read.
    case appeared(RootDevice)
    /// It restarted, moved, or changed its description, which has been read again.
    case changed(RootDevice)
    /// It is gone; the reason in a few words, for a log.
    case disappeared(udn: String, reason: String)

    /// The root device's UDN.
    public var udn: String {
        switch self {
        case .appeared(let device), .changed(let device): device.udn
        case .disappeared(let udn, _): udn
        }
    }
}
