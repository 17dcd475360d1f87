import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

/// A group with a root key, one forwarder process and one member; all from one seed.
struct ChannelFixture {
    let group: GroupID
    let root: Curve25519.Signing.PrivateKey
    let signer: Curve25519.Signing.PrivateKey
    let certificate: ControllerCertificate
    let controller: ControllerID
    let boot: BootID
    let member: MemberID
    let suite: Suite
    let relay: SecretBytes
    let start = ContinuousClock.now
    var random: SeededGenerator

    init(_ suite: Suite = .hardenedAESGCM, controller number: UInt32 = 7, seed: UInt64 = 1) throws {
        var random = SeededGenerator(seed: seed)
        // The same group for every controller: the root comes before anything that depends on the controller.
        group = try #require(GroupID(random.bytes(16)))
        root = try Curve25519.Signing.PrivateKey(rawRepresentation: random.bytes(32))
        relay = SecretBytes(count: 32, using: &random)
        member = try #require(MemberID(0x1_0000 + 41))
        self.random = SeededGenerator(seed: seed &* 1_000 &+ UInt64(number))
        controller = try #require(ControllerID(number))
        boot = BootID(using: &self.random)
        signer = try Curve25519.Signing.PrivateKey(rawRepresentation: self.random.bytes(32))
        certificate = try ControllerCertificate.issue(
            controller, roles: .forwarder, notAfter: 604_800, serial: number, key: signer.publicKey, group: group,
            root: root)
        self.suite = suite
    }

    var parties: PairwiseParties {
        get throws {
            try #require(
                PairwiseParties(
                    suite: suite, group: group, member: member, keyID: 0x0102, controller: controller, boot: boot))
        }
    }

    func channel(_ end: PairwiseChannel.End, generation: UInt32 = 0) throws -> PairwiseChannel {
        try PairwiseChannel(parties, end: end, generation: generation, relay: relay)
    }

    /// The secret of an epoch.
    func secret(_ epoch: UInt32) -> SecretBytes {
        var random = SeededGenerator(seed: UInt64(epoch) ^ 0x5EC1_0000_0000)
        return SecretBytes(count: 32, using: &random)
    }

    func sender(epoch: UInt32? = nil) throws -> GroupSender {
        let sender = GroupSender(controller: controller, boot: boot, suite: suite, group: group, signer: signer)
        if let epoch { try sender.install(epoch: epoch, secret: secret(epoch)) }
        return sender
    }

    func receiver(epoch: UInt32, limits: GroupReceiver.Limits = .init()) throws -> GroupReceiver {
        let receiver = GroupReceiver(suite: suite, group: group, limits: limits)
        #expect(receiver.setForwarder(certificate, boot: boot))
        _ = try receiver.install(epoch: epoch, secret: secret(epoch), now: start)
        return receiver
    }

    /// What an insider derives: the forwarder's key in an epoch that the insider is a member of.
    func insidersKey(epoch: UInt32) -> SecretBytes {
        ChannelKeys.groupSender(epochSecret: secret(epoch), controller: controller, boot: boot)
    }
}

extension PairwiseChannel {
    /// Opens raw bytes and gives the body of a whole message.
    func openWhole(_ datagram: [UInt8], now: ContinuousClock.Instant = .now) throws -> [UInt8] {
        try open(UnverifiedMessage(datagram), now: now).wholeBody
    }

    /// Why a datagram is refused; nil if it is not.
    func refusal(_ datagram: [UInt8], now: ContinuousClock.Instant = .now) -> ChannelRefusal? {
        SUPnPTests.refusal { () throws(ChannelRefusal) in _ = try open(UnverifiedMessage(datagram), now: now) }
    }
}

extension GroupReceiver {
    /// Receives raw bytes and gives the body of a whole message; nil if they are held back.
    func openWhole(_ datagram: [UInt8], now: ContinuousClock.Instant) throws -> [UInt8]? {
        switch try receive(UnverifiedMessage(datagram), now: now) {
        case .opened(let message): try message.wholeBody
        case .held: nil
        }
    }

    /// Why a datagram is refused; nil if it is not.
    func refusal(_ datagram: [UInt8], now: ContinuousClock.Instant) -> ChannelRefusal? {
        SUPnPTests.refusal { () throws(ChannelRefusal) in _ = try receive(UnverifiedMessage(datagram), now: now) }
    }
}

extension OpenedMessage {
    /// The body of a message that is no segment.
    var wholeBody: [UInt8] {
        get throws {
            guard case .whole(let body) = frame else {
                Issue.record("a segment")
                return []
            }
            return Array(body)
        }
    }
}

func refusal(_ body: () throws(ChannelRefusal) -> Void) -> ChannelRefusal? {
    do {
        try body()
        return nil
    } catch {
        return error
    }
}

extension [UInt8] {
    /// With one bit changed.
    func flipping(bit: Int) -> [UInt8] {
        var copy = self
        copy[bit / 8] ^= 1 << (7 - UInt8(bit % 8))
        return copy
    }

    /// With the base header's checksum made right again, as an attacker would.
    var withChecksum: [UInt8] {
        var copy = self
        copy[10] = 0
        copy[11] = 0
        var sum = stride(from: 0, to: 12, by: 2).reduce(UInt32(0)) { $0 + UInt32(copy[$1]) << 8 + UInt32(copy[$1 + 1]) }
        while sum > 0xFFFF { sum = sum & 0xFFFF + sum >> 16 }
        copy[10] = UInt8(truncatingIfNeeded: ~sum >> 8)
        copy[11] = UInt8(truncatingIfNeeded: ~sum)
        return copy
    }
}
