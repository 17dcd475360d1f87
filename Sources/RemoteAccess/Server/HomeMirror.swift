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
    let policy: PolicyBook
    let observer: any DecisionObserver
    /// RADAConfig's export filter: whether a device is let out to a client at all.
    var exports: @Sendable (_ udn: String, _ subject: SubjectID) -> Bool = { _, _ in true }

    /// The context of a session's own matters: what its client itself may see.
    func context(of session: RemoteSession, via: Via = .ownHost, authority: String? = nil) -> AccessContext {
        AccessContext(
            session: session, via: via, authority: authority ?? session.authority, home: map(for: session),
            sealer: sealer, allowsPublicURLs: allowsPublicURLs, policy: policy, observer: observer, exports: exports)
    }

    /// Which home addresses are whose, as the session's subject may know it.
    private func map(for session: RemoteSession) -> HomeMap {
        session.home(version: .init(directory: directory.version, policy: policy.version)) {
            let reach = reach()
            return HomeMap(
                network: reach.network,
                devices: directory.devices.map { device in
                    // Hidden and unreachable devices are in the map too: what is theirs is nobody's.
                    let isReachable = reach.reaches(device)
                    let isSeen = AccessContext.announces(
                        device, to: session.subject.id, policy: policy, exports: exports)
                    return HomeDevice(
                        udn: device.udn, endpoints: device.endpoints, isPermitted: isReachable && isSeen)
                })
        }
    }

    /// The devices that a session is shown, in the form that its client announces.
    func devices(for session: RemoteSession) -> [MirroredDevice] {
        let context = context(of: session)
        return directory.devices.compactMap { device in
            guard let mirrored = mirrored(device, in: context) else { return nil }
            _ = session.shows(udn: device.udn, revision: mirrored.revision)
            return mirrored
        }
    }

    /// The same without noting that the client knows of them, and how long they are announced for, in seconds.
    func visibleDevices(for session: RemoteSession) -> [(device: MirroredDevice, maxAge: Int)] {
        let context = context(of: session)
        return directory.devices.compactMap { device in
            mirrored(device, in: context).map { ($0, device.device.maxAge) }
        }
    }

    private func mirrored(_ device: KnownDevice, in context: AccessContext) -> MirroredDevice? {
        guard reach().reaches(device),
            AccessContext.announces(
                device, to: context.session.subject.id, policy: policy, exports: exports),
            let path = context.translation(of: device).issuePath(device.device.location, as: .description)
        else { return nil }
        return MirroredDevice(
            root: node(device.device.description.device, of: device, in: context),
            // Some name themselves by their address.
            friendlyName: TextTranslator(context.translation(of: device)).translated(
                device.name, isEscapedXML: false),
            descriptionPath: path.description, revision: revision(of: device, in: context),
            securePath: SecurePassage.isOffered(device, context) ? device.device.secureLocation?.pathAndQuery : nil)
    }

    /// A sentence for a client, without the home's addresses: it may quote the name that a device gave itself.
    func sentence(_ text: String) -> String {
        let blanked = AddressLeakScanner(network: reach().network).blanked(Array(text.utf8))
        return blanked.isEmpty ? "The gateway refused." : String(decoding: blanked, as: UTF8.self)
    }

    /// Names what this subject sees of the device's descriptions: another number when the device changed, and when
    /// what the subject may do with it did, so that control points read the descriptions again.
    private func revision(of device: KnownDevice, in context: AccessContext) -> Int {
        var hash = StableHash()
        hash.combine(UInt64(device.revision))
        for facts in [device.facts] + device.parts.map(\.facts) {
            hash.combine(policy.shape(of: context.session.subject.id, on: facts))
        }
        // 24 bits are the range of CONFIGID (UDA 2.0 §1.2.2).
        return Int((hash.value ^ hash.value >> 24 ^ hash.value >> 48) & 0xFF_FFFF)
    }

    private func node(
        _ description: DeviceDescription, of device: KnownDevice, in context: AccessContext
    ) -> MirroredDevice.Node {
        var seen: Set<String> = []
        let types = description.services.map(\.serviceType).filter {
            seen.insert($0).inserted
                && AccessContext.announces(
                    device, service: $0, to: context.session.subject.id, policy: policy, exports: exports)
        }
        return MirroredDevice.Node(
            udn: description.udn, deviceType: description.deviceType, serviceTypes: types,
            embedded: description.devices.map { node($0, of: device, in: context) })
    }

    /// Tells every session that may know of it what became of a device.
    func announce(_ change: HomeDirectory.Change) {
        for session in registry.all {
            defer { session.mirrorChanged() }
            switch change {
            case .appeared(let device), .changed(let device): tell(session, of: device, in: context(of: session))
            case .disappeared(let device):
                if session.hides(udn: device.udn) { session.record(.disappeared(udn: device.udn), size: 64) }
            }
        }
    }

    /// Shows every session what the policy shows it now, and breaks off the streams that it no longer permits.
    func reconsider() {
        for session in registry.all {
            let context = context(of: session)
            for device in directory.devices { tell(session, of: device, in: context) }
            _ = session.resetForbiddenStreams()
            session.mirrorChanged()
        }
    }

    private func tell(_ session: RemoteSession, of device: KnownDevice, in context: AccessContext) {
        guard let mirrored = mirrored(device, in: context) else {
            if session.hides(udn: device.udn) { session.record(.disappeared(udn: device.udn), size: 64) }
            return
        }
        if session.shows(udn: device.udn, revision: mirrored.revision) {
            session.record(.appeared(mirrored), size: 2_048)
        }
    }
}

extension HomeReach {
    /// Whether everything of a device is where the gateway connects to.
    func reaches(_ device: KnownDevice) -> Bool {
        !device.addresses.isEmpty && device.addresses.allSatisfy { refusal(of: $0) == nil }
    }

    /// The same for translation: what counts as an address of the home.
    var network: HomeNetwork {
        HomeNetwork(
            prefixes: links.map(\.prefix), gatewayAddresses: links.map(\.address), routerAddresses: Array(routers))
    }
}

extension KnownDevice {
    /// Every address and port that the device's documents name on its own address.
    var endpoints: [SocketEndpoint] {
        let own = Set(addresses.map(\.unmapped))
        let urls =
            [device.location] + services.flatMap { [$0.scpdURL, $0.controlURL, $0.eventSubURL].compactMap(\.self) }
        return Array(Set(urls.compactMap(\.endpoint).filter { own.contains($0.address.unmapped) }))
    }
}
