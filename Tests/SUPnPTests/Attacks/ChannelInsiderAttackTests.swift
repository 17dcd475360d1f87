import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

/// F8: every server holds the group's key. Each attack works against a channel without the fix, and fails with it.
@Suite("Attacks of a group's insider (F8)")
struct ChannelInsiderAttackTests {
    private let fixture: ChannelFixture
    private let insider: Curve25519.Signing.PrivateKey

    init() throws {
        fixture = try ChannelFixture()
        insider = try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 0x66, count: 32))
    }

    @Test(
        "Classic: a server forges a request of the forwarder. Hardened: nothing but the forwarder's signature will do")
    func forgedBroadcast() throws {
        // Off: suite 0, where the TEK is all that it takes.
        let tek = fixture.secret(5)
        var random = SeededGenerator(seed: 1)
        let scope = ClassicScope(keyID: 5, isGroupKey: true, direction: .group)
        let forged = try ClassicSealingKey(scope, key: tek, sender: 7, using: &random).seal([0xE1], .data)
        let victim = try ClassicOpeningKey(scope, key: tek, senders: [7])
        #expect(try victim.open(UnverifiedClassicMessage(forged)).body == [0xE1])

        // On: the insider seals under the forwarder's own key of the epoch, with every proof that it can make.
        let receiver = try fixture.receiver(epoch: 5)
        for (name, datagram) in try forgeries() {
            #expect(receiver.refusal(datagram, now: fixture.start) == .notSigned, "\(name)")
        }
        #expect(try receiver.openWhole(fixture.sender(epoch: 5).seal([1])[0], now: fixture.start) == [1])
    }

    @Test("A window that a broadcast's seal alone moves is closed by an insider; the signature comes first")
    func closedWindow() throws {
        let genuine = try fixture.sender(epoch: 5).seal([1])[0]
        let last = ExtensionHeader.counterLimit - 1
        let closing = try seal(text: [1] + [UInt8](repeating: 0, count: 64) + [0, 9], counter: last)

        // Off: authenticate, record, and only then look at the signature.
        var window = ReplayWindow()
        let key = OtherAEAD(.hardenedAESGCM, key: fixture.insidersKey(epoch: 5))
        _ = try key.open(closing)
        _ = try window.record(UnverifiedMessage(closing).envelope.counter)
        #expect(try window.verdict(UnverifiedMessage(genuine).envelope.counter) == .tooOld)

        // On.
        let receiver = try fixture.receiver(epoch: 5)
        #expect(receiver.refusal(closing, now: fixture.start) == .notSigned)
        #expect(try receiver.openWhole(genuine, now: fixture.start) == [1])
    }

    @Test("Classic: a server forges another's answer under the group's key. Hardened: answers are pairwise only")
    func forgedAnswer() throws {
        // Off: answers under the TEK (`acceptGroupAnswers`), from whom they say.
        let tek = fixture.secret(5)
        var random = SeededGenerator(seed: 1)
        let scope = ClassicScope(keyID: 5, isGroupKey: true, direction: .toController)
        let forged = try ClassicSealingKey(scope, key: tek, sender: 0x0102, using: &random).seal([0xE1], .data)
        let opened = try ClassicOpeningKey(scope, key: tek).open(UnverifiedClassicMessage(forged))
        #expect(opened.sender == 0x0102)

        // On: neither the key of the epoch nor that of another member opens the victim's channel.
        let controller = try fixture.channel(.controller)
        let victimScope = KeyScope.pairwise(try fixture.parties, generation: 0, direction: .toController)
        for key in [fixture.secret(5), fixture.insidersKey(epoch: 5), SecretBytes([UInt8](repeating: 1, count: 32))] {
            let answer = try SealingKey(victimScope, key: key).seal(frame: [0, 0xE1], .data)
            #expect(controller.refusal(answer) == .notAuthentic)
        }
        let asMember = try seal(
            text: [0, 0xE1],
            scope: .group(suite: .hardenedAESGCM, group: fixture.group, controller: fixture.controller, epoch: 5))
        #expect(controller.refusal(asMember) == .otherChannel)
    }

    @Test("A signature is for one message: it moves to no other counter, place in a burst, epoch or form")
    func movedSignature() throws {
        let sender = try fixture.sender(epoch: 5)
        let key = OtherAEAD(.hardenedAESGCM, key: fixture.insidersKey(epoch: 5))
        let single = try key.open(sender.seal([0xAA])[0])
        let burst = try sender.sealBurst([[0xA0], [0xA1], [0xA2]]).map { try key.open($0) }
        let receiver = try fixture.receiver(epoch: 5)
        var texts = [("the same text at another counter", single)]
        for (index, text) in burst.enumerated() {
            texts.append(("message \(index) of a burst at another counter", text))
            for depth in 0...15 as ClosedRange<UInt8> {
                for other in 0...15 as ClosedRange<UInt8> {
                    var moved = text
                    moved[1] = depth << 4 | other
                    texts.append(("message \(index) of a burst as \(depth), \(other)", moved))
                }
            }
            texts.append(("a burst's signature as a single one", [1] + text[2..<66] + [0, 0xAA]))
        }
        texts.append(("a single signature as a burst's", [2, 0x10] + single[1..<65] + burst[0][66..<98] + [0, 0xAA]))
        for (name, text) in texts {
            #expect(try receiver.refusal(seal(text: text, counter: 500), now: fixture.start) == .notSigned, "\(name)")
        }
        // The next epoch, with everything else the same.
        _ = try receiver.install(epoch: 6, secret: fixture.secret(6), now: fixture.start)
        let later = KeyScope.group(
            suite: .hardenedAESGCM, group: fixture.group, controller: fixture.controller, epoch: 6)
        let datagram = try SealingKey(later, key: fixture.insidersKey(epoch: 6)).seal(frame: single, .data)
        #expect(receiver.refusal(datagram, now: fixture.start) == .notSigned)
    }

    @Test("A burst that was verified vouches for its own messages only, at their own places")
    func verifiedBurst() throws {
        let bodies: [[UInt8]] = [[0xA0], [0xA1], [0xA2]]
        let datagrams = try fixture.sender(epoch: 5).sealBurst(bodies)
        let key = OtherAEAD(.hardenedAESGCM, key: fixture.insidersKey(epoch: 5))
        let texts = try datagrams.map { try key.open($0) }
        let receiver = try fixture.receiver(epoch: 5)
        #expect(try receiver.openWhole(datagrams[0], now: fixture.start) == [0xA0])
        // Its signature is known from here on, and the insider puts something else behind it.
        var changed = texts[1]
        changed[changed.count - 1] ^= 1
        #expect(try receiver.refusal(seal(text: changed, counter: 1), now: fixture.start) == .notSigned)
        #expect(try receiver.refusal(seal(text: texts[1], counter: 2), now: fixture.start) == .notSigned)
        // The same message at the same place under another number: there is one encoding.
        for index in [1 + 4, 1 + 8, 1 + 12] as [UInt8] {
            var renumbered = texts[1]
            renumbered[1] = 2 << 4 | index
            #expect(try receiver.refusal(seal(text: renumbered, counter: 1), now: fixture.start) == .notSigned)
        }
        #expect(try receiver.openWhole(datagrams[1], now: fixture.start) == [0xA1])
    }

    @Test("A signature of one group is none in another, though forwarder, headers and text are the same")
    func otherGroupsSignature() throws {
        let bytes = fixture.group.bytes
        let group = try #require(GroupID(bytes.prefix(2) + bytes.suffix(14).reversed()))
        let there = GroupSender(
            controller: fixture.controller, boot: fixture.boot, suite: .hardenedAESGCM, group: group,
            signer: fixture.signer)
        try there.install(epoch: 5, secret: fixture.secret(6))
        // Who is in both groups opens it there, and seals it again here.
        let key = OtherAEAD(
            .hardenedAESGCM,
            key: ChannelKeys.groupSender(
                epochSecret: fixture.secret(6), controller: fixture.controller, boot: fixture.boot))
        let receiver = try fixture.receiver(epoch: 5)
        for datagram in try there.seal([0xAA]) + there.sealBurst([[0xA0], [0xA1]]) {
            let counter = try UnverifiedMessage(datagram).envelope.counter
            let moved = try seal(text: key.open(datagram), counter: counter)
            #expect(moved.prefix(32) == datagram.prefix(32))
            #expect(receiver.refusal(moved, now: fixture.start) == .notSigned)
        }
    }

    @Test("In a burst's tree no inner node passes for a message, and no missing leaf either")
    func nodesAsLeaves() throws {
        let sender = try fixture.sender(epoch: 5)
        let key = OtherAEAD(.hardenedAESGCM, key: fixture.insidersKey(epoch: 5))
        let text = try key.open(sender.sealBurst([[1], [2], [3]])[2])
        let receiver = try fixture.receiver(epoch: 5)
        let signature = text[2..<66]
        let path = text[66..<130]
        let candidates: [[UInt8]] = [
            // The pair (2, 3) as the text of a leaf one level up.
            [2, 1 << 4 | 1] + signature + path.suffix(32) + [1] + [UInt8](repeating: 0, count: 64),
            // The empty place 3.
            [2, 2 << 4 | 3] + signature + path + [0, 3],
            [2, 2 << 4 | 3] + signature + path + [UInt8](repeating: 0, count: 32),
        ]
        for candidate in candidates {
            #expect(try receiver.refusal(seal(text: candidate, counter: 500), now: fixture.start) == .notSigned)
        }
    }

    /// What an insider can make of its own keys and of what it has heard.
    private func forgeries() throws -> [(String, [UInt8])] {
        let payload: [UInt8] = [0, 0xE1]
        let heard = try OtherAEAD(.hardenedAESGCM, key: fixture.insidersKey(epoch: 5)).open(
            fixture.sender(epoch: 5).seal([0x01])[0])
        let own = GroupSender(
            controller: fixture.controller, boot: fixture.boot, suite: .hardenedAESGCM, group: fixture.group,
            signer: insider)
        try own.install(epoch: 5, secret: fixture.secret(5))
        return [
            ("without a signature", try seal(text: payload)),
            ("an unknown form", try seal(text: [3] + [UInt8](repeating: 0, count: 64) + payload)),
            ("zeros for a signature", try seal(text: [1] + [UInt8](repeating: 0, count: 64) + payload)),
            ("a signature and no payload", try seal(text: Array(heard.prefix(65)))),
            ("another message's signature", try seal(text: heard.prefix(65) + payload)),
            ("its own signature", try own.seal([0xE1])[0]),
            ("a burst under its own signature", try own.sealBurst([[0xE1], [0xE2]])[1]),
            ("a burst that is cut short", try seal(text: [2, 0x40] + [UInt8](repeating: 0, count: 100))),
        ]
    }

    private func seal(text: [UInt8], counter: UInt64 = 100, scope: KeyScope? = nil) throws -> [UInt8] {
        let scope =
            scope ?? .group(suite: .hardenedAESGCM, group: fixture.group, controller: fixture.controller, epoch: 5)
        return try SealingKey(scope, key: fixture.insidersKey(epoch: 5), next: counter).seal(frame: text, .data)
    }
}
