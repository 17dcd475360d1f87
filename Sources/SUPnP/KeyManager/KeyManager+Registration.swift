import Crypto
import GroupKeys
import NetworkTypes

/// From a device that has proven itself to a member.
extension KeyManager {
    mutating func serveRegistrar(now: ContinuousClock.Instant) {
        while let output = registrar.nextOutput() {
            switch output {
            case .transmit(let bytes, let address): outputs.append(.transmit(bytes, to: address))
            case .work(let work): outputs.append(.work(work))
            case .wake(let instant): outputs.append(.wake(at: instant))
            case .event(let event): outputs.append(.event(.registrar(event)))
            case .admit(let request): admit(request, now: now)
            }
        }
    }

    private mutating func admit(_ request: AdmissionRequest, now: ContinuousClock.Instant) {
        guard state.members.count < configuration.limits.members,
            let id = waiting.allocateMember(after: state), let keyID = keyID(of: id, suite: request.suite)
        else {
            return registrar.handle(.declined(request.id, .capacity), now: now, using: &random)
        }
        var leafSecret: SecretBytes?
        let record: MemberRecord
        switch request.keys {
        case .classic(let key, _):
            record = MemberRecord(
                id: id, device: request.device, roles: request.roles, suite: request.suite, keyID: keyID, relay: key,
                refresh: nil)
        case .hardened(let master):
            let secrets = master.memberSecrets(member: id, generation: 0)
            record = MemberRecord(
                id: id, device: request.device, roles: request.roles, suite: request.suite, keyID: keyID,
                relay: secrets.relay, refresh: secrets.refresh)
            if record.isServer { leafSecret = secrets.leaf }
        }
        let admission = Admission(
            record: record, leafSecret: leafSecret, registration: request.id, source: request.source)
        let isTaken =
            switch (record.isServer, record.suite.isHardened) {
            case (true, true): waiting.join(admission, now: now)
            case (true, false): waiting.classic(.join(admission))
            case (false, _): waiting.change(.admission(admission))
            }
        if !isTaken { registrar.handle(.declined(request.id, .busy), now: now, using: &random) }
    }

    /// A hardened member's KEYID is a hint. A classic one's names its key, so no two have the same.
    private mutating func keyID(of id: UInt32, suite: Suite) -> UInt16? {
        suite.isHardened ? UInt16(id % 0xFFFE + 1) : waiting.allocateClassicKeyID(in: state)
    }

    /// What REG_DONE says.
    func doneContents(of record: MemberRecord, at source: SocketEndpoint) -> DoneContents {
        var elements: [Tag: [UInt8]] = [:]
        elements[.memberID] = record.id.octets
        elements[.keyID] = record.keyID.octets
        elements[.multicast] = multicast(for: source).map(EndpointCodec.encoded)
        let lease = UInt16(clamping: configuration.limits.lease.components.seconds)
        elements[.lease] = lease.octets
        guard record.suite.isHardened else {
            elements[.timers] = (lease / 3).octets + lease.octets
            if let leaf = record.leaf, let path = trees.classic.path(ofLeaf: leaf) {
                elements.merge(ClassicPathElements.elements(path)) { $1 }
            }
            return contents(elements, certificates: [], record, at: source)
        }
        elements[.groupPublicKey] = Array(configuration.root.rawRepresentation)
        elements[.epoch] = epoch.octets
        // A beacon of before tells of processes and certificates that are gone, and anybody can play it again.
        elements[.beaconCounter] = pulse.last(term: state.leadership?.term ?? 0).octets
        if let leaf = record.leaf, let path = trees.hardened.path(ofLeaf: leaf) {
            elements.merge(PathElements.elements(path)) { $1 }
        }
        let certificates = [configuration.identity.certificate] + feed.certificates
        return contents(elements, certificates: certificates.map(\.bytes), record, at: source)
    }

    private func contents(
        _ elements: [Tag: [UInt8]], certificates: [[UInt8]], _ record: MemberRecord,
        at source: SocketEndpoint
    ) -> DoneContents {
        DoneContents(
            DoneElements.fitted(
                elements, controllers: controllers, certificates: certificates, device: record.device,
                near: source))
    }

    /// The group's multicast address of the family by which a device has registered.
    private func multicast(for source: SocketEndpoint) -> SocketEndpoint? {
        let all = configuration.multicast
        return all.first { $0.address.isIPv6 == source.address.isIPv6 } ?? all.first
    }
}
