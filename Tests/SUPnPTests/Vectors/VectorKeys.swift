import Crypto
import GroupKeys
import Testing

@testable import SUPnP

/// The names and keys that the vectors of channels share.
enum VectorKeys {
    static let groupBytes = Array<UInt8>(0xA0..<0xB0)
    static let bootBytes = Array<UInt8>(0xB0..<0xC0)
    static let relay = SecretBytes(Array<UInt8>(0x40..<0x60))
    static let epochSecret = SecretBytes(Array<UInt8>(0x60..<0x80))
    static let forwarderSeed = Array<UInt8>(0x20..<0x40)

    static func parties(_ suite: Suite) throws -> PairwiseParties {
        let member = try #require(MemberID(0x1_0002))
        let (group, controller, boot) = (try group, try controller, try boot)
        return try #require(
            PairwiseParties(
                suite: suite, group: group, member: member, keyID: 0x0203, controller: controller, boot: boot))
    }

    static var group: GroupID { get throws { try #require(GroupID(groupBytes)) } }
    static var boot: BootID { get throws { try #require(BootID(bootBytes)) } }
    static var controller: ControllerID { get throws { try #require(ControllerID(7)) } }
    static var signer: Curve25519.Signing.PrivateKey {
        get throws { try Curve25519.Signing.PrivateKey(rawRepresentation: forwarderSeed) }
    }
}
