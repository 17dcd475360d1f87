import Crypto
import GroupKeys
import Testing

@testable import SUPnP

/// `channel.json`: sealed datagrams of every kind, each with its key and what is in it.
struct ChannelVectors: Encodable {
    struct Sealed: Encodable {
        let name: String
        let key: Hexadecimal
        let suite: UInt8
        let epoch: UInt32
        let sender: UInt32
        let counter: UInt64
        /// What follows the proof of a broadcast: the frame.
        let payload: Hexadecimal
        let datagram: Hexadecimal
    }

    struct Segmented: Encodable {
        let name: String
        let key: Hexadecimal
        let message: Hexadecimal
        let datagrams: [Hexadecimal]
    }

    let groupID: Hexadecimal
    let forwarderSeed: Hexadecimal
    let forwarderKey: Hexadecimal
    let relay: Hexadecimal
    let epochSecret: Hexadecimal
    let boot: Hexadecimal
    let datagrams: [Sealed]
    let segmented: [Segmented]
}

extension ChannelVectors {
    static func made() throws -> ChannelVectors {
        ChannelVectors(
            groupID: Hexadecimal(VectorKeys.groupBytes), forwarderSeed: Hexadecimal(VectorKeys.forwarderSeed),
            forwarderKey: Hexadecimal(try VectorKeys.signer.publicKey.rawRepresentation),
            relay: Hexadecimal(VectorKeys.relay.exposed), epochSecret: Hexadecimal(VectorKeys.epochSecret.exposed),
            boot: Hexadecimal(VectorKeys.bootBytes), datagrams: try pairwise() + broadcasts(),
            segmented: [try segmented()])
    }

    private static func pairwiseKey(_ direction: Direction) throws -> SecretBytes {
        ChannelKeys.pairwise(
            relay: VectorKeys.relay, controller: try VectorKeys.controller, boot: try VectorKeys.boot,
            direction: direction)
    }

    private static func pairwise() throws -> [Sealed] {
        let cases: [(String, Suite, Direction, UInt64, MessageKind, String)] = [
            ("a member's first message", .hardenedAESGCM, .toController, 0, .data, "to the forwarder"),
            (
                "a controller's answer", .hardenedAESGCM, .fromController, 0x1_2345_6789,
                MessageKind(isControl: true, isResponse: true), "to the member"
            ),
            (
                "a server's message in suite 2", .hardenedChaChaPoly, .toController, 0xFFFF_FFFF_FFFF,
                MessageKind(actsAsServer: true), "the last of its key"
            ),
        ]
        return try cases.map { name, suite, direction, counter, kind, text in
            let key = try pairwiseKey(direction)
            let scope = KeyScope.pairwise(try VectorKeys.parties(suite), generation: 2, direction: direction)
            let frame = [0] + Array(text.utf8)
            let sealed = try SealingKey(scope, key: key, next: counter).seal(frame: frame, kind)
            return Sealed(
                name: name, key: Hexadecimal(key.exposed), suite: suite.rawValue, epoch: 2,
                sender: scope.sender.rawValue, counter: counter, payload: Hexadecimal(frame),
                datagram: Hexadecimal(sealed))
        }
    }

    private static func broadcasts() throws -> [Sealed] {
        let key = ChannelKeys.groupSender(
            epochSecret: VectorKeys.epochSecret, controller: try VectorKeys.controller, boot: try VectorKeys.boot)
        let sender = GroupSender(
            controller: try VectorKeys.controller, boot: try VectorKeys.boot, suite: .hardenedAESGCM,
            group: try VectorKeys.group,
            signer: try VectorKeys.signer)
        try sender.install(epoch: 0x1_0005, secret: VectorKeys.epochSecret)
        let alone = Array("signed alone".utf8)
        let burst = ["one of three", "two of three", "three of three"].map { Array($0.utf8) }
        let full = (0..<16).map { [UInt8($0)] }
        let datagrams = try sender.seal(alone) + sender.sealBurst(burst) + sender.sealBurst(full)
        let bodies = [alone] + burst + full
        return zip(datagrams, bodies).enumerated().map { index, pair in
            let name = index == 0 ? "a broadcast" : index < 4 ? "of a burst of three" : "of a burst of sixteen"
            return Sealed(
                name: "\(name), \(index)", key: Hexadecimal(key.exposed), suite: 1, epoch: 0x1_0005, sender: 7,
                counter: UInt64(index), payload: Hexadecimal([0] + pair.1), datagram: Hexadecimal(pair.0))
        }
    }

    private static func segmented() throws -> Segmented {
        let channel = try PairwiseChannel(
            try VectorKeys.parties(.hardenedAESGCM), end: .controller, generation: 0, relay: VectorKeys.relay)
        let message = (0..<2_500).map { UInt8(truncatingIfNeeded: $0 * 7) }
        return Segmented(
            name: "a message of 2,500 bytes in three parts", key: Hexadecimal(try pairwiseKey(.fromController).exposed),
            message: Hexadecimal(message), datagrams: try channel.seal(message, .data).map { Hexadecimal($0) })
    }
}

@Suite("Vectors of the channels")
struct ChannelVectorsTests {
    @Test
    func `The channels' vectors are what this code makes`() throws {
        try VectorFile.check("channel", try ChannelVectors.made())
    }
}
