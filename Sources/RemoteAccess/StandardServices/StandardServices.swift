package import Logging
package import NIOCore
package import NIOUPnP
import NetworkTypes
import UPnP

/// The gateway at home as the standard has it: a root device `RAServer:2` with its services, announced on the home's
/// network and never in the tunnel.
///
/// Version 2, because RADAConfig is of version 2 (virtual devices); control points of version 1 find it all the same,
/// since a device answers for the versions below its own. Its UDN is the gateway's, by which an away client
/// that came home recognises where it is.
package struct StandardServices: Sendable {
    /// The type under which the gateway is announced.
    package static let deviceType = "urn:schemas-upnp-org:device:RAServer:2"

    /// What the device is hosted with.
    package struct Hosting: Sendable {
        package var configuration: DeviceHostConfiguration
        /// Who calls: everybody is `Public` where no DeviceProtection says otherwise.
        package var callers: any CallerRoles = PublicCallersOnly()
        /// DeviceProtection:1 of the device; see ``protect(by:)``.
        private(set) var protection: DeviceProtectionService?

        /// On one interface, over IPv4, as the mirror is.
        package init(interface: String, ssdp: SSDPConfiguration, bootID: UInt32) {
            var ssdp = ssdp
            // A gateway that was killed left its announcement behind; its new one must not look like a second device.
            ssdp.advertiser.byebyeFirst = true
            configuration = DeviceHostConfiguration(interface: interface, families: .ipv4, ssdp: ssdp)
            configuration.bootID = bootID
            configuration.serverName = RemoteAccessClient.serverName
        }

        /// What ``protect(by:)`` wants to be loaded with.
        package static func protection(udn: String, name: String) -> DeviceProtectionService.Configuration {
            var configuration = DeviceProtectionService.Configuration(udn: udn, name: name)
            configuration.roles = { ServiceRoles.rule($0, $1) }
            return configuration
        }

        /// Has the device served over TLS too, and its actions decided about by the roles of an ACL.
        package mutating func protect(by protection: DeviceProtectionService) {
            self.protection = protection
            configuration.security = protection.security
            configuration.authorizes = protection.authorizes
            callers = ProtectedCallers(protection: protection)
        }
    }

    /// What is hosted.
    package let device: HostedDevice
    private let hosting: Hosting
    private let inbound: InboundConnectionConfigService
    private let filters: RADAConfigService
    private let transport: RATAConfigService
    private let own: RemoteAccessService
    private let group: any EventLoopGroup
    private let logger: Logger

    /// - Parameters:
    ///   - udn: The gateway's.
    ///   - port: Where clients are waited for.
    package init(
        name: String, udn: String, port: UInt16, server: RemoteAccessServer, trust: GatewayTrust,
        administration: GatewayAdministration, hosting: Hosting, eventLoopGroup: any EventLoopGroup, logger: Logger
    ) {
        let authorizer = ServiceAuthorizer(hosting.callers)
        let desk = server.desk
        self.hosting = hosting
        inbound = InboundConnectionConfigService(desk: desk, authorizer: authorizer)
        filters = RADAConfigService(
            desk: desk, home: { server.homeDevices }, authorizer: authorizer)
        transport = RATAConfigService(trust: trust, port: port, authorizer: authorizer)
        own = RemoteAccessService(administration: administration, server: server, authorizer: authorizer)
        group = eventLoopGroup
        self.logger = logger
        var device = HostedDevice(
            udn: udn, deviceType: Self.deviceType, friendlyName: name, manufacturer: "Latchkey",
            modelName: "Latchkey gateway", services: [])
        device.services =
            [inbound.service(), filters.service(), transport.service(), own.service()]
        // A page would show evented values to whoever asks.
        device.presentation = .none
        self.device = hosting.protection?.protecting(device) ?? device
    }

    /// Hosts the device until the task is cancelled.
    package func run() async throws {
        let host = DeviceHost(
            configuration: hosting.configuration, devices: [device], eventLoopGroup: group, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await host.run() }
            tasks.addTask { await filters.run() }
            tasks.addTask { try await transport.run() }
            tasks.addTask { try await own.run() }
            if let protection = hosting.protection {
                tasks.addTask {
                    // A time that was opened ends by itself, and then subscribers are told.
                    while true {
                        await protection.setupChanged()
                        try await Task.sleep(for: .seconds(1))
                    }
                }
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }
}
