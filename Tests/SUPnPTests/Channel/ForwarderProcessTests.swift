import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

/// What a member of the group channel knows of forwarders and their processes, and when it forgets it.
@Suite("Forwarders' processes in an epoch")
struct ForwarderProcessTests {
    @Test("A renewed certificate is what counts: its key, and how long it holds")
    func renewed() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        let key = try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 0x44, count: 32))
        let renewed = try ControllerCertificate.issue(
            fixture.controller, roles: .forwarder, notAfter: 1_209_600, serial: 77, key: key.publicKey,
            group: fixture.group, root: fixture.root)
        let sender = GroupSender(
            controller: fixture.controller, boot: fixture.boot, suite: .hardenedAESGCM, group: fixture.group,
            signer: key)
        try sender.install(epoch: 5, secret: fixture.secret(5))
        let early = try sender.seal([1])[0]
        #expect(receiver.refusal(early, now: fixture.start) == .notSigned)
        #expect(receiver.setForwarder(renewed, boot: fixture.boot))
        #expect(try receiver.openWhole(early, now: fixture.start) == [1])
        // The key of before signs nothing more, and the time of before does not end it.
        let old = try fixture.sender(epoch: 5)
        _ = try old.seal([0])
        #expect(try receiver.refusal(old.seal([2])[0], now: fixture.start) == .notSigned)
        receiver.update(time: 700_000, revoked: [fixture.certificate.serial])
        #expect(try receiver.openWhole(sender.seal([3])[0], now: fixture.start) == [3])
    }

    @Test("The secret of the epoch before is gone: a process that is named after the switch has no key of it")
    func secretGone() throws {
        var fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        let boot = BootID(using: &fixture.random)
        let sender = GroupSender(
            controller: fixture.controller, boot: boot, suite: .hardenedAESGCM, group: fixture.group,
            signer: fixture.signer)
        try sender.install(epoch: 5, secret: fixture.secret(5))
        let late = try sender.seal([1])[0]
        _ = try receiver.install(epoch: 6, secret: fixture.secret(6), now: fixture.start)
        #expect(receiver.setForwarder(fixture.certificate, boot: boot))
        #expect(receiver.refusal(late, now: fixture.start) == .epochOver)
        // The process that was known at the switch has one, though another has taken its place since.
        #expect(receiver.setForwarder(fixture.certificate, boot: fixture.boot))
        #expect(try receiver.openWhole(fixture.sender(epoch: 5).seal([2])[0], now: fixture.start) == [2])
    }

    @Test("An epoch knows 256 processes and no more; the next begins anew")
    func manyProcesses() throws {
        var fixture = try ChannelFixture()
        let receiver = GroupReceiver(suite: .hardenedAESGCM, group: fixture.group)
        _ = try receiver.install(epoch: 5, secret: fixture.secret(5), now: fixture.start)
        for number in 0...256 {
            let boot = BootID(using: &fixture.random)
            #expect(receiver.setForwarder(fixture.certificate, boot: boot))
            let sender = GroupSender(
                controller: fixture.controller, boot: boot, suite: .hardenedAESGCM, group: fixture.group,
                signer: fixture.signer)
            try sender.install(epoch: 5, secret: fixture.secret(5))
            let datagram = try sender.seal([1])[0]
            #expect(receiver.refusal(datagram, now: fixture.start) == (number < 256 ? nil : .unknownSender))
            guard number == 256 else { continue }
            _ = try receiver.install(epoch: 6, secret: fixture.secret(6), now: fixture.start)
            try sender.install(epoch: 6, secret: fixture.secret(6))
            #expect(try receiver.openWhole(sender.seal([2])[0], now: fixture.start) == [2])
        }
    }

    @Test("An epoch that is not above the present one is not installed")
    func ascending() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        let datagram = try fixture.sender(epoch: 5).seal([1])[0]
        #expect(try receiver.openWhole(datagram, now: fixture.start) == [1])
        for epoch in [0, 4, 5] as [UInt32] {
            #expect(throws: ChannelFault.notAscending) {
                try receiver.install(epoch: epoch, secret: fixture.secret(epoch), now: fixture.start)
            }
        }
        // The window is as it was.
        #expect(receiver.refusal(datagram, now: fixture.start) == .replayed)
    }

    @Test("A datagram of another group or suite neither waits nor asks, whatever epoch it names")
    func strangers() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        let group = try #require(GroupID(fixture.group.bytes.reversed()))
        let other = GroupSender(
            controller: fixture.controller, boot: fixture.boot, suite: .hardenedAESGCM, group: group,
            signer: fixture.signer)
        try other.install(epoch: 6, secret: fixture.secret(6))
        #expect(try receiver.refusal(other.seal([1])[0], now: fixture.start) == .otherChannel)
        let suite = try ChannelFixture(.hardenedChaChaPoly).sender(epoch: 6)
        #expect(try receiver.refusal(suite.seal([1])[0], now: fixture.start) == .suite)
        let pairwise = try fixture.channel(.controller, generation: 6).seal([1], .data)[0]
        #expect(receiver.refusal(pairwise, now: fixture.start) == .otherChannel)
        #expect(receiver.nextWake == nil)
    }

    @Test("A floor counts for a process that has been heard too")
    func floorAfterwards() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        let sender = try fixture.sender(epoch: 5)
        let datagrams = try (0..<4).map { try sender.seal([UInt8($0)])[0] }
        #expect(try receiver.openWhole(datagrams[0], now: fixture.start) == [0])
        receiver.raiseFloor(fixture.controller, epoch: 5, to: 3)
        #expect(receiver.refusal(datagrams[2], now: fixture.start) == .tooOld)
        #expect(try receiver.openWhole(datagrams[3], now: fixture.start) == [3])
    }

    @Test("Segments of two long broadcasts do not mix, however they come")
    func twoLongBroadcasts() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        let sender = try fixture.sender(epoch: 5)
        let bodies = [SeededGenerator.bytes(9_000, seed: 1), SeededGenerator.bytes(9_000, seed: 2)]
        let sealed = try bodies.map { try sender.seal($0) }
        var assembler = MessageAssembler()
        var whole: [[UInt8]] = []
        for datagram in zip(sealed[0], sealed[1]).flatMap({ [$0, $1] }) {
            guard case .opened(let message) = try receiver.receive(UnverifiedMessage(datagram), now: fixture.start)
            else { continue }
            if case .whole(let message) = assembler.receive(message, now: fixture.start) { whole.append(message.body) }
        }
        #expect(whole == bodies)
    }
}
