import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("AEAD of datagrams")
struct DatagramCipherTests {
    @Test(
        "Agrees with swift-crypto over random lengths, both ways",
        arguments: [Suite.hardenedAESGCM, .hardenedChaChaPoly])
    func differential(suite: Suite) throws {
        var random = SeededGenerator(seed: 11)
        for round in 0..<200 {
            let fixture = try ChannelFixture(suite, seed: UInt64(round))
            let scope = KeyScope.pairwise(
                try fixture.parties, generation: UInt32(round) &* 0x0101_0101, direction: .fromController)
            let counter = UInt64.random(in: 0..<ExtensionHeader.counterLimit, using: &random)
            let frame = random.bytes(Int.random(in: 2...1_500, using: &random))
            let datagram = try SealingKey(scope, key: fixture.relay, next: counter).seal(frame: [0] + frame, .data)
            let other = OtherAEAD(suite, key: fixture.relay)
            #expect(try other.open(datagram) == [0] + frame, "round \(round)")
            #expect(try other.seal(headers: Array(datagram.prefix(32)), text: [0] + frame) == datagram)
            let opened = try OpeningKey(scope, key: fixture.relay).open(UnverifiedMessage(datagram))
            #expect(try opened.wholeBody == frame, "round \(round)")
        }
    }

    @Test("One context seals and opens many messages like fresh ones do")
    func context() throws {
        for suite in [Suite.hardenedAESGCM, .hardenedChaChaPoly] {
            let fixture = try ChannelFixture(suite)
            let member = try fixture.channel(.member)
            let controller = try fixture.channel(.controller)
            let key = ChannelKeys.pairwise(
                relay: fixture.relay, controller: fixture.controller, boot: fixture.boot, direction: .toController)
            let other = OtherAEAD(suite, key: key)
            for length in [1, 15, 16, 17, 64, 1_000, 3, 1_151] {
                let datagram = try member.seal([UInt8](repeating: 7, count: length), .data)[0]
                #expect(try other.open(datagram) == [0] + [UInt8](repeating: 7, count: length))
                #expect(controller.refusal(datagram.flipping(bit: 300)) == .notAuthentic)
                #expect(try controller.openWhole(datagram).count == length)
            }
        }
    }

    @Test("A key of another length is a mistake of the caller, and both algorithms have one length")
    func lengths() {
        #expect(DatagramAlgorithm.keyLength == 32)
        #expect(DatagramAlgorithm(.classic) == .aes256GCM)
        #expect(DatagramAlgorithm(.hardenedAESGCM) == .aes256GCM)
        #expect(DatagramAlgorithm(.hardenedChaChaPoly) == .chaCha20Poly1305)
    }
}

/// The same format on swift-crypto.
struct OtherAEAD {
    private let suite: Suite
    private let key: SymmetricKey

    init(_ suite: Suite, key: SecretBytes) {
        self.suite = suite
        self.key = SymmetricKey(data: key.exposed)
    }

    func seal(headers: [UInt8], text: [UInt8]) throws -> [UInt8] {
        let nonce = headers[12..<16] + headers[20..<28]
        if suite == .hardenedChaChaPoly {
            let box = try ChaChaPoly.seal(
                text, using: key, nonce: ChaChaPoly.Nonce(data: nonce), authenticating: headers)
            return headers + Array(box.ciphertext) + Array(box.tag)
        }
        let box = try AES.GCM.seal(text, using: key, nonce: AES.GCM.Nonce(data: nonce), authenticating: headers)
        return headers + Array(box.ciphertext) + Array(box.tag)
    }

    func open(_ datagram: [UInt8]) throws -> [UInt8] {
        let headers = Array(datagram.prefix(32))
        let nonce = headers[12..<16] + headers[20..<28]
        let text = datagram[32..<datagram.count - 16]
        if suite == .hardenedChaChaPoly {
            let box = try ChaChaPoly.SealedBox(
                nonce: ChaChaPoly.Nonce(data: nonce), ciphertext: text, tag: datagram.suffix(16))
            return Array(try ChaChaPoly.open(box, using: key, authenticating: headers))
        }
        let box = try AES.GCM.SealedBox(
            nonce: AES.GCM.Nonce(data: nonce), ciphertext: text, tag: datagram.suffix(16))
        return Array(try AES.GCM.open(box, using: key, authenticating: headers))
    }
}
