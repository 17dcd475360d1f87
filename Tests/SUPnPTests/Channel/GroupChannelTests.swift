import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("Group channel")
struct GroupChannelTests {
    @Test("Every member opens what a forwarder broadcasts", arguments: [Suite.hardenedAESGCM, .hardenedChaChaPoly])
    func broadcast(suite: Suite) throws {
        let fixture = try ChannelFixture(suite)
        let datagram = try fixture.sender(epoch: 5).seal([1, 2, 3], .control)[0]
        for _ in 0..<3 {
            let outcome = try fixture.receiver(epoch: 5).receive(UnverifiedMessage(datagram), now: fixture.start)
            guard case .opened(let message) = outcome else {
                Issue.record("held")
                return
            }
            #expect(try message.wholeBody == [1, 2, 3])
            #expect(message.sender == .controller(fixture.controller))
            #expect(message.kind == .control)
            #expect(message.epoch == 5)
        }
    }

    @Test("A broadcast's bytes are those of the specification: form, signature over the headers, group and frame")
    func layout() throws {
        let fixture = try ChannelFixture()
        let datagram = try fixture.sender(epoch: 0x0102_0304).seal([0xAB])[0]
        #expect(datagram.count == 32 + 1 + 64 + 2 + 16)
        #expect(Array(datagram[2..<6]) == [0x57, 0x11, 0x03, 0x04])
        #expect(Array(datagram[12..<20]) == [1, 2, 3, 4, 0, 0, 0, 7])
        #expect(datagram[28] == 2)
        let text = try OtherAEAD(.hardenedAESGCM, key: fixture.insidersKey(epoch: 0x0102_0304)).open(datagram)
        #expect(text[0] == 1)
        #expect(Array(text.suffix(2)) == [0, 0xAB])
        let signed = Array("supnp1 bcast".utf8) + datagram.prefix(32) + fixture.group.bytes + [0, 0xAB]
        #expect(fixture.signer.publicKey.isValidSignature(text[1..<65], for: signed))
    }

    @Test("A change of any one bit is refused, and leaves the message to be opened")
    func everyBit() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        let datagram = try fixture.sender(epoch: 5).seal([1, 2, 3])[0]
        for bit in 0..<datagram.count * 8 {
            let changed = datagram.flipping(bit: bit)
            #expect(receiver.refusal(changed, now: fixture.start) != nil, "bit \(bit)")
            // Mending a flipped checksum gives the datagram itself.
            guard !(80..<96).contains(bit) else { continue }
            let mended = changed.withChecksum
            // Some bits make it a datagram of an epoch that is over, and some of the next, which it waits for in vain.
            if (try? UnverifiedMessage(mended))?.envelope.epoch == 6 {
                #expect(try receiver.openWhole(mended, now: fixture.start) == nil)
            } else {
                #expect(receiver.refusal(mended, now: fixture.start) != nil, "bit \(bit), checksum mended")
            }
        }
        #expect(try receiver.openWhole(datagram, now: fixture.start) == [1, 2, 3])
    }

    @Test("The epoch before is accepted for 2 s, and never sent under")
    func grace() throws {
        let fixture = try ChannelFixture()
        let sender = try fixture.sender(epoch: 5)
        let receiver = try fixture.receiver(epoch: 5)
        let late = try (0..<3).map { try sender.seal([UInt8($0)])[0] }
        try sender.install(epoch: 6, secret: fixture.secret(6))
        #expect(try UnverifiedMessage(sender.seal([9])[0]).envelope.epoch == 6)
        #expect(throws: ChannelFault.notAscending) { try sender.install(epoch: 6, secret: fixture.secret(6)) }
        #expect(throws: ChannelFault.notAscending) { try sender.install(epoch: 5, secret: fixture.secret(5)) }
        _ = try receiver.install(epoch: 6, secret: fixture.secret(6), now: fixture.start)
        let end = fixture.start + .seconds(2)
        #expect(try receiver.openWhole(late[0], now: end - .milliseconds(1)) == [0])
        #expect(receiver.refusal(late[0], now: end - .milliseconds(1)) == .replayed)
        #expect(receiver.refusal(late[1], now: end) == .epochOver)
        #expect(receiver.nextWake == end)
        #expect(!receiver.advance(now: end))
        #expect(receiver.nextWake == nil)
        #expect(receiver.refusal(late[2], now: fixture.start) == .epochOver)
    }

    @Test("A window survives the rekey: what was accepted before it is not accepted after it")
    func windowSurvives() throws {
        let fixture = try ChannelFixture()
        let sender = try fixture.sender(epoch: 5)
        let receiver = try fixture.receiver(epoch: 5)
        let datagrams = try (0..<40).map { try sender.seal([UInt8($0)])[0] }
        for datagram in datagrams.prefix(20) { _ = try receiver.openWhole(datagram, now: fixture.start) }
        _ = try receiver.install(epoch: 6, secret: fixture.secret(6), now: fixture.start)
        for datagram in datagrams.prefix(20) { #expect(receiver.refusal(datagram, now: fixture.start) == .replayed) }
        for datagram in datagrams.suffix(20) { _ = try receiver.openWhole(datagram, now: fixture.start) }
        _ = try receiver.install(epoch: 7, secret: fixture.secret(7), now: fixture.start)
        for datagram in datagrams { #expect(receiver.refusal(datagram, now: fixture.start) == .epochOver) }
    }

    @Test("A forwarder that is first heard after the switch is opened in its grace too")
    func unheardBefore() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        let datagram = try fixture.sender(epoch: 5).seal([1])[0]
        _ = try receiver.install(epoch: 6, secret: fixture.secret(6), now: fixture.start)
        #expect(try receiver.openWhole(datagram, now: fixture.start) == [1])
    }

    @Test("Datagrams of the next epoch wait for it, 64 and one second at most, and are opened in order")
    func held() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        let sender = try fixture.sender(epoch: 6)
        let now = fixture.start
        let datagrams = try (0..<66).map { try sender.seal([UInt8($0)])[0] }
        #expect(try receiver.openWhole(datagrams[0], now: now - .seconds(1)) == nil)
        for datagram in datagrams[1..<65] { #expect(try receiver.openWhole(datagram, now: now) == nil) }
        #expect(receiver.refusal(datagrams[65], now: now) == .epochAhead)
        let opened = try receiver.install(epoch: 6, secret: fixture.secret(6), now: now + .milliseconds(999))
        #expect(try opened.map { try $0.wholeBody[0] } == Array(1..<65))
        #expect(receiver.refusal(datagrams[1], now: now) == .replayed)
        #expect(try receiver.openWhole(datagrams[0], now: now) == [0])
    }

    @Test("What waits is bounded in bytes too")
    func heldBytes() throws {
        let fixture = try ChannelFixture()
        var limits = GroupReceiver.Limits()
        limits.heldBytes = 2_500
        let receiver = try fixture.receiver(epoch: 5, limits: limits)
        let sender = try fixture.sender(epoch: 6)
        for _ in 0..<2 {
            let large = try sender.seal([UInt8](repeating: 1, count: 1_000))[0]
            #expect(try receiver.openWhole(large, now: fixture.start) == nil)
        }
        let third = try sender.seal([UInt8](repeating: 1, count: 1_000))[0]
        #expect(receiver.refusal(third, now: fixture.start) == .epochAhead)
        #expect(try receiver.openWhole(sender.seal([1])[0], now: fixture.start) == nil)
    }

    @Test("What has waited for longer than a second is dropped")
    func heldTooLong() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        #expect(try receiver.openWhole(fixture.sender(epoch: 6).seal([1])[0], now: fixture.start) == nil)
        let opened = try receiver.install(epoch: 6, secret: fixture.secret(6), now: fixture.start + .seconds(1))
        #expect(opened.isEmpty)
    }

    @Test("A sign of a later epoch asks the key manager after 100 ms, once in 2 s")
    func asking() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        let now = fixture.start
        let far = try fixture.sender(epoch: 0xFFFF_FFFF).seal([1])[0]
        #expect(receiver.refusal(far, now: now) == .epochAhead)
        #expect(receiver.nextWake == now + .milliseconds(100))
        #expect(!receiver.advance(now: now + .milliseconds(99)))
        #expect(receiver.advance(now: now + .milliseconds(100)))
        #expect(!receiver.advance(now: now + .milliseconds(101)))
        #expect(receiver.refusal(far, now: now + .milliseconds(200)) == .epochAhead)
        #expect(receiver.nextWake == now + .milliseconds(2_100))
        _ = try receiver.install(epoch: 6, secret: fixture.secret(6), now: now + .milliseconds(300))
        #expect(!receiver.advance(now: now + .milliseconds(2_100)))
    }

    @Test("Nobody is heard without a certificate of a forwarder that holds")
    func certificates() throws {
        let fixture = try ChannelFixture()
        let datagram = try fixture.sender(epoch: 5).seal([1])[0]
        let receiver = GroupReceiver(suite: .hardenedAESGCM, group: fixture.group)
        #expect(receiver.refusal(datagram, now: fixture.start) == .epochOver)
        _ = try receiver.install(epoch: 5, secret: fixture.secret(5), now: fixture.start)
        #expect(receiver.refusal(datagram, now: fixture.start) == .unknownSender)
        let keyManager = try ControllerCertificate.issue(
            fixture.controller, roles: .keyManager, notAfter: 9, serial: 1, key: fixture.signer.publicKey,
            group: fixture.group, root: fixture.root)
        #expect(!receiver.setForwarder(keyManager, boot: fixture.boot))
        #expect(receiver.setForwarder(fixture.certificate, boot: fixture.boot))
        receiver.update(time: 0, revoked: [fixture.certificate.serial])
        #expect(receiver.refusal(datagram, now: fixture.start) == .unknownSender)
        #expect(!receiver.setForwarder(fixture.certificate, boot: fixture.boot))
        receiver.update(time: 604_801, revoked: [])
        #expect(receiver.refusal(datagram, now: fixture.start) == .unknownSender)
        // Time does not go back, whatever a later BEACON says.
        receiver.update(time: 0, revoked: [])
        #expect(receiver.refusal(datagram, now: fixture.start) == .unknownSender)
    }

    @Test("A forwarder that has restarted is heard under its new boot, and nothing of its old one")
    func boots() throws {
        let registry = NonceRegistry()
        try registry.watching {
            var fixture = try ChannelFixture()
            let receiver = try fixture.receiver(epoch: 5)
            let recorded = try fixture.sender(epoch: 5).seal([1])[0]
            #expect(try receiver.openWhole(recorded, now: fixture.start) == [1])
            let boot = BootID(using: &fixture.random)
            let restarted = GroupSender(
                controller: fixture.controller, boot: boot, suite: .hardenedAESGCM, group: fixture.group,
                signer: fixture.signer)
            try restarted.install(epoch: 5, secret: fixture.secret(5))
            _ = try restarted.seal([0])
            let fresh = try restarted.seal([2])[0]
            #expect(receiver.refusal(fresh, now: fixture.start) == .notAuthentic)
            #expect(receiver.setForwarder(fixture.certificate, boot: boot))
            #expect(try receiver.openWhole(fresh, now: fixture.start) == [2])
            #expect(receiver.refusal(recorded, now: fixture.start) == .notAuthentic)
            // Should the old process be named again, its window is as it was.
            #expect(receiver.setForwarder(fixture.certificate, boot: fixture.boot))
            #expect(receiver.refusal(recorded, now: fixture.start) == .replayed)
        }
        #expect(registry.repeated.isEmpty)
    }

    @Test("So many forwarders are known and no more, but those whose certificates are over make room")
    func manyForwarders() throws {
        let fixture = try ChannelFixture()
        let receiver = try fixture.receiver(epoch: 5)
        func certificate(_ number: UInt32, notAfter: UInt64) throws -> ControllerCertificate {
            try ControllerCertificate.issue(
                #require(ControllerID(number)), roles: .forwarder, notAfter: notAfter, serial: number,
                key: fixture.signer.publicKey, group: fixture.group, root: fixture.root)
        }
        for number in 100..<163 as Range<UInt32> {
            #expect(receiver.setForwarder(try certificate(number, notAfter: 10), boot: fixture.boot))
        }
        #expect(!receiver.setForwarder(try certificate(163, notAfter: 20), boot: fixture.boot))
        #expect(receiver.setForwarder(try certificate(162, notAfter: 20), boot: fixture.boot))
        receiver.update(time: 11, revoked: [])
        #expect(receiver.setForwarder(try certificate(163, notAfter: 20), boot: fixture.boot))
        #expect(try receiver.openWhole(fixture.sender(epoch: 5).seal([1])[0], now: fixture.start) == [1])
    }

    @Test("A member that has restarted accepts nothing of its epoch before it knows where to begin")
    func floors() throws {
        let fixture = try ChannelFixture()
        let sender = try fixture.sender(epoch: 5)
        let old = try sender.seal([1])[0]
        let receiver = GroupReceiver(suite: .hardenedAESGCM, group: fixture.group, resumedThrough: 5)
        #expect(receiver.setForwarder(fixture.certificate, boot: fixture.boot))
        _ = try receiver.install(epoch: 5, secret: fixture.secret(5), now: fixture.start)
        #expect(receiver.refusal(old, now: fixture.start) == .awaitingFloor)
        let floor = try #require(sender.nextCounter)
        receiver.raiseFloor(fixture.controller, epoch: 4, to: 0)
        #expect(receiver.refusal(old, now: fixture.start) == .awaitingFloor)
        receiver.raiseFloor(fixture.controller, epoch: 5, to: floor)
        #expect(receiver.refusal(old, now: fixture.start) == .tooOld)
        #expect(try receiver.openWhole(sender.seal([2])[0], now: fixture.start) == [2])
        try sender.install(epoch: 6, secret: fixture.secret(6))
        _ = try receiver.install(epoch: 6, secret: fixture.secret(6), now: fixture.start)
        #expect(try receiver.openWhole(sender.seal([3])[0], now: fixture.start) == [3])
    }

    @Test("A fenced forwarder sends nothing until the next epoch")
    func fence() throws {
        let fixture = try ChannelFixture()
        let sender = try fixture.sender()
        #expect(throws: ChannelFault.noKey) { try sender.seal([1]) }
        try sender.install(epoch: 5, secret: fixture.secret(5))
        sender.fence()
        #expect(throws: ChannelFault.noKey) { try sender.seal([1]) }
        #expect(throws: ChannelFault.notAscending) { try sender.install(epoch: 5, secret: fixture.secret(5)) }
        try sender.install(epoch: 6, secret: fixture.secret(6))
        #expect(try sender.seal([1]).count == 1)
    }

    @Test("Several forwarders share an epoch without sharing a key")
    func forwarders() throws {
        let registry = NonceRegistry()
        try registry.watching {
            let first = try ChannelFixture()
            let second = try ChannelFixture(controller: 8)
            #expect(first.group == second.group)
            let receiver = try first.receiver(epoch: 5)
            let datagram = try second.sender(epoch: 5).seal([2])[0]
            #expect(receiver.refusal(datagram, now: first.start) == .unknownSender)
            #expect(receiver.setForwarder(second.certificate, boot: second.boot))
            #expect(try receiver.openWhole(datagram, now: first.start) == [2])
            #expect(try receiver.openWhole(first.sender(epoch: 5).seal([1])[0], now: first.start) == [1])
        }
        #expect(registry.count == 2)
        #expect(registry.repeated.isEmpty)
    }
}
