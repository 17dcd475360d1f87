package import NIOUPnP
package import NetworkTypes
import UPnP

/// A gateway device on the network, reached by our own control point.
struct ServicesOfIGD: IGDActions {
    let connection: String
    let firewall: String?
    private let services: [String: ServiceProxy]

    /// Nil for a device without a WAN connection.
    init?(_ device: DeviceProxy) {
        var services: [String: ServiceProxy] = [:]
        for service in device.services where services[service.serviceType] == nil {
            services[service.serviceType] = service
        }
        guard let connection = Self.connections.first(where: { services[$0] != nil }) else { return nil }
        self.connection = connection
        self.firewall = services.keys.contains(Self.firewallType) ? Self.firewallType : nil
        self.services = services
    }

    private static let firewallType = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1"
    private static let connections = ["WANIPConnection:2", "WANIPConnection:1", "WANPPPConnection:1"].map {
        "urn:schemas-upnp-org:service:\($0)"
    }

    func invoke(
        _ action: String, of service: String, _ arguments: [(String, String)]
    ) async throws -> [String: String] {
        guard let proxy = services[service] else { throw UPnPFault(.invalidAction) }
        let request = ActionRequest(
            serviceType: service, action: action, arguments: arguments.map { ActionArgument($0.0, $0.1) })
        let response = try await proxy.invoke(request)
        return Dictionary(response.arguments.map { ($0.name, $0.value) }) { first, _ in first }
    }
}

/// Finds the router among the devices of a control point.
package struct IGDDiscovery: Sendable {
    private let controlPoint: ControlPoint
    /// Whether a device that is not the default router is believed, when the router itself is none.
    private let trustsOthers: Bool

    /// - Parameter trustsOthers: Any device can say that it is a gateway, and what it tells would end in addresses that
    ///   clients try; so only the owner's own word makes one out of another device than the default router.
    package init(_ controlPoint: ControlPoint, trustsOthers: Bool) {
        self.controlPoint = controlPoint
        self.trustsOthers = trustsOthers
    }

    /// The router's services; nil when none has answered in time.
    package func find(router: IPAddress?) async -> (any IGDActions)? {
        if let known = choose(controlPoint.devices.map { DeviceProxy($0, controlPoint: controlPoint) }, router) {
            return known
        }
        var found: [DeviceProxy] = []
        // Version 1 is what every version answers to.
        let search = controlPoint.search(
            .type("urn:schemas-upnp-org:device:InternetGatewayDevice:1"), maximumWait: 1)
        do {
            for try await device in search {
                found.append(device)
                if let router, device.root.address == router, let services = ServicesOfIGD(device) { return services }
            }
        } catch {
            return nil
        }
        return choose(found, router)
    }

    /// A gateway device that controls an IPv6 firewall; nil when none has answered in time.
    ///
    /// The router of the default route has a link-local address, and its device another one, so that they cannot be compared.
    /// Who lies here gains nothing: what clients are told is this host's own address.
    /// - Parameter near: The network where it has to stand; nil for anywhere on the links.
    static func findFirewall(_ controlPoint: ControlPoint, near: InterfaceAddress?) async -> (any IGDActions)? {
        func services(_ device: DeviceProxy) -> ServicesOfIGD? {
            if let near {
                guard let address = device.root.address, near.isOnLink(address) else { return nil }
            }
            return ServicesOfIGD(device).flatMap { $0.firewall == nil ? nil : $0 }
        }
        let known = controlPoint.devices.lazy.compactMap { services(DeviceProxy($0, controlPoint: controlPoint)) }
        if let first = known.first { return first }
        let search = controlPoint.search(
            .type("urn:schemas-upnp-org:device:InternetGatewayDevice:1"), maximumWait: 1)
        do {
            for try await device in search { if let found = services(device) { return found } }
        } catch {}
        return nil
    }

    private func choose(_ devices: [DeviceProxy], _ router: IPAddress?) -> (any IGDActions)? {
        let own = devices.first { $0.root.address == router && ServicesOfIGD($0) != nil }
        let any = trustsOthers ? devices.first { ServicesOfIGD($0) != nil } : nil
        return (own ?? any).flatMap { ServicesOfIGD($0) }
    }
}
