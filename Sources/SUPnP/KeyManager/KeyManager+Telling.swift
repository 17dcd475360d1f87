import Crypto
import GroupKeys
import NetworkTypes

/// What the key manager says by itself: beacons, and the stream to the forwarders.
extension KeyManager {
    /// All controllers, the key manager first.
    var controllers: [ControllerEntry] {
        ControllerList.fitted([feed.own] + feed.entries, near: nil)
    }

    /// CONTROLLERS, BOOTS and CERTS.
    var controllerElements: [Tag: [UInt8]] {
        let certificates = [configuration.identity.certificate] + feed.certificates
        return [
            .controllers: controllers.flatMap(\.encoded),
            .boots: controllers.flatMap(\.encodedBoot),
            // Six fit a PONG beside the rest; a group with more forwarders tells of the first.
            .certificates: certificates.prefix(6).flatMap(\.bytes),
        ]
    }

    mutating func sendBeacon(now: ContinuousClock.Instant) {
        guard let term = state.leadership?.term, let counter = pulse.due(term: term, now: now) else { return }
        let confirmation =
            trees.hardened.epochSecret.map { Beacon.confirmation(epochSecret: $0, counter: counter) }
            ?? [UInt8](repeating: 0, count: 16)
        let beacon = Beacon(
            epoch: epoch, height: UInt8(clamping: trees.hardened.height),
            memberCount: UInt32(clamping: trees.hardened.memberCount), confirmation: confirmation, counter: counter,
            directoryVersion: state.directory.toldVersion, time: leader.groupTime(now: now),
            revoked: configuration.revoked, controllers: controllers,
            certificate: configuration.identity.certificate.bytes)
        let identity = configuration.identity
        guard
            let datagram = beacon.datagram(
                suite: configuration.suite, group: configuration.group, key: identity.signingKey)
        else { return }
        outputs.append(.multicast(datagram))
    }

    /// The key manager's own addresses from here on. It keeps those that it had when there are none.
    mutating func setAddresses(_ addresses: [SocketEndpoint]) {
        let (id, boot) = (configuration.identity.id, configuration.identity.boot)
        guard let own = ControllerEntry(id: id, boot: boot, addresses: addresses), own != feed.own else { return }
        feed.own = own
        pulse.news()
    }

    /// The certificate that members are told of from here on. One of another controller or key is passed over.
    mutating func setCertificate(_ certificate: ControllerCertificate) {
        let identity = configuration.identity
        guard certificate.controller == identity.id, certificate.roles.contains(.keyManager),
            certificate.key.rawRepresentation == identity.signingKey.publicKey.rawRepresentation
        else { return }
        configuration.identity.certificate = certificate
        pulse.news()
    }

    mutating func setForwarders(_ entries: [ControllerEntry], _ certificates: [ControllerCertificate]) {
        feed.entries = entries
        feed.certificates = certificates
        pulse.news()
    }

    // MARK: The stream to the forwarders

    mutating func tellForwarders(_ event: ForwarderEvent) {
        outputs.append(.forwarder(feed.numbered(event, term: state.leadership?.term ?? 0)))
    }

    mutating func tellForwarders(of record: MemberRecord) {
        guard let member = ForwarderMember(record, access: state.access(of: record)) else { return }
        tellForwarders(.member(member))
    }

    mutating func tellForwardersEverything() {
        tellForwarders(.snapshotBegan)
        if let secret = trees.hardened.epochSecret { tellForwarders(.epoch(epoch, secret: secret)) }
        if let key = trees.classic.trafficKey { tellForwarders(.classicKey(trees.classic.trafficKeyID, key: key)) }
        for id in state.members.keys.sorted() {
            if let record = state.members[id] { tellForwarders(of: record) }
        }
        feed.directoryVersion = 0
        tellDirectory()
        tellForwarders(.snapshotEnded)
    }

    /// The forwarders learn what has changed in the directory, the members that there is something to ask for.
    mutating func tellDirectory() {
        let version = state.directory.version
        let changes = state.directory.changes(after: feed.directoryVersion, limit: .max)
        if let changes {
            tellForwarders(.directory(changes, version: version))
        } else {
            return tellForwardersEverything()
        }
        feed.directoryVersion = version
        if feed.toldVersion != state.directory.toldVersion { pulse.news() }
        feed.toldVersion = state.directory.toldVersion
    }
}
