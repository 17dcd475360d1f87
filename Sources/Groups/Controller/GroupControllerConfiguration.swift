package import FoundationEssentials
package import NIOUPnP
import NetworkTypes
package import SUPnP

/// How a group's controller runs.
package struct GroupControllerConfiguration: Sendable {
    /// The group.
    package let identity: GroupIdentity
    /// Whether requests are relayed here. A forwarder follows the key manager of its own process.
    package var runsForwarder = true
    /// The interfaces on whose links the group lives.
    package var interfaces: InterfaceSelection
    /// Over which versions of IP.
    package var families: AddressFamilies
    /// The key manager's port on each link.
    package var keyManagerPort = GroupAddresses.keyManagerPort
    /// The forwarder's port on each link.
    package var forwarderPort = GroupAddresses.forwarderPort
    /// The port of the group's multicast addresses.
    package var multicastPort = GroupAddresses.multicastPort
    /// Whether the forwarder relays requests that are not encrypted, for devices of the classic suite that cannot.
    package var acceptsUnencrypted = false
    /// What bounds registrations.
    package var registrar = RegistrarLimits()
    /// The key manager's times and bounds.
    package var keyManager = KeyManagerLimits()
    /// The forwarder's bounds.
    package var forwarder = ForwarderLimits()
    /// When the forwarder fences itself.
    package var lease = ForwarderLease.Limits()
    /// How the controller is announced; nil: not at all, for members that are told where it is.
    package var announcement: SSDPConfiguration? = SSDPConfiguration()
    /// What people read of it in a UPnP tool.
    package var friendlyName = "Latchkey secure group"
    /// How long a command waits until it is durable.
    package var commandTime: Duration = .seconds(10)
    /// After so many failures of the store in a row the controller ends rather than go on.
    package var storeAttempts = 5
    /// How long a controller's certificate holds; it is renewed when half of that has passed.
    package var certificateLifetime: Duration = .seconds(7 * 86_400)
    /// The host's clock, which is read at a start.
    package var date: @Sendable () -> Date = { Date() }

    /// A controller with a key manager and a forwarder, on the private networks of this host.
    package init(
        identity: GroupIdentity, interfaces: InterfaceSelection = .privateNetworks, families: AddressFamilies = .both
    ) {
        self.identity = identity
        self.interfaces = interfaces
        self.families = families
    }

    /// How often the group's time is kept. A start that is behind by as much lets every certificate hold.
    var timeKeeping: Duration { min(.seconds(600), certificateLifetime / 4) }

    /// Where the group's traffic goes, one address for each family.
    var multicast: [SocketEndpoint] {
        var endpoints: [SocketEndpoint] = []
        if families.contains(.ipv4) { endpoints.append(multicastIPv4) }
        if families.contains(.ipv6) { endpoints.append(multicastIPv6) }
        return endpoints
    }

    var multicastIPv4: SocketEndpoint { SocketEndpoint(.v4(GroupAddresses.multicastIPv4), port: multicastPort) }
    var multicastIPv6: SocketEndpoint { SocketEndpoint(.v6(GroupAddresses.multicastIPv6), port: multicastPort) }
}
