public import NetworkTypes

/// A root device as its announcements describe it. Nothing in it has been checked against its description.
///
/// A device that is heard over several links, or over both address families, has several ``paths``;
/// ``location``, ``source`` and ``interface`` are those of the path in use.
public struct DiscoveredDevice: Hashable, Sendable {
    /// The root device's UDN, `uuid:…`.
    public var udn: String
    /// The description's URL as announced. Check it before it is fetched (upnp.md §4.2 rule 9).
    public var location: String
    /// The description's `https` URL as announced, for a device that implements DeviceProtection.
    public var secureLocation: String?
    /// Who announced it.
    public var source: IPAddress
    /// The interface that heard it.
    public var interface: InterfaceAddress
    /// How long its announcements count, seconds.
    public var maxAge: Int
    /// SERVER.
    public var server: String
    /// BOOTID, when the device sends one.
    public var bootID: UInt32?
    /// CONFIGID, when the device sends one.
    public var configID: UInt32?
    /// Where unicast searches go, when not to port 1900.
    public var searchPort: UInt16?
    /// UDNs announced from the same location: embedded devices, as far as they have been heard.
    public var embedded: Set<String>
    /// When it counts as gone, unless it is heard again.
    public var expires: ContinuousClock.Instant
    /// The other links that hear the device, the preferred ones first.
    var otherPaths: [DevicePath] = []

    /// Every way to the device, the one in use first.
    public var paths: [DevicePath] { [path] + otherPaths }

    var path: DevicePath {
        DevicePath(
            location: location, secureLocation: secureLocation, source: source, interface: interface,
            searchPort: searchPort, expires: expires)
    }
}

/// One way to a device: what it announced on one link.
public struct DevicePath: Hashable, Sendable {
    /// The description's URL as announced there.
    public var location: String
    /// The description's `https` URL as announced there.
    public var secureLocation: String?
    /// Who announced it.
    public var source: IPAddress
    /// The link that heard it.
    public var interface: InterfaceAddress
    /// Where unicast searches go, when not to port 1900.
    public var searchPort: UInt16?
    /// When this path counts as lost, unless the device is heard there again.
    public var expires: ContinuousClock.Instant
}

extension DeviceDirectory {
    /// What became known about a root device.
    public enum Change: Hashable, Sendable {
        /// It was heard and was not known.
        case appeared(DiscoveredDevice)
        /// The same run of the device, under another LOCATION.
        case relocated(DiscoveredDevice)
        /// It restarted, perhaps under another LOCATION: subscriptions are gone, state is to be read again.
        case rebooted(DiscoveredDevice)
        /// Its CONFIGID changed: the description is to be read again.
        case reconfigured(DiscoveredDevice)
        /// An embedded device said byebye while its root stays.
        case embeddedDisappeared(root: DiscoveredDevice, udn: String)
        /// It is gone.
        case disappeared(udn: String, reason: DisappearanceReason)

        /// The root device that the change is about.
        public var udn: String {
            switch self {
            case .appeared(let device), .relocated(let device), .rebooted(let device), .reconfigured(let device),
                .embeddedDisappeared(let device, _):
                device.udn
            case .disappeared(let udn, _): udn
            }
        }
    }

    /// Why a device is no longer listed.
    public enum DisappearanceReason: Hashable, Sendable {
        /// It said so.
        case byebye
        /// Its last announcement ran out.
        case expired
        /// The interface that it was heard on lost its address.
        case interfaceLost
    }
}
