import AccessPolicy
import NIOUPnP

/// The roles that the gateway's own services want, as DeviceProtection is told of them: the same that each action
/// asks for itself, so that a host without DeviceProtection refuses as much.
enum ServiceRoles {
    /// What leaks nothing.
    static let open: Set<String> = [
        "GetDynamicDNSSupportedProtocols", "GetNetworkTopologyInfo", "GetTransportAgentCapabilities",
        "GetSupportedCredentialDelivery", "GetServerStatus",
    ]
    /// What reads.
    static let everyday: Set<String> = [
        "GetSystemInfo", "GetVirtualDevices", "GetCredentialsList", "GetProfileList", "GetProfileConfigInfo",
        "GetServerAddresses", "GetPairingCode",
    ]
    /// The services that this is about.
    static let services: Set<String> = [
        "urn:upnp-org:serviceId:InboundConnectionConfig", "urn:upnp-org:serviceId:RADAConfig",
        "urn:upnp-org:serviceId:RATAConfig", "urn:upnp-org:serviceId:RemoteAccess",
    ]

    /// The rule for an action; nil for a service that is not one of these.
    static func rule(_ serviceID: String, _ action: String) -> ActionRoles? {
        guard services.contains(serviceID) else { return nil }
        if open.contains(action) { return .open }
        return everyday.contains(action) ? .everyday : .administration
    }
}

/// The roles that DeviceProtection knows of a caller. In clear everybody is `Public`, whatever the ACL says.
struct ProtectedCallers: CallerRoles {
    let protection: DeviceProtectionService

    func roles(of call: ActionInvocation) -> Set<RoleName> {
        guard call.connection != nil else { return [.public] }
        return protection.caller(call).roles.union([.public])
    }

    func name(of call: ActionInvocation) -> String? { protection.caller(call).name }
}
