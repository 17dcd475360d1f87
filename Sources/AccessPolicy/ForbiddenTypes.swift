/// What nobody is ever given, by whatever grant: the devices and services that open, describe or replace the
/// home's own border and its trust.
///
/// Names count in every domain, because vendors publish the same services under their own (TR-064 has
/// `urn:dslforum-org:device:InternetGatewayDevice:1`).
package enum ForbiddenTypes {
    /// Internet gateways and access points; remote access itself, so that no mirror is mirrored again.
    package static let devices = [
        "InternetGatewayDevice", "WANDevice", "WANConnectionDevice", "LANDevice", "WLANAccessPointDevice",
        "WFADevice", "RAServer", "RAClient", "RADiscoveryAgent", "RATransportAgent",
    ]

    /// The services of those devices, wherever they stand, and the ones that change who may do what.
    package static let services = [
        "WANIPConnection", "WANPPPConnection", "WANIPv6FirewallControl", "WANCommonInterfaceConfig",
        "WANDSLLinkConfig", "WANEthernetLinkConfig", "WANCableLinkConfig", "WANPOTSLinkConfig",
        "Layer3Forwarding", "LANHostConfigManagement", "WLANConfiguration", "WFAWLANConfig",
        "DeviceProtection", "DeviceSecurity", "SecurityConsole",
        "RADASync", "RADAConfig", "RATAConfig", "InboundConnectionConfig", "RemoteAccess",
    ]

    /// Those of the services whose devices are given all the same, without the service itself: protection is what a
    /// lock has, and what it is there for.
    package static let hiddenServices = ["DeviceProtection"]

    /// Whether a service of this type keeps its whole device from being given.
    package static func forbidsDevice(_ service: String) -> Bool {
        guard let type = TypeName(service), contains(type) else { return false }
        return !hiddenServices.contains { $0.lowercased() == type.name } || domains.contains(type.domain)
    }

    /// Domains of which nothing is given: router management (TR-064).
    package static let domains = ["dslforum-org"]

    private static let deviceNames = Set(devices.map { $0.lowercased() })
    private static let serviceNames = Set(services.map { $0.lowercased() })

    static func contains(_ type: TypeName) -> Bool {
        if domains.contains(type.domain) { return true }
        return switch type.kind {
        case .device: deviceNames.contains(type.name)
        case .service: serviceNames.contains(type.name)
        }
    }

    /// Whether a device or service type, as written in a description, is one of them.
    package static func contains(_ type: String) -> Bool {
        TypeName(type).map(contains) ?? false
    }
}
