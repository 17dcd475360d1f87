import Crypto
import GroupKeys
import NetworkTypes
import Testing

@testable import SUPnP

@Suite("The beacon")
struct BeaconTests {
    private var random = SeededGenerator(seed: 4)
    private let group: GroupID
    private let root: Curve25519.Signing.PrivateKey
    private let key: Curve25519.Signing.PrivateKey

    init() {
        group = GroupID(using: &random)
        root = GroupWorld.signingKey(&random)
        key = GroupWorld.signingKey(&random)
    }

    private func certificate(_ roles: ControllerRoles, notAfter: UInt64 = 1_000) throws -> ControllerCertificate {
        try ControllerCertificate.issue(
            try #require(ControllerID(1)), roles: roles, notAfter: notAfter, serial: 5, key: key.publicKey,
            group: group, root: root)
    }

    private func beacon(_ certificate: ControllerCertificate, counter: UInt64 = 9, controllers: Int = 2) throws
        -> Beacon
    {
        var random = SeededGenerator(seed: 8)
        let entries = try (1...controllers).map { number in
            ControllerEntry(
                id: try #require(ControllerID(UInt32(number))), boot: BootID(using: &random),
                address: DatagramNetworkTests.node(UInt8(number)))
        }
        return Beacon(
            epoch: 0x1_0007, height: 3, memberCount: 5, confirmation: [UInt8](repeating: 7, count: 16),
            counter: counter, directoryVersion: 4, time: 100, revoked: [77], controllers: entries,
            certificate: certificate.bytes)
    }

    private func read(_ datagram: [UInt8], after counter: UInt64 = 0, group other: GroupID? = nil) -> Beacon? {
        Beacon(verifying: datagram, group: other ?? group, after: counter) { bytes, time in
            try? UnverifiedCertificate(bytes).verified(root: root.publicKey, group: group, time: time, revoked: [])
        }
    }

    @Test("comes back as it was said, under a key manager's certificate")
    func roundTrip() throws {
        let beacon = try beacon(try certificate(.keyManager))
        let datagram = try #require(beacon.datagram(suite: .hardenedAESGCM, group: group, key: key))
        #expect(read(datagram) == beacon)
        let header = try Header.decode(datagram)
        #expect(header.keyID == 7 && header.nonce == 9 && header.flags == [.control, .broadcast, .server])
    }

    @Test("fits one datagram with 16 controllers")
    func size() throws {
        let beacon = try beacon(try certificate(.keyManager), controllers: 16)
        let datagram = try #require(beacon.datagram(suite: .hardenedAESGCM, group: group, key: key))
        #expect(datagram.count <= 1_200)
        #expect(read(datagram)?.controllers.count == 16)
    }

    @Test("is refused with a bit of any byte changed")
    func anyByte() throws {
        let beacon = try beacon(try certificate(.keyManager), controllers: 1)
        let datagram = try #require(beacon.datagram(suite: .hardenedAESGCM, group: group, key: key))
        for (index, bit) in datagram.indices.map({ ($0, $0 * 5 % 8) }) {
            var changed = datagram
            changed[index] ^= 1 << UInt8(bit)
            #expect(read(changed) == nil, "bit \(bit) of byte \(index)")
        }
        for cut in 0..<datagram.count { #expect(read(Array(datagram.prefix(cut))) == nil) }
    }

    @Test("is refused when it is not later than the last, of another group, a forwarder's, out of date or revoked")
    func refused() throws {
        let good = try beacon(try certificate(.keyManager))
        let datagram = try #require(good.datagram(suite: .hardenedAESGCM, group: group, key: key))
        #expect(read(datagram, after: 8) != nil)
        #expect(read(datagram, after: 9) == nil)
        var random = SeededGenerator(seed: 99)
        #expect(read(datagram, group: GroupID(using: &random)) == nil)
        let forwarder = try beacon(try certificate(.forwarder))
        #expect(read(try #require(forwarder.datagram(suite: .hardenedAESGCM, group: group, key: key))) == nil)
        let old = try beacon(try certificate(.keyManager, notAfter: 99))
        #expect(read(try #require(old.datagram(suite: .hardenedAESGCM, group: group, key: key))) == nil)
        var revoked = good
        revoked.revoked = [5]
        #expect(read(try #require(revoked.datagram(suite: .hardenedAESGCM, group: group, key: key))) == nil)
        let other = GroupWorld.signingKey(&random)
        #expect(read(try #require(good.datagram(suite: .hardenedAESGCM, group: group, key: other))) == nil)
    }
}
