import AccessPolicy
import Logging
import NIOUPnP
import NetworkTypes
import TrustCore
import Tunnel
import UPnP

/// What of the home each session is told of.
struct HomeMirror: Sendable {
    let directory: HomeDirectory
    let registry: SessionRegistry
    let reach: @Sendable () -> HomeReach
    let sealer: URLSealer
    let allowsPublicURLs: Bool

    /// The context of a session's own matters: what its client itself may see.
    func context(of session: RemoteSession, via: Via = .ownHost, authority: String? = nil) -> AccessContext {
        AccessContext(
            session: session, via: via, authority: authority ?? session.authority, home: map(for: session),
            sealer: sealer, allowsPublicURLs: allowsPublicURLs)
    }

    /// Which home addresses are whose, as the session's subject may know it.
    private func map(for session: RemoteSession) -> HomeMap {
        session.home(version: directory.version) {
            let reach = reach()
            return HomeMap(
                network: reach.network,
                devices: directory.devices.map { device in
                    // Hidden and unreachable devices are in the map too: what is theirs is nobody's.
                    let isReachable = device.address.map { reach.refusal(of: $0) == nil } ?? false
                    let decision = session.policy.decide(
                        AccessRequest(
                            subject: session.subject.id, via: .ownHost, device: device.facts, operation: .discover))
                    return HomeDevice(
                        udn: device.udn, endpoints: device.endpoints, isPermitted: isReachable && decision.permitted)
                })
        }
    }

    /// The devices that a session is shown, in the form that its client announces.
    func devices(for session: RemoteSession) -> [MirroredDevice] {
        let context = context(of: session)
        return directory.devices.compactMap { device in
            guard let mirrored = mirrored(device, in: context) else { return nil }
            _ = session.shows(udn: device.udn, revision: device.revision)
            return mirrored
        }
    }

    private func mirrored(_ device: KnownDevice, in context: AccessContext) -> MirroredDevice? {
        guard let address = device.address, reach().refusal(of: address) == nil,
            context.decide(.discover, on: device).permitted,
            let path = context.translation(of: device).issuePath(device.device.location, as: .description)
        else { return nil }
        return MirroredDevice(
            root: node(device.device.description.device, of: device, in: context), friendlyName: device.name,
            descriptionPath: path.description, revision: device.revision)
    }

    private func node(
        _ description: DeviceDescription, of device: KnownDevice, in context: AccessContext
    ) -> MirroredDevice.Node {
        var seen: Set<String> = []
        let types = description.services.map(\.serviceType).filter {
            seen.insert($0).inserted && context.decide(.describe, on: device, service: $0).permitted
        }
        return MirroredDevice.Node(
            udn: description.udn, deviceType: description.deviceType, serviceTypes: types,
            embedded: description.devices.map { node($0, of: device, in: context) })
    }

    /// Tells every session that may know of it what became of a device.
    func announce(_ change: HomeDirectory.Change) {
        for session in registry.all {
            switch change {
            case .appeared(let device), .changed(let device):
                guard let mirrored = mirrored(device, in: context(of: session)) else {
                    if session.hides(udn: device.udn) { session.record(.disappeared(udn: device.udn), size: 64) }
                    continue
                }
                if session.shows(udn: device.udn, revision: device.revision) {
                    session.record(.appeared(mirrored), size: 2_048)
                }
            case .disappeared(let device):
                if session.hides(udn: device.udn) { session.record(.disappeared(udn: device.udn), size: 64) }
            }
        }
    }
}

extension HomeReach {
    /// The same for translation: what counts as an address of the home.
    var network: HomeNetwork {
        HomeNetwork(
            prefixes: links.map(\.prefix), gatewayAddresses: links.map(\.address), routerAddresses: Array(routers))
    }
}

extension KnownDevice {
    /// Every address and port that the device's documents name on its own address.
    var endpoints: [SocketEndpoint] {
        let urls =
            [device.location] + services.flatMap { [$0.scpdURL, $0.controlURL, $0.eventSubURL].compactMap(\.self) }
        return Array(Set(urls.compactMap(\.endpoint).filter { $0.address.unmapped == address?.unmapped }))
    }
}
