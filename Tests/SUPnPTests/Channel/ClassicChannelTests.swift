import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("Classic channel")
struct ClassicChannelTests {
    private let key = SecretBytes([UInt8](repeating: 0x17, count: 32))
    private let toController = ClassicScope(keyID: 0x0203, isGroupKey: false, direction: .toController)
    private let fromController = ClassicScope(keyID: 0x0203, isGroupKey: false, direction: .fromController)
    private let group = ClassicScope(keyID: 0x0405, isGroupKey: true, direction: .group)

    @Test("What one end seals the other opens")
    func opens() throws {
        for scope in [toController, fromController, group] {
            let kind = MessageKind(isControl: true, isResponse: true, actsAsServer: true)
            let opened = try opener(scope).open(UnverifiedClassicMessage(seal(scope, [1, 2], kind)))
            #expect(opened.body == [1, 2])
            #expect(opened.kind == kind)
            #expect(opened.sender == 0x0A0B)
        }
    }

    @Test("A datagram's bytes are header, IV, ciphertext and tag, sealed with the header as additional data")
    func layout() throws {
        let datagram = try seal(group, [7, 8, 9])
        #expect(datagram.count == 12 + 12 + 3 + 16)
        #expect(Array(datagram[0..<6]) == [0x5E, 0xC1, 0x56, 0x01, 0x04, 0x05])
        #expect(Array(datagram[12..<16]) == [2, 0, 0x0A, 0x0B])
        #expect(datagram[6..<8] == datagram[22..<24])
        let box = try AES.GCM.SealedBox(
            nonce: AES.GCM.Nonce(data: datagram[12..<24]), ciphertext: datagram[24..<27], tag: datagram[27...])
        let text = try AES.GCM.open(
            box, using: SymmetricKey(data: key.exposed), authenticating: datagram.prefix(12))
        #expect(Array(text) == [7, 8, 9])
    }

    @Test("A change of any one bit is refused")
    func everyBit() throws {
        let datagram = try seal(toController, [1, 2, 3])
        let opener = try opener(toController)
        for bit in 0..<datagram.count * 8 {
            #expect(refusal(datagram.flipping(bit: bit), by: opener) != nil, "bit \(bit)")
            // Mending a flipped checksum gives the datagram itself.
            guard !(80..<96).contains(bit) else { continue }
            #expect(refusal(datagram.flipping(bit: bit).withChecksum, by: opener) != nil, "bit \(bit), mended")
        }
        #expect(refusal(datagram, by: opener) == nil)
        #expect(refusal(datagram, by: opener) == .replayed)
    }

    @Test("A message thrown back, or sent to the group, is no message of this channel")
    func directions() throws {
        for (sealed, opened) in [
            (toController, fromController), (fromController, toController), (group, fromController),
        ] {
            #expect(try refusal(seal(sealed, [1]), by: opener(opened)) == .otherChannel)
        }
    }

    @Test("Counters start at a random number when a key is installed, and rise by one")
    func counters() throws {
        let registry = NonceRegistry()
        var random = SeededGenerator(seed: 5)
        var starts: Set<UInt64> = []
        try registry.watching {
            for _ in 0..<50 {
                let sealing = try ClassicSealingKey(toController, key: key, sender: 3, using: &random)
                let first = try UnverifiedClassicMessage(sealing.seal([1], .data)).counter
                #expect(try UnverifiedClassicMessage(sealing.seal([1], .data)).counter == first + 1)
                starts.insert(first)
            }
        }
        #expect(starts.count == 50)
        #expect(registry.repeated.isEmpty)
    }

    @Test("Each sender has a window of 1,024")
    func windows() throws {
        var random = SeededGenerator(seed: 6)
        let opener = try ClassicOpeningKey(group, key: key, senders: [1, 2])
        let first = try ClassicSealingKey(group, key: key, sender: 1, using: &random)
        let second = try ClassicSealingKey(group, key: key, sender: 2, using: &random)
        let third = try ClassicSealingKey(group, key: key, sender: 3, using: &random)
        let datagrams = try (0..<1_030).map { _ in try first.seal([1], .data) }
        #expect(refusal(datagrams[1_025], by: opener) == nil)
        #expect(refusal(datagrams[1], by: opener) == nil)
        #expect(refusal(datagrams[0], by: opener) == .tooOld)
        #expect(try refusal(second.seal([1], .data), by: opener) == nil)
        #expect(refusal(datagrams[2], by: opener) == nil)
        #expect(try refusal(third.seal([1], .data), by: opener) == .otherChannel)
    }

    @Test("A forged message of the highest counter does not close a sender's window")
    func forgedCounter() throws {
        var random = SeededGenerator(seed: 7)
        let opener = try opener(toController)
        let sealing = try ClassicSealingKey(toController, key: key, sender: 3, using: &random)
        var forged = try sealing.seal([1], .data)
        for index in [6, 7] + Array(16..<24) { forged[index] = 0xFF }
        #expect(refusal(forged.withChecksum, by: opener) == .notAuthentic)
        #expect(try refusal(sealing.seal([2], .data), by: opener) == nil)
    }

    @Test("Under one key 1,024 senders are told apart and no more; who was heard is heard on")
    func manySenders() throws {
        var random = SeededGenerator(seed: 8)
        let opener = try ClassicOpeningKey(group, key: key)
        let first = try ClassicSealingKey(group, key: key, sender: 1, using: &random)
        #expect(try refusal(first.seal([1], .data), by: opener) == nil)
        for sender in 2...1_024 as ClosedRange<UInt16> {
            let sealing = try ClassicSealingKey(group, key: key, sender: sender, using: &random)
            #expect(try refusal(sealing.seal([1], .data), by: opener) == nil)
        }
        let last = try ClassicSealingKey(group, key: key, sender: 1_025, using: &random)
        #expect(try refusal(last.seal([1], .data), by: opener) == .unknownSender)
        #expect(try refusal(first.seal([1], .data), by: opener) == nil)
    }

    @Test("Who holds the key cannot have a message taken whose IV, flags or key number are another channel's")
    func mixedHeaders() throws {
        let genuine = try seal(toController, [1])
        // (offset, what is written there): the IV's direction, F, G, and the key's number.
        for (offset, value) in [(12, 1), (12, 2), (2, genuine[2] | 0x04), (2, genuine[2] | 0x02), (5, 4)]
            as [(Int, UInt8)]
        {
            var head = Array(genuine.prefix(24))
            #expect(head[offset] != value)
            head[offset] = value
            head = head.withChecksum
            let box = try AES.GCM.seal(
                [1] as [UInt8], using: SymmetricKey(data: key.exposed), nonce: AES.GCM.Nonce(data: head[12...]),
                authenticating: head.prefix(12))
            let datagram = head + Array(box.ciphertext) + Array(box.tag)
            #expect(refusal(datagram, by: try opener(toController)) == .otherChannel, "offset \(offset), \(value)")
        }
    }

    @Test("Below its floor a group takes no datagram at all")
    func floor() throws {
        let classic = try seal(toController, [1])
        let hardened = try ChannelFixture().channel(.member).seal([1], .data)[0]
        let refused = SUPnPTests.refusal { () throws(ChannelRefusal) in
            _ = try SealedMessage(classic, floor: .hardenedAESGCM)
        }
        #expect(refused == .suite)
        for floor in Suite.allCases {
            guard case .hardened = try SealedMessage(hardened, floor: floor) else {
                Issue.record("not taken as hardened")
                continue
            }
        }
        guard case .classic = try SealedMessage(classic, floor: .classic) else {
            Issue.record("not taken as classic")
            return
        }
    }

    @Test("Hardened datagrams, clear ones and short ones are refused")
    func refusals() throws {
        let hardened = try ChannelFixture().channel(.member).seal([1], .data)[0]
        #expect(refusal(hardened, by: try opener(toController)) == .suite)
        var clear = try seal(toController, [1])
        clear[2] &= 0xBF
        #expect(refusal(clear.withChecksum, by: try opener(toController)) == .clear)
        let datagram = try seal(toController, [1, 2, 3, 4])
        for length in 12..<41 {
            var cut = Array(datagram.prefix(length))
            cut[9] = UInt8(length)
            #expect(refusal(cut.withChecksum, by: try opener(toController)) == .envelope(.short))
        }
        #expect(throws: ChannelFault.tooLong) { try seal(toController, [UInt8](repeating: 0, count: 65_468)) }
        #expect(try seal(toController, [UInt8](repeating: 0, count: 65_467)).count == 65_507)
    }

    private func seal(_ scope: ClassicScope, _ body: [UInt8], _ kind: MessageKind = .data) throws -> [UInt8] {
        var random = SeededGenerator(seed: 4)
        return try ClassicSealingKey(scope, key: key, sender: 0x0A0B, using: &random).seal(body, kind)
    }

    private func opener(_ scope: ClassicScope) throws -> ClassicOpeningKey {
        try ClassicOpeningKey(scope, key: key)
    }

    private func refusal(_ datagram: [UInt8], by opener: ClassicOpeningKey) -> ChannelRefusal? {
        SUPnPTests.refusal { () throws(ChannelRefusal) in _ = try opener.open(UnverifiedClassicMessage(datagram)) }
    }
}
