import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("Pairwise channel")
struct PairwiseChannelTests {
    private static let suites = [Suite.hardenedAESGCM, .hardenedChaChaPoly]

    @Test("What one end seals the other opens, both ways", arguments: suites)
    func bothWays(suite: Suite) throws {
        let fixture = try ChannelFixture(suite)
        let member = try fixture.channel(.member)
        let controller = try fixture.channel(.controller)
        let kind = MessageKind(isControl: true, isResponse: true, actsAsServer: true)
        let request = try controller.open(UnverifiedMessage(member.seal([1, 2, 3], kind)[0]), now: fixture.start)
        #expect(try request.wholeBody == [1, 2, 3])
        #expect(request.kind == kind)
        #expect(request.sender == .member(fixture.member))
        let answer = try member.open(UnverifiedMessage(controller.seal([4], .data)[0]), now: fixture.start)
        #expect(try answer.wholeBody == [4])
        #expect(answer.kind == .data)
        #expect(answer.sender == .controller(fixture.controller))
    }

    @Test("A datagram's bytes are those of the specification, 3.6.1, sealed with the nonce epoch and counter")
    func layout() throws {
        let fixture = try ChannelFixture()
        let member = try fixture.channel(.member, generation: 0x0A0B_0C0D)
        _ = try member.seal([9], .data)
        let datagram = try member.seal([0xAA, 0xBB], .control)[0]
        let head: [UInt8] =
            [0x5E, 0xC1, 0xC1, 0x11, 0x01, 0x02, 0x00, 0x01, 0x00, 0x33] + datagram[10..<12]
            + [0x0A, 0x0B, 0x0C, 0x0D, 0x00, 0x01, 0x00, 0x29] + [0, 0, 0, 0, 0, 0, 0, 1]
            + [1, 0] + fixture.group.bytes.prefix(2)
        #expect(Array(datagram.prefix(32)) == head)
        let key = ChannelKeys.pairwise(
            relay: fixture.relay, controller: fixture.controller, boot: fixture.boot, direction: .toController)
        let box = try AES.GCM.SealedBox(
            nonce: AES.GCM.Nonce(data: [0x0A, 0x0B, 0x0C, 0x0D, 0, 0, 0, 0, 0, 0, 0, 1] as [UInt8]),
            ciphertext: datagram[32..<datagram.count - 16], tag: datagram.suffix(16))
        let text = try AES.GCM.open(box, using: SymmetricKey(data: key.exposed), authenticating: head)
        #expect(Array(text) == [0, 0xAA, 0xBB])
    }

    @Test("A change of any one bit is refused, and leaves the message to be opened", arguments: suites)
    func everyBit(suite: Suite) throws {
        let fixture = try ChannelFixture(suite)
        let member = try fixture.channel(.member)
        let controller = try fixture.channel(.controller)
        let datagram = try member.seal(Array(0..<40), .data)[0]
        for bit in 0..<datagram.count * 8 {
            #expect(controller.refusal(datagram.flipping(bit: bit)) != nil, "bit \(bit)")
            // Mending a flipped checksum gives the datagram itself.
            guard !(80..<96).contains(bit) else { continue }
            #expect(controller.refusal(datagram.flipping(bit: bit).withChecksum) != nil, "bit \(bit), checksum mended")
        }
        #expect(try controller.openWhole(datagram) == Array(0..<40))
    }

    @Test("A message is opened once, in any order, and not when it is too old")
    func order() throws {
        let fixture = try ChannelFixture()
        let member = try fixture.channel(.member)
        let controller = try fixture.channel(.controller)
        let datagrams = try (0..<1_100).map { try member.seal([UInt8($0 & 0xFF)], .data)[0] }
        #expect(try controller.openWhole(datagrams[1_050]) == [UInt8(1_050 & 0xFF)])
        #expect(try controller.openWhole(datagrams[26]) == [26])
        #expect(controller.refusal(datagrams[25]) == .tooOld)
        #expect(controller.refusal(datagrams[26]) == .replayed)
        #expect(controller.refusal(datagrams[1_050]) == .replayed)
        for index in (27..<1_050).reversed() { _ = try controller.openWhole(datagrams[index]) }
        for index in 27...1_050 { #expect(controller.refusal(datagrams[index]) == .replayed) }
    }

    @Test("A forged message of the highest counter does not close the window")
    func forgedCounter() throws {
        let fixture = try ChannelFixture()
        let member = try fixture.channel(.member)
        let controller = try fixture.channel(.controller)
        var forged = try member.seal([1], .data)[0]
        for index in 22..<28 { forged[index] = 0xFF }
        forged[6] = 0xFF
        forged[7] = 0xFF
        #expect(controller.refusal(forged.withChecksum) == .notAuthentic)
        #expect(try controller.openWhole(member.seal([2], .data)[0]) == [2])
    }

    @Test("Another member, controller, boot, key number, group or suite is another channel")
    func parties() throws {
        let fixture = try ChannelFixture()
        let parties = try fixture.parties
        let other = try ChannelFixture(controller: 8)
        let datagram = try fixture.channel(.member).seal([1], .data)[0]
        let group = try #require(GroupID(parties.group.bytes.reversed()))
        let member = try #require(MemberID(parties.member.rawValue + 1))
        let variants = [
            PairwiseParties(
                suite: .hardenedChaChaPoly, group: parties.group, member: parties.member, keyID: parties.keyID,
                controller: parties.controller, boot: parties.boot),
            PairwiseParties(
                suite: parties.suite, group: group, member: parties.member, keyID: parties.keyID,
                controller: parties.controller, boot: parties.boot),
            PairwiseParties(
                suite: parties.suite, group: parties.group, member: member, keyID: parties.keyID,
                controller: parties.controller, boot: parties.boot),
            PairwiseParties(
                suite: parties.suite, group: parties.group, member: parties.member, keyID: 9,
                controller: parties.controller, boot: parties.boot),
            PairwiseParties(
                suite: parties.suite, group: parties.group, member: parties.member, keyID: parties.keyID,
                controller: other.controller, boot: parties.boot),
            PairwiseParties(
                suite: parties.suite, group: parties.group, member: parties.member, keyID: parties.keyID,
                controller: parties.controller, boot: other.boot),
        ]
        let expected: [ChannelRefusal] = [
            .suite, .otherChannel, .otherChannel, .otherChannel, .notAuthentic, .notAuthentic,
        ]
        for (variant, refusal) in zip(variants, expected) {
            let channel = try PairwiseChannel(
                #require(variant), end: .controller, generation: 0, relay: fixture.relay)
            #expect(channel.refusal(datagram) == refusal)
        }
    }

    @Test("A key is dead at 2^48 messages")
    func death() throws {
        let fixture = try ChannelFixture()
        let scope = KeyScope.pairwise(try fixture.parties, generation: 0, direction: .toController)
        let last = ExtensionHeader.counterLimit - 1
        let key = try SealingKey(scope, key: fixture.relay, next: last)
        let datagram = try key.seal(frame: [0, 1], .data)
        let opener = try OpeningKey(scope, key: fixture.relay)
        #expect(try opener.open(UnverifiedMessage(datagram)).counter == last)
        for _ in 0..<3 {
            #expect(throws: ChannelFault.exhausted) { try key.seal(frame: [0, 1], .data) }
        }
        key.raiseCeiling(to: .max)
        #expect(throws: ChannelFault.exhausted) { try key.seal(frame: [0, 1], .data) }
        #expect(!key.skip(to: .max))
    }

    @Test("A counter of 2^48 is refused before anything is tried")
    func counterLimit() throws {
        let fixture = try ChannelFixture()
        var datagram = try fixture.channel(.member).seal([1], .data)[0]
        datagram[21] = 1
        #expect(try fixture.channel(.controller).refusal(datagram.withChecksum) == .envelope(.counter))
    }

    @Test("A message that does not fit is not sealed, and costs no counter")
    func sizes() throws {
        let fixture = try ChannelFixture()
        let member = try fixture.channel(.member)
        #expect(throws: ChannelFault.empty) { try member.seal([], .data) }
        #expect(throws: ChannelFault.tooLong) { try member.seal([UInt8](repeating: 0, count: 65_537), .data) }
        #expect(throws: ChannelFault.tooLong) { try member.seal([1, 2], .data, limit: 40) }
        #expect(throws: ChannelFault.tooLong) {
            try member.seal([UInt8](repeating: 0, count: 65_536), .data, limit: 1_000)
        }
        #expect(member.nextCounter == 0)
        let largest = try member.seal([UInt8](repeating: 0, count: 65_536), .data, limit: .max)
        #expect(largest.map(\.count) == [65_507, 32 + 5 + 82 + 16])
        let datagrams = try member.seal([UInt8](repeating: 0, count: 1_151), .data)
        #expect(datagrams.map(\.count) == [1_200])
    }

    @Test("Shorter, longer and random datagrams are refused without a trap")
    func hostile() throws {
        let fixture = try ChannelFixture()
        let controller = try fixture.channel(.controller)
        let datagram = try fixture.channel(.member).seal([1, 2, 3], .data)[0]
        for length in 0..<datagram.count {
            var cut = Array(datagram.prefix(length))
            #expect(controller.refusal(cut) != nil)
            guard length >= 12 else { continue }
            cut[8] = 0
            cut[9] = UInt8(length)
            #expect(controller.refusal(cut.withChecksum) != nil)
        }
        var random = SeededGenerator(seed: 3)
        for _ in 0..<3_000 {
            var bytes = Array(datagram.prefix(12)) + random.bytes(Int.random(in: 0...120, using: &random))
            bytes[2] = random.next()
            bytes[3] = UInt8.random(in: 0...3, using: &random) << 4 | 1
            bytes[9] = UInt8(bytes.count)
            #expect(controller.refusal(bytes.withChecksum) != nil)
        }
    }
}
