import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("Certificates of controllers")
struct ControllerCertificateTests {
    private let fixture: ChannelFixture
    private let bytes: [UInt8]

    init() throws {
        fixture = try ChannelFixture()
        let certificate = try ControllerCertificate.issue(
            fixture.controller, roles: .all, notAfter: 0x0102_0304_0506, serial: 0xA1A2_A3A4,
            key: fixture.signer.publicKey, group: fixture.group, root: fixture.root)
        bytes = certificate.bytes
    }

    @Test("A certificate's 114 bytes are those of the specification, 3.8")
    func layout() {
        #expect(bytes.count == 114)
        #expect(Array(bytes[0..<6]) == [0, 0, 0, 7, 3, 0])
        #expect(Array(bytes[6..<14]) == [0, 0, 1, 2, 3, 4, 5, 6])
        #expect(Array(bytes[14..<18]) == [0xA1, 0xA2, 0xA3, 0xA4])
        #expect(Array(bytes[18..<50]) == Array(fixture.signer.publicKey.rawRepresentation))
        let signed = Array("supnp1 cert".utf8) + fixture.group.bytes + bytes[0..<50]
        #expect(fixture.root.publicKey.isValidSignature(bytes[50...], for: signed))
    }

    @Test("What the group's root key has signed verifies, and says what it was issued with")
    func verifies() throws {
        let certificate = try verify(bytes)
        #expect(certificate.controller == fixture.controller)
        #expect(certificate.roles == .all)
        #expect(certificate.serial == 0xA1A2_A3A4)
        #expect(certificate.isValid(for: .forwarder, time: 0x0102_0304_0506, revoked: []))
        #expect(!certificate.isValid(for: .forwarder, time: 0x0102_0304_0507, revoked: []))
        #expect(!certificate.isValid(for: .forwarder, time: 0, revoked: [0xA1A2_A3A4]))
    }

    @Test("A change of any one bit is refused")
    func everyBit() {
        for bit in 0..<bytes.count * 8 {
            #expect(throws: UnverifiedCertificate.Refusal.self, "bit \(bit)") { try verify(bytes.flipping(bit: bit)) }
        }
    }

    @Test("Another group, another root, a later time and a revoked serial are refused, each with its reason")
    func refusals() throws {
        let other = try #require(GroupID([UInt8](repeating: 9, count: 16)))
        #expect(throws: UnverifiedCertificate.Refusal.signature) { try verify(bytes, group: other) }
        let root = try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 3, count: 32)).publicKey
        #expect(throws: UnverifiedCertificate.Refusal.signature) { try verify(bytes, root: root) }
        #expect(throws: UnverifiedCertificate.Refusal.expired) { try verify(bytes, time: 0x0102_0304_0507) }
        #expect(throws: UnverifiedCertificate.Refusal.revoked) { try verify(bytes, revoked: [1, 0xA1A2_A3A4]) }
    }

    @Test("What is no certificate is refused without a trap")
    func malformed() {
        for length in [0, 1, 113, 115, 228] {
            let wrong = (0..<length).map { bytes[$0 % bytes.count] }
            #expect(throws: UnverifiedCertificate.Refusal.malformed) { try UnverifiedCertificate(wrong) }
        }
        for (index, value) in [(1, 1), (3, 0), (4, 0), (4, 4), (5, 1)] as [(Int, UInt8)] {
            var wrong = bytes
            wrong[index] = value
            #expect(throws: UnverifiedCertificate.Refusal.malformed) { try UnverifiedCertificate(wrong) }
        }
    }

    private func verify(
        _ bytes: [UInt8], group: GroupID? = nil, root: Curve25519.Signing.PublicKey? = nil, time: UInt64 = 0,
        revoked: Set<UInt32> = []
    ) throws -> ControllerCertificate {
        try UnverifiedCertificate(bytes).verified(
            root: root ?? fixture.root.publicKey, group: group ?? fixture.group, time: time, revoked: revoked)
    }
}
