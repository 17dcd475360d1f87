import Crypto
import GroupKeys
import Testing

@testable import SUPnP

/// `certificate.json`: certificates of controllers that hold, and some that are refused.
struct CertificateVectors: Encodable {
    struct Case: Encodable {
        let name: String
        let controller: UInt32
        let roles: UInt8
        let notAfter: UInt64
        let serial: UInt32
        let publicKey: Hexadecimal
        let certificate: Hexadecimal
    }

    struct Refused: Encodable {
        let name: String
        let certificate: Hexadecimal
    }

    let groupID: Hexadecimal
    let rootSeed: Hexadecimal
    let rootKey: Hexadecimal
    let certificates: [Case]
    let refused: [Refused]

    static func made() throws -> CertificateVectors {
        let seed = Array<UInt8>(0x10..<0x30)
        let root = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        let other = try #require(GroupID(Array<UInt8>(0xA1..<0xB1)))
        let (forwarder, forwarderBytes) = try issue(
            "a forwarder", 7, .forwarder, notAfter: 604_800, serial: 0x0102_0304, group: try VectorKeys.group,
            root: root)
        let (manager, managerBytes) = try issue(
            "a key manager that forwards too", 0xFFFF, .all, notAfter: 1 << 40, serial: 0, group: try VectorKeys.group,
            root: root)
        let (_, foreign) = try issue(
            "of another group", 7, .forwarder, notAfter: 1, serial: 1, group: other, root: root)
        return CertificateVectors(
            groupID: Hexadecimal(VectorKeys.groupBytes), rootSeed: Hexadecimal(seed),
            rootKey: Hexadecimal(root.publicKey.rawRepresentation), certificates: [forwarder, manager],
            refused: [
                Refused(name: "of another group", certificate: Hexadecimal(foreign)),
                Refused(name: "a changed role", certificate: Hexadecimal(changed(forwarderBytes, at: 4, by: 1))),
                Refused(name: "a reserved byte", certificate: Hexadecimal(changed(forwarderBytes, at: 5, by: 1))),
                Refused(name: "cut off", certificate: Hexadecimal(managerBytes.dropLast())),
            ])
    }

    private static func changed(_ bytes: [UInt8], at index: Int, by mask: UInt8) -> [UInt8] {
        var bytes = bytes
        bytes[index] ^= mask
        return bytes
    }

    private static func issue(
        _ name: String, _ number: UInt32, _ roles: ControllerRoles, notAfter: UInt64, serial: UInt32, group: GroupID,
        root: Curve25519.Signing.PrivateKey
    ) throws -> (Case, [UInt8]) {
        let key = try VectorKeys.signer.publicKey
        let certificate = try ControllerCertificate.issue(
            try #require(ControllerID(number)), roles: roles, notAfter: notAfter, serial: serial, key: key,
            group: group, root: root)
        return (
            Case(
                name: name, controller: number, roles: roles.rawValue, notAfter: notAfter, serial: serial,
                publicKey: Hexadecimal(key.rawRepresentation), certificate: Hexadecimal(certificate.bytes)),
            certificate.bytes
        )
    }
}

@Suite("Vectors of certificates")
struct CertificateVectorsTests {
    @Test
    func `The certificates' vectors are what this code makes`() throws {
        try VectorFile.check("certificate", try CertificateVectors.made())
    }
}
