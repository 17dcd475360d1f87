import GroupKeys
import NetworkTypes
package import SUPnP

extension KeptMember {
    /// A state with something of everything, of a seed.
    package static func example(seed: UInt64) -> KeptMember? {
        var random = SeededGenerator(seed: seed)
        let address = SocketEndpoint(.v4(IPv4Address(192, 0, 2, UInt8.random(in: 1...9, using: &random))), port: 58_081)
        let other = SocketEndpoint(.v6(IPv6Address(high: 0x2001_0DB8_0000_0000, low: random.next())), port: 1)
        var channels: [Channel] = []
        for number in 1...2 as ClosedRange<UInt32> {
            guard let id = ControllerID(number) else { return nil }
            let boot = BootID(using: &random)
            guard let entry = ControllerEntry(id: id, boot: boot, addresses: [address, other], weight: 3) else {
                return nil
            }
            let reservation = CounterReservation(
                generation: 4, sendCeiling: UInt64.random(in: 0..<1 << 30, using: &random), receiveCeiling: 70_000)
            channels.append(
                Channel(
                    controller: entry, reservation: reservation, usedBoots: [boot, BootID(using: &random)]))
        }
        guard let id = MemberID(0x1_0005) else { return nil }
        let secrets = (0..<4).map { _ in SecretBytes(count: 32, using: &random) }
        return KeptMember(
            id: id, suite: .hardenedAESGCM, group: GroupID(using: &random), isServer: true, multicast: address,
            registeredAt: seed.isMultiple(of: 2) ? other : nil, root: secrets[0].exposed, keyID: 77, generation: 4,
            relay: secrets[1], refresh: secrets[2], refreshing: seed.isMultiple(of: 2) ? nil : secrets[3],
            certificates: [[1, 2, 3], [UInt8](repeating: 9, count: 114)], channels: channels, epoch: 12)
    }
}
