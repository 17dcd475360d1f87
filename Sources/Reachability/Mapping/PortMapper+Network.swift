package import NIOCore
package import NIOUPnP
import NetworkTypes
package import Traversal

extension PortMapper {
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
            func leftovers(_ method: MappingMethod) -> [MappingTarget] {
                memory.entries(method, at: router).filter { $0.own == "\(own)" }.compactMap(\.target)
                    .filter { !targets.contains($0) }
            }
            switch method {
            case .pcp:
                return PortControlWorker(
                    PCPClient(server: server, client: own, nonces: memory.nonces(at: router)), method: .pcp, own: own,
                    targets: targets, suggested: suggested(.pcp), leftovers: leftovers(.pcp),
                    eventLoopGroup: eventLoopGroup
                ) { $0.nonces }
            case .natpmp:
                return PortControlWorker(
                    NATPMPClient(server: server), method: .natpmp, own: own, targets: targets,
                    suggested: suggested(.natpmp), leftovers: leftovers(.natpmp), eventLoopGroup: eventLoopGroup)
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
