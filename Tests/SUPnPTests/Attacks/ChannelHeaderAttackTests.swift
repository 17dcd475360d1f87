import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

/// F9 to F13 and F18 as far as they concern channels. "Off" is the plain construction that the paper leaves open, built
/// here; "on" is the channel.
@Suite("Attacks on a channel's headers, nonces and keys (F9-F13, F18)")
struct ChannelHeaderAttackTests {
    private let fixture: ChannelFixture
    private let plain: PlainChannel

    init() throws {
        fixture = try ChannelFixture()
        plain = PlainChannel(key: SymmetricKey(data: fixture.relay.exposed))
    }

    @Test("F9: a request that is thrown back passes for a response under one key, and not under one for each way")
    func reflection() throws {
        let request = try plain.seal([1, 2], flags: 0x40, nonce: 9)
        #expect(try plain.open(request) == [1, 2])

        let member = try fixture.channel(.member)
        let sealed = try member.seal([1, 2], .data)[0]
        #expect(member.refusal(sealed) == .otherChannel)
        // With every field of both headers as the controller would have it.
        var dressed = sealed
        dressed[2] |= 0x0C
        dressed.replaceSubrange(16..<20, with: [0, 0, 0, 7])
        #expect(member.refusal(dressed.withChecksum) == .notAuthentic)
    }

    @Test("F10: flags of a header that nobody authenticates are flipped at will; here every flag is authenticated")
    func flippedFlags() throws {
        let data = try plain.seal([1, 2], flags: 0x40, nonce: 9, authenticatesHeader: false)
        for flag in [0x80, 0x20, 0x10, 0x08, 0x04, 0x02] as [UInt8] {
            var flipped = data
            flipped[2] ^= flag
            #expect(try plain.open(flipped.withChecksum, authenticatesHeader: false) == [1, 2])
        }

        let controller = try fixture.channel(.controller)
        let sealed = try fixture.channel(.member).seal([1, 2], .data)[0]
        for flags in 1...0xFF as ClosedRange<UInt8> {
            var flipped = sealed
            flipped[2] ^= flags
            #expect(controller.refusal(flipped.withChecksum) != nil, "flags \(flags)")
        }
        #expect(try controller.openWhole(sealed) == [1, 2])
    }

    @Test("F10: a receiver that takes what is in clear can be fed by anybody; no channel takes it")
    func strippedEncryption() throws {
        var stripped = Header(flags: [], suite: .hardenedAESGCM, nonce: 1, bodyCount: 2).encoded + [0, 0xE1]
        #expect(try plain.openOrTake(stripped) == [0, 0xE1])

        #expect(try fixture.channel(.controller).refusal(stripped) == .clear)
        stripped = Header(flags: [], suite: .classic, nonce: 1, bodyCount: 2).encoded + [0, 0xE1]
        #expect(refusal { () throws(ChannelRefusal) in _ = try UnverifiedClassicMessage(stripped) } == .clear)
        // The flag alone, on a message that was sealed.
        var sealed = try fixture.channel(.member).seal([1], .data)[0]
        sealed[2] &= 0xBF
        #expect(try fixture.channel(.controller).refusal(sealed.withChecksum) == .clear)
    }

    @Test("No downgrade: another suite's number on a message is refused")
    func otherSuite() throws {
        let sealed = try fixture.channel(.member).seal([1], .data)[0]
        for (suite, expected) in [(0, ChannelRefusal.suite), (2, .suite), (3, .header(.suite(3)))] {
            var changed = sealed
            changed[3] = UInt8(suite) << 4 | 1
            #expect(try fixture.channel(.controller).refusal(changed.withChecksum) == expected)
        }
        let receiver = try fixture.receiver(epoch: 5)
        var broadcast = try fixture.sender(epoch: 5).seal([1])[0]
        broadcast[3] = 0x21
        #expect(receiver.refusal(broadcast.withChecksum, now: fixture.start) == .suite)
    }

    @Test("F11: a nonce of 16 bits repeats after 65,536 messages, and then one known text reads the other")
    func twoTimePad() throws {
        let known: [UInt8] = Array("a notice that everybody knows   ".utf8)
        let secret: [UInt8] = Array("the code of the door is 4711    ".utf8)
        let first = try plain.seal(known, flags: 0x40, nonce: 5)
        let second = try plain.seal(secret, flags: 0x40, nonce: UInt16(truncatingIfNeeded: 65_536 + 5))
        let pad = zip(first[12..<44], known).map { $0 ^ $1 }
        #expect(zip(second[12..<44], pad).map { $0 ^ $1 } == secret)

        let registry = NonceRegistry()
        try registry.watching {
            let key = try SealingKey(
                .pairwise(fixture.parties, generation: 0, direction: .toController), key: fixture.relay)
            _ = key.skip(to: 5)
            let first = try key.seal(frame: [0] + known, .data)
            _ = key.skip(to: 65_536 + 5)
            let second = try key.seal(frame: [0] + secret, .data)
            // The header's field is the same 16 bits, as the paper has it; the nonce is not.
            #expect(first[6..<8] == second[6..<8])
            let pad = zip(first[33..<65], known).map { $0 ^ $1 }
            #expect(zip(second[33..<65], pad).map { $0 ^ $1 } != secret)
            for _ in 0..<2_000 { _ = try key.seal(frame: [0, 1], .data) }
        }
        #expect(registry.count == 2_002)
        #expect(registry.repeated.isEmpty)
    }

    @Test("F12: a generation of 16 bits looks current again after 65,536 rekeys; an epoch of 32 bits does not")
    func wrappedGeneration() throws {
        // Off: a member that has slept through 65,536 rekeys takes the header's keyid for its own generation.
        let sleeping: UInt32 = 5
        let today = try fixture.sender(epoch: sleeping + 65_536).seal([1])[0]
        let keyID = try UnverifiedMessage(today).header.keyID
        #expect(keyID == UInt16(truncatingIfNeeded: sleeping))

        // On: it sees that it is behind, and asks.
        let receiver = try fixture.receiver(epoch: sleeping)
        #expect(receiver.refusal(today, now: fixture.start) == .epochAhead)
        #expect(receiver.advance(now: fixture.start + .milliseconds(100)))

        // And what was recorded then does not open today, though the keyid is today's.
        let recorded = try fixture.sender(epoch: sleeping).seal([1])[0]
        let awake = try fixture.receiver(epoch: sleeping + 65_536)
        #expect(try UnverifiedMessage(recorded).header.keyID == keyID)
        #expect(awake.refusal(recorded, now: fixture.start) == .epochOver)
    }

    @Test("F13: one forged fragment spoils a message that is authenticated as a whole, and no message of segments")
    func forgedFragment() throws {
        // Off: fragments are put together first, as IP does with a large datagram.
        let body = SeededGenerator.bytes(8_000, seed: 13)
        var fragments = try plain.seal(body, flags: 0x40, nonce: 1).chunks(of: 1_200)
        fragments[3][100] ^= 1
        #expect(throws: CryptoKitError.self) { try plain.open(Array(fragments.joined())) }

        // On: the forged segment is refused, the genuine one comes, and the message is complete.
        let controller = try fixture.channel(.controller)
        let segments = try fixture.channel(.member).seal(body, .data)
        #expect(segments.allSatisfy { $0.count <= 1_200 })
        #expect(controller.refusal(segments[3].flipping(bit: 800)) == .notAuthentic)
        var assembler = MessageAssembler()
        var whole: [UInt8] = []
        for segment in segments {
            let opened = try controller.open(UnverifiedMessage(segment), now: fixture.start)
            if case .whole(let message) = assembler.receive(opened, now: fixture.start) { whole = message.body }
        }
        #expect(whole == body)
    }

    @Test("F13: a length of 16 bits cuts what is longer; a message that does not fit is refused before it is sent")
    func wrappedLength() throws {
        // Off: a length that is written modulo 2^16 makes a message of 70,000 bytes one of 4,464.
        #expect(UInt16(truncatingIfNeeded: 70_000) == 4_464)
        let member = try fixture.channel(.member)
        #expect(throws: ChannelFault.tooLong) { try member.seal([UInt8](repeating: 0, count: 70_000), .data) }
        #expect(try member.seal([UInt8](repeating: 0, count: 65_536), .data).count == 58)
    }

    @Test("F18: under one key for data and for keys, a wrapped key passes for data; under labels it does not")
    func oneKeyForBoth() throws {
        // Off: the root of the key tree seals keys and data alike, so a rekey item is delivered as an application's text.
        let tek = SeededGenerator.bytes(32, seed: 18)
        let item = try plain.seal(tek, flags: 0xD0, nonce: 3, authenticatesHeader: false)
        var asData = item
        asData[2] = 0x40
        #expect(try plain.open(asData.withChecksum, authenticatesHeader: false) == tek)

        // On: what is sealed under the epoch's secret itself, or under another of its keys, is no broadcast.
        let receiver = try fixture.receiver(epoch: 5)
        let scope = KeyScope.group(
            suite: .hardenedAESGCM, group: fixture.group, controller: fixture.controller, epoch: 5)
        for key in [fixture.secret(5), ChannelKeys.groupConfirmation(epochSecret: fixture.secret(5))] {
            let wrapped = try SealingKey(scope, key: key).seal(frame: [0] + tek, .data)
            #expect(receiver.refusal(wrapped, now: fixture.start) == .notAuthentic)
        }
    }
}

/// The paper's frame with the plain choices: one key for both ways, and the 16 bits of the header for a nonce.
private struct PlainChannel {
    let key: SymmetricKey

    func seal(
        _ text: [UInt8], flags: UInt8, nonce: UInt16, authenticatesHeader: Bool = true
    ) throws -> [UInt8] {
        let header = Header(
            flags: HeaderFlags(rawValue: flags), suite: .classic, keyID: 1, nonce: nonce, bodyCount: text.count + 16
        ).encoded
        let box = try AES.GCM.seal(
            text, using: key, nonce: iv(nonce), authenticating: authenticatesHeader ? header : [])
        return header + Array(box.ciphertext) + Array(box.tag)
    }

    func open(_ datagram: [UInt8], authenticatesHeader: Bool = true) throws -> [UInt8] {
        let header = try Header.decode(datagram)
        let box = try AES.GCM.SealedBox(
            nonce: iv(header.nonce), ciphertext: datagram[12..<datagram.count - 16], tag: datagram.suffix(16))
        return Array(
            try AES.GCM.open(
                box, using: key, authenticating: authenticatesHeader ? Array(datagram.prefix(12)) : []))
    }

    /// A receiver that accepts data in clear beside what is sealed.
    func openOrTake(_ datagram: [UInt8]) throws -> [UInt8] {
        let header = try Header.decode(datagram)
        return header.flags.contains(.encrypted) ? try open(datagram) : Array(datagram.dropFirst(12))
    }

    private func iv(_ nonce: UInt16) throws -> AES.GCM.Nonce {
        try AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 10) + [UInt8(nonce >> 8), UInt8(nonce & 0xFF)])
    }
}

extension [UInt8] {
    fileprivate func chunks(of size: Int) -> [[UInt8]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
