package import NetworkTypes

/// Where a group's traffic goes unless it is configured otherwise (supnp machines, section 1).
package enum GroupAddresses {
    /// The type of the service by which a controller is found.
    package static let serviceType = "urn:supnp-project:service:SecureGroup:1"
    /// The port of the group's multicast addresses.
    package static let multicastPort: UInt16 = 58_080
    /// The key manager's port.
    package static let keyManagerPort: UInt16 = 58_081
    /// The forwarder's port.
    package static let forwarderPort: UInt16 = 58_082
    /// The group's IPv4 multicast address.
    package static let multicastIPv4 = IPv4Address(239, 255, 83, 80)
    /// The group's IPv6 multicast address, of site scope: ff05::5:5350.
    package static let multicastIPv6 = IPv6Address(high: 0xFF05_0000_0000_0000, low: 0x0005_5350)
}
