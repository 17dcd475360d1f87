import Crypto
import GroupKeys
import NetworkTypes

/// What a registration has made of a device, and what stays as it is.
struct MemberIdentity {
    let id: MemberID
    let suite: Suite
    let group: GroupID
    let isServer: Bool
    let multicast: SocketEndpoint?
    /// The group's root key; nil for a classic member, which knows none.
    let root: Curve25519.Signing.PublicKey?
}

/// What a member has from its registration until it is a member no longer.
struct MemberSession {
    let identity: MemberIdentity
    var refreshSecret: SecretBytes?
    /// Secrets of a refresh that are used once they are stored.
    var nextSecrets: MemberSecrets?
    /// The store of a member that keeps its keys.
    var store: MemberStore?
    var controllers: ControllerBook
    var certificates: [ControllerID: ControllerCertificate] = [:]
    var tree: MemberTree?
    var receiver: GroupReceiver?
    var classic: ClassicGroupSide?
    var assembler = MessageAssembler()
    var beacons = BeaconWatch()
    var directory = DirectoryView()
    /// The newest version of the directory that it has heard of.
    var newestDirectory: UInt32 = 0
    var tasks: MemberTasks
    var served = ServedRequests()
    var clear: ClearServing
    var keyManagerHeardAt: ContinuousClock.Instant

    /// Nil if REG_DONE lacks something.
    init?(
        _ registered: Registered, at address: SocketEndpoint?, keepsKeys: Bool = false, now: ContinuousClock.Instant,
        using random: inout some RandomNumberGenerator
    ) {
        let contents = registered.contents
        guard let number: UInt32 = contents.integer(.memberID), let id = MemberID(number),
            let keyID: UInt16 = contents.integer(.keyID),
            let list = ControllerEntry.decode(contents[.controllers] ?? [], boots: contents[.boots] ?? [])
        else { return nil }
        tasks = MemberTasks(now: now)
        clear = ClearServing(now: now)
        keyManagerHeardAt = now
        let suite = registered.suite
        let multicast = EndpointCodec.decode(contents[.multicast] ?? [])
        switch registered.keys {
        case .classic(let key, _, _):
            guard let group = GroupID([UInt8](repeating: 0, count: GroupID.byteCount)) else { return nil }
            controllers = ControllerBook(
                suite: suite, group: group, member: id, keyID: keyID, relay: key, near: address)
            classic = ClassicPathElements.path { contents[$0] }.flatMap { try? ClassicGroupSide($0) }
            identity = MemberIdentity(
                id: id, suite: suite, group: group, isServer: classic != nil, multicast: multicast, root: nil)
        case .hardened(let secrets):
            guard let group = registered.groupID.flatMap({ GroupID($0) }), let rootBytes = contents[.groupPublicKey],
                let root = try? Curve25519.Signing.PublicKey(rawRepresentation: rootBytes)
            else { return nil }
            refreshSecret = secrets.refresh
            beacons = BeaconWatch(after: contents.integer(.beaconCounter) ?? 0)
            controllers = ControllerBook(
                suite: suite, group: group, member: id, keyID: keyID, relay: secrets.relay, near: address,
                isDurable: keepsKeys)
            if keepsKeys { store = MemberStore() }
            let path = PathElements.path { contents[$0] }
            identity = MemberIdentity(
                id: id, suite: suite, group: group, isServer: path != nil, multicast: multicast, root: root)
            if let path { enter(path, now: now) }
        }
        _ = controllers.set(list, using: &random)
        addCertificates(contents[.certificates] ?? [])
    }

    private mutating func enter(_ path: MemberPath, now: ContinuousClock.Instant) {
        tree = MemberTree(group: identity.group, path: path)
        let receiver = GroupReceiver(suite: identity.suite, group: identity.group)
        if store == nil { _ = try? receiver.install(epoch: path.epoch, secret: path.epochSecret, now: now) }
        self.receiver = receiver
    }

    /// Takes a whole path: the first after a restart, or one for an epoch that was missed.
    mutating func install(_ path: MemberPath) -> Bool {
        if tree != nil { return tree?.install(path) == true }
        guard isServer else { return false }
        tree = MemberTree(group: group, path: path)
        return true
    }

    var id: MemberID { identity.id }
    var suite: Suite { identity.suite }
    var group: GroupID { identity.group }
    var isServer: Bool { identity.isServer }
    var root: Curve25519.Signing.PublicKey? { identity.root }

    /// A certificate that the group's root key has signed, and that holds at `time`; nil for any other. One that is
    /// known is not verified again.
    func certificate(_ bytes: [UInt8], time: UInt64) -> ControllerCertificate? {
        // A key that is out of date or revoked must not set the time back, nor leave itself out of a new list.
        let time = max(time, beacons.time)
        if let known = certificates.values.first(where: { $0.bytes == bytes }) {
            return known.notAfter >= time && !beacons.revoked.contains(known.serial) ? known : nil
        }
        guard let root else { return nil }
        return try? UnverifiedCertificate(bytes).verified(
            root: root, group: group, time: time, revoked: beacons.revoked)
    }

    /// Takes certificates that the group's root key has signed.
    mutating func addCertificates(_ bytes: [UInt8]) {
        guard root != nil, bytes.count.isMultiple(of: UnverifiedCertificate.length) else { return }
        for start in stride(from: 0, to: bytes.count, by: UnverifiedCertificate.length) {
            let one = Array(bytes[start..<start + UnverifiedCertificate.length])
            if let certificate = certificate(one, time: beacons.time) {
                certificates[certificate.controller] = certificate
            }
        }
        connectForwarders()
    }

    /// Lets in the broadcasts of the forwarders whose certificate and process are known. Says whether a certificate of
    /// one lacks.
    @discardableResult
    mutating func connectForwarders() -> Bool {
        guard let receiver else { return false }
        var lacks = false
        for id in controllers.forwarders {
            guard let certificate = certificates[id] else {
                lacks = true
                continue
            }
            if let boot = controllers.boot(id) { _ = receiver.setForwarder(certificate, boot: boot) }
        }
        return lacks
    }

    /// The key that a controller signs rekeys with.
    func rekeyKey(_ controller: UInt16) -> Curve25519.Signing.PublicKey? {
        guard let id = ControllerID(UInt32(controller)), let certificate = certificates[id],
            certificate.isValid(for: .keyManager, time: beacons.time, revoked: beacons.revoked)
        else { return nil }
        return certificate.key
    }
}

/// What a member keeps of the beacons: only those that rise count.
struct BeaconWatch: Sendable {
    private(set) var counter: UInt64
    private(set) var time: UInt64 = 0
    private(set) var revoked: Set<UInt32> = []

    /// Before the first beacon later than `counter`: what REG_DONE said was the last.
    init(after counter: UInt64 = 0) { self.counter = counter }

    /// Takes a beacon; false for one that is not later than all before it.
    mutating func take(_ beacon: Beacon) -> Bool {
        guard beacon.counter > counter else { return false }
        counter = beacon.counter
        time = max(time, beacon.time)
        revoked = Set(beacon.revoked)
        return true
    }
}

/// What a member has under way with the key manager.
struct MemberTasks {
    var asker = ResyncAsker()
    var pingAt: ContinuousClock.Instant
    var query: (correlation: UInt32, schedule: RetrySchedule)?
    var offer: (correlation: UInt32, body: [UInt8], schedule: RetrySchedule)?
    var leave: RetrySchedule?
    var refresh: (own: Curve25519.KeyAgreement.PrivateKey, schedule: RetrySchedule)?
    /// The private half of the refresh.
    var refreshing: SecretBytes? { refresh.map { SecretBytes($0.own.rawRepresentation) } }
    /// The controllers that are to be told, after a restart, which counters to leave out.
    var resuming: [ControllerID: RetrySchedule] = [:]

    init(now: ContinuousClock.Instant) { pingAt = now + .seconds(1) }

    /// When something is due.
    var nextAt: ContinuousClock.Instant {
        let others = [asker.nextAt, query?.schedule.at, offer?.schedule.at, leave?.at, refresh?.schedule.at]
        return (others + resuming.values.map(\.at)).compactMap { $0 }.reduce(pingAt, min)
    }
}
