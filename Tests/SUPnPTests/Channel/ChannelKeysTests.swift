import Crypto
import GroupKeys
import SUPnP
import Testing

@Suite("Keys of the channels")
struct ChannelKeysTests {
    private let secret = SecretBytes([UInt8](repeating: 0x42, count: 32))

    @Test("No label of the key schedule begins another, nor the key tree's, whatever context follows")
    func prefixes() {
        let names = ["fin", "leaf", "relay", "refresh", "pair", "gsnd", "gconf", "usr"]
        let labels = names.map { KeyLabel.info($0) } + [Array("supnp1 n".utf8)]
        for (index, label) in labels.enumerated() {
            for other in labels[(index + 1)...] {
                #expect(!label.starts(with: other) && !other.starts(with: label))
            }
        }
    }

    @Test("A pairwise key is HKDF-Expand over controller, boot and direction")
    func pairwise() throws {
        let controller = try #require(ControllerID(0x0102))
        let boot = try #require(BootID(1...16))
        let key = ChannelKeys.pairwise(relay: secret, controller: controller, boot: boot, direction: .fromController)
        let info = Array("supnp1 pair".utf8) + [0, 0, 0, 1, 2] + Array(1...16) + [1]
        #expect(key.exposed == expand(info))
    }

    @Test("A forwarder's key and the confirmation key are HKDF-Expand of the epoch's secret")
    func group() throws {
        let controller = try #require(ControllerID(0xFFFF))
        let boot = try #require(BootID(1...16))
        let key = ChannelKeys.groupSender(epochSecret: secret, controller: controller, boot: boot)
        #expect(key.exposed == expand(Array("supnp1 gsnd".utf8) + [0, 0, 0, 0xFF, 0xFF] + Array(1...16)))
        #expect(
            ChannelKeys.groupConfirmation(epochSecret: secret).exposed == expand(Array("supnp1 gconf".utf8) + [0]))
    }

    @Test("Another controller, boot or direction has another key")
    func apart() throws {
        var keys: Set<[UInt8]> = []
        for controller in [1, 2] as [UInt32] {
            for first in [0, 1] as [UInt8] {
                let boot = try #require(BootID([first] + [UInt8](repeating: 0, count: 15)))
                let identity = try #require(ControllerID(controller))
                for direction in Direction.allCases {
                    let key = ChannelKeys.pairwise(
                        relay: secret, controller: identity, boot: boot, direction: direction)
                    keys.insert(key.exposed)
                }
                keys.insert(
                    ChannelKeys.groupSender(epochSecret: secret, controller: identity, boot: boot).exposed)
            }
        }
        #expect(keys.count == 12)
    }

    @Test("Numbers of controllers and members do not meet")
    func numbers() {
        #expect(ControllerID(0) == nil)
        #expect(ControllerID(0xFFFF) != nil)
        #expect(ControllerID(0x1_0000) == nil)
        #expect(MemberID(0xFFFF) == nil)
        #expect(MemberID(0x1_0000) != nil)
        #expect(MemberID(.max) != nil)
    }

    private func expand(_ info: [UInt8]) -> [UInt8] {
        secret.withUnsafeBytes { bytes in
            let key = HKDF<SHA256>.expand(
                pseudoRandomKey: SymmetricKey(data: bytes), info: info, outputByteCount: 32)
            return key.withUnsafeBytes { Array($0) }
        }
    }
}
