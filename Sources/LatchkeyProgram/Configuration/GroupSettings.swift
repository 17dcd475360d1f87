import Groups
package import NIOUPnP
import SUPnP

/// How the gateway serves its secure group.
package struct GroupSettings: Hashable, Sendable {
    /// Whether it is served at all. It is as soon as there is one, unless this says otherwise.
    package var keyManager: Bool
    /// Whether its requests are relayed here.
    package var forwarder: Bool
    /// The interfaces that it lives on: those that were named, else the one that UPnP is spoken on, else every private
    /// network.
    package var interfaces: InterfaceSelection
    /// The key manager's port.
    package var keyManagerPort: UInt16
    /// The forwarder's port.
    package var forwarderPort: UInt16
    /// The port of the group's multicast addresses.
    package var multicastPort: UInt16
    /// Whether requests that are not encrypted are relayed.
    package var allowUnencrypted: Bool
    /// How many registrations are taken in a second, of one address too; nil for the documented bounds.
    package var registrationsPerSecond: Int?

    package init(_ settings: Settings) throws {
        func port(_ key: SettingKey, _ usual: UInt16) throws -> UInt16 {
            UInt16(try settings.integer(key, in: 1...65_535) ?? Int(usual))
        }
        keyManager = try settings.flag(.groupKeyManager) ?? true
        forwarder = try settings.flag(.groupForwarder) ?? true
        let names =
            try settings.list(.groupInterfaces, expecting: Settings.interfaceName, Settings.interfaceName) ?? []
        interfaces =
            try names.isEmpty ? settings.interfaceName().map { .named([$0]) } ?? .privateNetworks : .named(names)
        keyManagerPort = try port(.groupKeyManagerPort, GroupAddresses.keyManagerPort)
        forwarderPort = try port(.groupForwarderPort, GroupAddresses.forwarderPort)
        multicastPort = try port(.groupMulticastPort, GroupAddresses.multicastPort)
        allowUnencrypted = try settings.flag(.groupAllowUnencrypted) ?? false
        registrationsPerSecond = try settings.integer(.groupRegistrationsPerSecond, in: 1...100_000)
        let ports = forwarder ? [keyManagerPort, forwarderPort, multicastPort] : [keyManagerPort, multicastPort]
        guard Set(ports).count == ports.count else {
            throw ProgramError.usage(
                "group.keyManagerPort, group.forwarderPort and group.multicastPort are to be different ports")
        }
    }

    /// The bounds of registrations.
    var registrar: RegistrarLimits {
        var limits = RegistrarLimits()
        guard let rate = registrationsPerSecond else { return limits }
        limits.runsPerSecond = rate
        limits.sourceBurst = max(limits.sourceBurst, rate)
        limits.sourceRate = Double(rate)
        limits.sharedSourceBurst = max(limits.sharedSourceBurst, rate)
        limits.sharedSourceRate = Double(max(Int(limits.sharedSourceRate), rate))
        return limits
    }
}
