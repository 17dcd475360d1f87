import Foundation
import NIOUPnP
import NetworkTypes
import RemoteAccess
import TrustCore

/// How the gateway is announced at home, and who may configure it there.
extension GatewayService {
    /// DeviceProtection of the gateway's own services: its ACL is in the store, and the identities of paired clients are
    /// in it without being written there, in the roles of their grants. Nil where there are no such services.
    static func protection(
        _ configuration: DeviceProtectionService.Configuration, trust: GatewayTrust, _ context: GatewayContext
    ) async throws -> DeviceProtectionService? {
        // Another store keeps no ACL: then nobody has a role, and nothing can be set.
        guard context.interface?.ipv4 != nil, context.configuration.standardServices,
            let store = context.deviceProtection
        else { return nil }
        var configuration = configuration
        configuration.paired = { trust.pairedControlPoints }
        let protection = try await DeviceProtectionService.load(configuration, from: store, logger: context.logger)
        try await protection.change { _ in }
        return protection
    }

    /// The standard's device with its services, or one that has none.
    static func presence(
        udn: String, server: RemoteAccessServer, trust: GatewayTrust, protection: DeviceProtectionService?,
        _ introduction: PairingIntroduction?, _ context: GatewayContext
    ) -> (@Sendable () async throws -> Void)? {
        guard let interface = context.interface, let address = interface.ipv4 else { return nil }
        let bootID = UInt32(truncatingIfNeeded: Int(Date().timeIntervalSince1970)) & 0x7FFF_FFFF
        guard context.configuration.standardServices else {
            let presence = GatewayPresence(
                name: context.identity.name, udn: udn, interface: interface.name, address: address.address,
                ssdp: context.ssdp, bootID: bootID, eventLoopGroup: context.eventLoopGroup, logger: context.logger)
            return { try await presence.run() }
        }
        let configuration = context.configuration
        let administration = GatewayAdministration(trust: trust, introduction: introduction) {
            [addresses = context.addresses] in configuration.codeAddresses(addresses.current())
        }
        var hosting = StandardServices.Hosting(interface: interface.name, ssdp: context.ssdp, bootID: bootID)
        if let protection { hosting.protect(by: protection) }
        let services = StandardServices(
            name: context.identity.name, udn: udn, port: configuration.listen.port, server: server, trust: trust,
            administration: administration,
            hosting: hosting,
            eventLoopGroup: context.eventLoopGroup, logger: context.logger)
        return { try await services.run() }
    }
}
