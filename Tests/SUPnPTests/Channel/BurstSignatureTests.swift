import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("Burst signatures")
struct BurstSignatureTests {
    @Test("Every message of a burst of any size proves itself, in any order", arguments: 1...16)
    func everySize(count: Int) throws {
        let fixture = try ChannelFixture()
        let datagrams = try fixture.sender(epoch: 5).sealBurst((0..<count).map { [UInt8($0), 0xFF] })
        #expect(datagrams.count == count)
        var random = SeededGenerator(seed: UInt64(count))
        for index in (0..<count).shuffled(using: &random) {
            // A member that hears just this one, and one that hears all of them.
            let lone = try fixture.receiver(epoch: 5)
            #expect(try lone.openWhole(datagrams[index], now: fixture.start) == [UInt8(index), 0xFF])
        }
        let receiver = try fixture.receiver(epoch: 5)
        for index in (0..<count).shuffled(using: &random) {
            #expect(try receiver.openWhole(datagrams[index], now: fixture.start) == [UInt8(index), 0xFF])
        }
        for datagram in datagrams { #expect(receiver.refusal(datagram, now: fixture.start) == .replayed) }
    }

    @Test("A burst's bytes are those of the specification")
    func layout() throws {
        let fixture = try ChannelFixture()
        let datagrams = try fixture.sender(epoch: 5).sealBurst([[1], [2], [3]])
        let other = OtherAEAD(.hardenedAESGCM, key: fixture.insidersKey(epoch: 5))
        let texts = try datagrams.map { try other.open($0) }
        let leaves = zip(datagrams, texts).map { datagram, text in
            hash([0] + datagram.prefix(32) + text.suffix(2))
        }
        let empty = [UInt8](repeating: 0, count: 32)
        let left = hash([1] + leaves[0] + leaves[1])
        let right = hash([1] + leaves[2] + empty)
        let root = hash([1] + left + right)
        let paths = [leaves[1] + right, leaves[0] + right, empty + left]
        for (index, text) in texts.enumerated() {
            #expect(Array(text.prefix(2)) == [2, UInt8(2 << 4 | index)])
            #expect(Array(text[66..<130]) == paths[index])
            #expect(Array(text[130...]) == [0, UInt8(index + 1)])
            let signed = Array("supnp1 burst".utf8) + fixture.group.bytes + [2] + root
            #expect(fixture.signer.publicKey.isValidSignature(text[2..<66], for: signed))
        }
    }

    @Test("A bigger or an empty burst, or a message too long for one, is not sealed")
    func bounds() throws {
        let fixture = try ChannelFixture()
        let sender = try fixture.sender(epoch: 5)
        #expect(throws: ChannelFault.tooLong) { try sender.sealBurst([]) }
        #expect(throws: ChannelFault.tooLong) { try sender.sealBurst(Array(repeating: [1], count: 17)) }
        #expect(throws: ChannelFault.empty) { try sender.sealBurst([[1], []]) }
        let most = 1_200 - 48 - (2 + 64 + 32) - 1
        #expect(throws: ChannelFault.tooLong) {
            try sender.sealBurst([[1], [UInt8](repeating: 0, count: most + 1)])
        }
        #expect(sender.nextCounter == 0)
        #expect(try sender.sealBurst([[1], [UInt8](repeating: 0, count: most)])[1].count == 1_200)
    }

    @Test("A long broadcast goes in segments that are signed as bursts, each datagram within the limit")
    func segments() throws {
        let fixture = try ChannelFixture()
        let body = SeededGenerator.bytes(40_000, seed: 5)
        let datagrams = try fixture.sender(epoch: 5).seal(body)
        #expect(datagrams.count == (40_000 + 952) / 953)
        #expect(datagrams.allSatisfy { $0.count <= 1_200 })
        let receiver = try fixture.receiver(epoch: 5)
        var assembler = MessageAssembler()
        var whole: [[UInt8]] = []
        for datagram in datagrams.reversed() {
            guard case .opened(let message) = try receiver.receive(UnverifiedMessage(datagram), now: fixture.start)
            else { continue }
            if case .whole(let message) = assembler.receive(message, now: fixture.start) { whole.append(message.body) }
        }
        #expect(whole == [body])
        #expect(assembler.byteCount == 0)
    }

    private func hash(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }
}

extension SeededGenerator {
    static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        return random.bytes(count)
    }
}
