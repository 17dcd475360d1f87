package import NIOCore
package import NIOUPnP
import NetworkTypes
package import Traversal

extension PortMapper {
    /// Makes workers that open the firewall for an own IPv6 address: PCP's, whose MAP translates nothing there (RFC 6887
    /// §11.1), and UPnP's. What they grant is the own address.
    ///
    /// - Parameters:
    ///   - controlPoint: Finds the gateway device over IPv6; its requests come from the address that they are about.
    ///   - other: Finds it over IPv4, for a router that is no UPnP device over IPv6.
    package static func pinholeWorkers(
        targets: [MappingTarget], controlPoint: ControlPoint?, other: ControlPoint?, eventLoopGroup: any EventLoopGroup
    ) -> Makes {
        { method, place, memory in
            guard let own = place.own?.address, let router = place.router else { return nil }
            switch method {
            case .pcp:
                let server = SocketEndpoint(
                    router, port: PortControlLimits.serverPort, zone: place.own?.index ?? 0)
                return PortControlWorker(
                    PCPClient(server: server, client: own, nonces: memory.nonces(at: router)), method: .pcp, own: own,
                    targets: targets, suggested: [:], leftovers: memory.leftovers(.pcp, at: router, own, targets),
                    eventLoopGroup: eventLoopGroup
                ) { $0.nonces }
            // It knows of no IPv6.
            case .natpmp: return nil
            case .igd:
                return PinholeWorker(
                    own: own, router: router, targets: targets, memory: memory.entries(.igd, at: router)
                ) {
                    if let controlPoint, let found = await IGDDiscovery.findFirewall(controlPoint, near: place.own) {
                        return found
                    }
                    guard let other else { return nil }
                    return await IGDDiscovery.findFirewall(other, near: nil)
                }
            }
        }
    }

    /// Makes workers on real sockets.
    ///
    /// - Parameter controlPoint: Finds the gateway device; nil where UPnP cannot be spoken.
    package static func workers(
        targets: [MappingTarget], controlPoint: ControlPoint?, trustsOtherDevices: Bool,
        eventLoopGroup: any EventLoopGroup
    ) -> Makes {
        { method, place, memory in
            guard let own = place.own?.address, let router = place.router else { return nil }
            let server = SocketEndpoint(router, port: PortControlLimits.serverPort)
            func suggested(_ method: MappingMethod) -> [MappingTarget: UInt16] {
                let known = memory.entries(method, at: router).compactMap { entry in
                    entry.target.map { ($0, entry.externalPort) }
                }
                return Dictionary(known) { $1 }
            }
            switch method {
            case .pcp:
                return PortControlWorker(
                    PCPClient(server: server, client: own, nonces: memory.nonces(at: router)), method: .pcp, own: own,
                    targets: targets, suggested: suggested(.pcp),
                    leftovers: memory.leftovers(.pcp, at: router, own, targets),
                    eventLoopGroup: eventLoopGroup
                ) { $0.nonces }
            case .natpmp:
                return PortControlWorker(
                    NATPMPClient(server: server), method: .natpmp, own: own, targets: targets,
                    suggested: suggested(.natpmp), leftovers: memory.leftovers(.natpmp, at: router, own, targets),
                    eventLoopGroup: eventLoopGroup)
            case .igd:
                guard let controlPoint else { return nil }
                let discovery = IGDDiscovery(controlPoint, trustsOthers: trustsOtherDevices)
                return IGDWorker(
                    own: own, router: router, targets: targets, memory: memory.entries(.igd, at: router)
                ) { await discovery.find(router: router) }
            }
        }
    }
}
