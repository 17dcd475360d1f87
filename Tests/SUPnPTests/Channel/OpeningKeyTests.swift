import Crypto
import GroupKeys
import NetworkTypes
import Testing

@testable import SUPnP

@Suite("Keys that seal and open")
struct OpeningKeyTests {
    private let fixture: ChannelFixture
    private let secret = SecretBytes([UInt8](repeating: 0x29, count: 32))

    init() throws { fixture = try ChannelFixture() }

    @Test("A broadcast is no pairwise message, not even under one key with the same number: it would go unsigned")
    func kinds() throws {
        let old = try fixture.parties
        let parties = try #require(
            PairwiseParties(
                suite: old.suite, group: old.group, member: old.member, keyID: 5, controller: old.controller,
                boot: old.boot))
        let group = KeyScope.group(
            suite: old.suite, group: old.group, controller: old.controller, epoch: 5)
        let pairwise = KeyScope.pairwise(parties, generation: 5, direction: .fromController)
        let broadcast = try SealingKey(group, key: secret).seal(frame: [0, 0xE1], .control)
        let message = try SealingKey(pairwise, key: secret).seal(frame: [0, 0xE1], .control)
        #expect(try opening(pairwise, broadcast) == .otherChannel)
        #expect(try opening(group, broadcast) == .otherChannel)
        #expect(try opening(pairwise, message) == nil)
        let key = try OpeningKey(pairwise, key: secret)
        let wrongly = refusal { () throws(ChannelRefusal) in
            _ = try key.openBroadcast(UnverifiedMessage(message))
        }
        #expect(wrongly == .otherChannel)
    }

    @Test("A broadcast is the forwarder's whose certificate verifies it, though two have one key")
    func signer() throws {
        let other = try ControllerCertificate.issue(
            #require(ControllerID(8)), roles: .forwarder, notAfter: 604_800, serial: 8,
            key: fixture.signer.publicKey, group: fixture.group, root: fixture.root)
        let datagram = try fixture.sender(epoch: 5).seal([1])[0]
        let scope = KeyScope.group(
            suite: .hardenedAESGCM, group: fixture.group, controller: fixture.controller, epoch: 5)
        let key = try OpeningKey(scope, key: fixture.insidersKey(epoch: 5))
        var wrong = BroadcastVerifier(other, group: fixture.group)
        let refused = refusal { () throws(ChannelRefusal) in
            _ = try key.openBroadcast(UnverifiedMessage(datagram)).verified(by: &wrong)
        }
        #expect(refused == .unknownSender)
        var right = BroadcastVerifier(fixture.certificate, group: fixture.group)
        let opened = try key.openBroadcast(UnverifiedMessage(datagram)).verified(by: &right)
        #expect(try opened.wholeBody == [1])
    }

    @Test("A counter that was seen is dropped before anything is opened or verified")
    func seen() throws {
        let controller = try fixture.channel(.controller)
        let datagram = try fixture.channel(.member).seal([1, 2, 3], .data)[0]
        _ = try controller.openWhole(datagram)
        #expect(controller.refusal(datagram.flipping(bit: 300)) == .replayed)
        let receiver = try fixture.receiver(epoch: 5)
        let broadcast = try fixture.sender(epoch: 5).seal([1])[0]
        _ = try receiver.openWhole(broadcast, now: fixture.start)
        #expect(receiver.refusal(broadcast.flipping(bit: 300), now: fixture.start) == .replayed)
    }

    @Test("Headers that were made for another counter or epoch are not sealed")
    func preparedHeaders() throws {
        let scope = KeyScope.pairwise(try fixture.parties, generation: 3, direction: .toController)
        let key = try SealingKey(scope, key: secret)
        var first = try key.headers(.data, textCount: 2) + [0, 1]
        var second = first
        var later = first
        later[15] = 4
        #expect(throws: ChannelFault.wrongCounter) { try key.seal(&later) }
        try key.seal(&first)
        #expect(throws: ChannelFault.wrongCounter) { try key.seal(&second) }
        #expect(key.next == 1)
    }

    @Test("What is not authentic is overwritten where it lies")
    func overwritten() throws {
        let scope = KeyScope.pairwise(try fixture.parties, generation: 0, direction: .toController)
        for suite in [Suite.hardenedAESGCM, .hardenedChaChaPoly] {
            let cipher = try DatagramCipher(DatagramAlgorithm(suite), key: secret, for: .open)
            var datagram = try SealingKey(scope, key: secret).seal(frame: [UInt8](repeating: 7, count: 40), .data)
            datagram[datagram.count - 1] ^= 1
            let isAuthentic = datagram.withUnsafeMutableBytes {
                cipher.open($0, headerLength: WireSizes.sealedHeader, nonce: Nonce(epoch: 0, counter: 0))
            }
            #expect(!isAuthentic)
            #expect(datagram[32..<72].allSatisfy { $0 == 0 })
        }
    }

    private func opening(_ scope: KeyScope, _ datagram: [UInt8]) throws -> ChannelRefusal? {
        let key = try OpeningKey(scope, key: secret)
        return refusal { () throws(ChannelRefusal) in _ = try key.open(UnverifiedMessage(datagram)) }
    }
}
