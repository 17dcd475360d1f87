import Crypto
import GroupKeys
import Testing

@testable import SUPnP

/// `schedule.json`: from the shared secret of a registration to the keys of the channels.
struct ScheduleVectors: Encodable {
    struct Pair: Encodable {
        let controller: UInt32
        let boot: Hexadecimal
        let direction: UInt8
        let key: Hexadecimal
    }

    struct Epoch: Encodable {
        let secret: Hexadecimal
        let controller: UInt32
        let boot: Hexadecimal
        let sender: Hexadecimal
        let confirmation: Hexadecimal
    }

    struct Refreshed: Encodable {
        let device: Hexadecimal
        let manager: Hexadecimal
        let master: Hexadecimal
        let leaf: Hexadecimal
        let relay: Hexadecimal
        let refresh: Hexadecimal
    }

    let th2: Hexadecimal
    let sharedKey: Hexadecimal
    let member: UInt32
    let generation: UInt32
    let master: Hexadecimal
    let finish: Hexadecimal
    let leaf: Hexadecimal
    let relay: Hexadecimal
    let refresh: Hexadecimal
    let pair: [Pair]
    let epoch: [Epoch]
    let refreshed: Refreshed

    static func made() throws -> ScheduleVectors {
        let transcript = Array<UInt8>(0x80..<0xA0)
        let shared = SecretBytes(Array<UInt8>(0xC0..<0xE0))
        let master = MasterSecret(sharedKey: shared, transcript: transcript)
        let secrets = master.memberSecrets(member: 0x1_0002, generation: 0)
        return ScheduleVectors(
            th2: Hexadecimal(transcript), sharedKey: Hexadecimal(shared.exposed), member: 0x1_0002, generation: 0,
            master: Hexadecimal(KeyDerivation.extract(salt: transcript, inputKeyMaterial: shared).exposed),
            finish: Hexadecimal(master.finishKey.exposed), leaf: Hexadecimal(secrets.leaf.exposed),
            relay: Hexadecimal(secrets.relay.exposed), refresh: Hexadecimal(secrets.refresh.exposed),
            pair: try pairs(secrets.relay), epoch: [try epoch()], refreshed: try refreshed(secrets.refresh))
    }

    private static func pairs(_ relay: SecretBytes) throws -> [Pair] {
        let cases: [(UInt32, Direction)] = [(7, .toController), (7, .fromController), (0xFFFF, .toController)]
        return try cases.map { number, direction in
            let key = ChannelKeys.pairwise(
                relay: relay, controller: try #require(ControllerID(number)), boot: try VectorKeys.boot,
                direction: direction)
            return Pair(
                controller: number, boot: Hexadecimal(VectorKeys.bootBytes), direction: direction.rawValue,
                key: Hexadecimal(key.exposed))
        }
    }

    private static func epoch() throws -> Epoch {
        let sender = ChannelKeys.groupSender(
            epochSecret: VectorKeys.epochSecret, controller: try VectorKeys.controller, boot: try VectorKeys.boot)
        let confirmation = ChannelKeys.groupConfirmation(epochSecret: VectorKeys.epochSecret)
        return Epoch(
            secret: Hexadecimal(VectorKeys.epochSecret.exposed), controller: 7, boot: Hexadecimal(VectorKeys.bootBytes),
            sender: Hexadecimal(sender.exposed), confirmation: Hexadecimal(confirmation.exposed))
    }

    private static func refreshed(_ refresh: SecretBytes) throws -> Refreshed {
        let device = try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: Array<UInt8>(1...32))
        let manager = try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: Array<UInt8>(33...64))
        let agreed = try device.sharedSecretFromKeyAgreement(with: manager.publicKey)
        let agreement = agreed.withUnsafeBytes { SecretBytes(Array($0)) }
        let master = MasterSecret(refresh: refresh, agreement: agreement)
        let secrets = master.memberSecrets(member: 0x1_0002, generation: 1)
        return Refreshed(
            device: Hexadecimal(device.rawRepresentation), manager: Hexadecimal(manager.rawRepresentation),
            master: Hexadecimal(
                KeyDerivation.extract(salt: refresh.exposed, inputKeyMaterial: agreement).exposed),
            leaf: Hexadecimal(secrets.leaf.exposed), relay: Hexadecimal(secrets.relay.exposed),
            refresh: Hexadecimal(secrets.refresh.exposed))
    }
}

@Suite("Vectors of the key schedule")
struct ScheduleVectorsTests {
    @Test
    func `The key schedule's vectors are what this code makes`() throws {
        try VectorFile.check("schedule", try ScheduleVectors.made())
    }
}
