import Crypto
import GroupKeys
import SUPnP

/// Two ends of a channel with fixed keys, made anew for each input, and a peer that seals whatever it is given.
struct ChannelPeers {
    let start = ContinuousClock.now
    let member: PairwiseChannel
    private let group: GroupID
    private let controller: ControllerID
    private let parties: PairwiseParties
    private let boot: BootID
    private let key: SecretBytes
    private let epochSecret = SecretBytes([UInt8](repeating: 9, count: 32))

    init() {
        guard let group = GroupID(Array<UInt8>(0xA0..<0xB0)), let boot = BootID(Array<UInt8>(0xB0..<0xC0)),
            let controller = ControllerID(7), let member = MemberID(0x1_0002),
            let parties = PairwiseParties(
                suite: .hardenedAESGCM, group: group, member: member, keyID: 3, controller: controller, boot: boot)
        else { preconditionFailure("fixed names") }
        let relay = SecretBytes([UInt8](repeating: 7, count: 32))
        guard let channel = try? PairwiseChannel(parties, end: .member, generation: 4, relay: relay) else {
            preconditionFailure("a channel with fixed keys")
        }
        self.group = group
        self.controller = controller
        self.parties = parties
        self.boot = boot
        self.member = channel
        key = ChannelKeys.pairwise(relay: relay, controller: controller, boot: boot, direction: .fromController)
    }

    /// A member's end of the group's channel in epoch 9, which knows forwarder 7.
    func receiver() -> GroupReceiver {
        let receiver = GroupReceiver(suite: .hardenedAESGCM, group: group)
        guard let certificate = Self.certificate,
            (try? receiver.install(epoch: 9, secret: epochSecret, now: start)) != nil
        else { preconditionFailure("a receiver with fixed keys") }
        precondition(receiver.setForwarder(certificate, boot: boot), "the forwarder is known")
        return receiver
    }

    /// Of forwarder 7.
    private static let certificate: ControllerCertificate? = {
        guard let root = try? Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 1, count: 32)),
            let signer = try? Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 2, count: 32)),
            let controller = ControllerID(7), let group = GroupID(Array<UInt8>(0xA0..<0xB0))
        else { return nil }
        return try? ControllerCertificate.issue(
            controller, roles: .forwarder, notAfter: 1_000, serial: 1, key: signer.publicKey, group: group, root: root)
    }()

    /// A datagram from the controller with any plaintext.
    func sealed(_ text: [UInt8], counter: UInt64, isControl: Bool = false) -> [UInt8] {
        let flags: HeaderFlags = [.encrypted, .extended, .forwarder]
        let envelope = ExtensionHeader(
            epoch: 4, sender: .controller(controller), counter: counter, keyKind: .pairwise, groupHint: group.hint)
        return seal(text, flags: isControl ? flags.union(.control) : flags, keyID: 3, envelope, key: key)
    }

    /// A broadcast with any plaintext, as every member of the group can seal it.
    func sealedBroadcast(_ text: [UInt8]) -> [UInt8] {
        let envelope = ExtensionHeader(
            epoch: 9, sender: .controller(controller), counter: 5, keyKind: .groupSender, groupHint: group.hint)
        let key = ChannelKeys.groupSender(epochSecret: epochSecret, controller: controller, boot: boot)
        let flags: HeaderFlags = [.encrypted, .extended, .forwarder, .broadcast, .group]
        return seal(text, flags: flags, keyID: 9, envelope, key: key)
    }

    private func seal(
        _ text: [UInt8], flags: HeaderFlags, keyID: UInt16, _ envelope: ExtensionHeader, key: SecretBytes
    ) -> [UInt8] {
        let header = Header(
            flags: flags, suite: .hardenedAESGCM, keyID: keyID, nonce: UInt16(truncatingIfNeeded: envelope.counter),
            bodyCount: 20 + text.count + 16)
        var headers = header.encoded
        envelope.encode(into: &headers)
        var nonce: [UInt8] = []
        nonce.append(bigEndian: envelope.epoch)
        nonce.append(bigEndian: envelope.counter)
        let symmetric = key.withUnsafeBytes { SymmetricKey(data: $0) }
        guard let nonce = try? AES.GCM.Nonce(data: nonce),
            let box = try? AES.GCM.seal(text, using: symmetric, nonce: nonce, authenticating: headers)
        else { preconditionFailure("AES-GCM seals") }
        return headers + box.ciphertext + box.tag
    }
}
