import Crypto
import FoundationEssentials
import NetworkTypes
import SwiftASN1
import TestKit
import Testing
import TrustCore
import X509

private let now = TrustFixtures.now

@Suite("The certificate authority")
struct CertificateAuthorityTests {
    @Test func `the authority may issue leaves and nothing below them`() throws {
        let extensions = try TrustFixtures().gateway.authority.certificate.certificate.extensions
        #expect(try extensions.basicConstraints == .isCertificateAuthority(maxPathLength: 0))
        #expect(try extensions.keyUsage == KeyUsage(keyCertSign: true))
        #expect(try extensions.extendedKeyUsage == nil)
    }

    @Test func `a server leaf is for servers only and carries the gateway's name`() throws {
        var fixtures = try TrustFixtures()
        let leaf = try fixtures.gateway.serverLeaf(now: now, using: &fixtures.random)
        let extensions = leaf.certificate.extensions
        let usages = try #require(try extensions.extendedKeyUsage)
        #expect(Array(usages) == [.serverAuth])
        #expect(try extensions.basicConstraints == .notCertificateAuthority)
        #expect(try extensions.subjectAlternativeNames.map(Array.init) == [.dnsName("anna-s-home")])
        #expect(leaf.pin == fixtures.gateway.currentServerKey.pin)
        #expect(fixtures.gateway.authority.issued(leaf))
    }

    @Test func `a client leaf is for clients only, names its subject and lasts 30 days`() throws {
        var fixtures = try TrustFixtures()
        let subject = Subject(id: fixtures.subjectID(), name: "Bert's phone", createdAt: now)
        let leaf = try fixtures.clientLeaf(for: subject)
        let usages = try #require(try leaf.certificate.extensions.extendedKeyUsage)
        #expect(Array(usages) == [.clientAuth])
        let name = leaf.certificate.subject.description
        #expect(name.contains("CN=Bert's phone"))
        #expect(name.contains(subject.id.description))
        #expect(leaf.notAfter == now + 30 * 86400)
        #expect(leaf.notBefore == now - 86400)
    }

    @Test func `serial numbers are positive, of 128 bits, and differ`() throws {
        var fixtures = try TrustFixtures()
        var serials: Set<[UInt8]> = []
        for _ in 0..<32 {
            let leaf = try fixtures.gateway.serverLeaf(now: now, using: &fixtures.random)
            let bytes = Array(leaf.certificate.serialNumber.bytes)
            #expect(bytes.count == 16)
            #expect(bytes[0] & 0xC0 == 0x40)
            serials.insert(bytes)
        }
        #expect(serials.count == 32)
    }

    @Test func `certificates and keys survive DER and PEM`() throws {
        var fixtures = try TrustFixtures()
        let leaf = try fixtures.gateway.serverLeaf(now: now, using: &fixtures.random)
        #expect(try IssuedCertificate(der: leaf.der) == leaf)
        #expect(try IssuedCertificate(pem: leaf.pem) == leaf)
        let key = IdentityKey()
        #expect(try IdentityKey(pem: key.pem) == key)
        #expect(try IdentityKey(rawRepresentation: key.rawRepresentation) == key)
        #expect(throws: TrustError.self) { try IdentityKey(rawRepresentation: [1, 2, 3]) }
        #expect(throws: TrustError.self) { try IssuedCertificate(pem: key.pem) }
        #expect(throws: TrustError.self) { try IssuedCertificate(der: leaf.der + [0]) }
        #expect(throws: TrustError.self) { try IssuedCertificate(der: [UInt8](repeating: 0x30, count: 1 << 20)) }
    }

    @Test func `a leaf never outlives its authority`() throws {
        var random = SeededGenerator(seed: 1)
        let lifetimes = CertificateLifetimes(authority: .seconds(86400))
        let identity = try GatewayIdentity.create(name: "x", now: now, lifetimes: lifetimes, using: &random)
        let leaf = try identity.serverLeaf(now: now, using: &random)
        #expect(leaf.notAfter == identity.authority.certificate.notAfter)
        #expect(throws: TrustError.self) { try identity.serverLeaf(now: now + 3 * 86400, using: &random) }
    }

    @Test func `no identity is made while the clock is not set`() {
        var random = SeededGenerator(seed: 1)
        #expect(throws: TrustError.self) {
            try GatewayIdentity.create(name: "x", now: Date(timeIntervalSince1970: 60), using: &random)
        }
    }

    @Test func `an authority is not restored from a key and a certificate that do not belong together`() throws {
        let one = try TrustFixtures(seed: 1).gateway.authority
        var fixtures = try TrustFixtures(seed: 2)
        #expect(throws: TrustError.self) {
            try CertificateAuthority(key: one.key, certificate: fixtures.gateway.authority.certificate)
        }
        let leaf = try fixtures.gateway.serverLeaf(now: now, using: &fixtures.random)
        #expect(throws: TrustError.self) {
            try CertificateAuthority(key: fixtures.gateway.currentServerKey, certificate: leaf)
        }
    }

    @Test func `a rotation promotes the next key and makes a fresh one`() throws {
        var identity = try TrustFixtures().gateway
        let before = identity.pins
        identity.rotateServerKey()
        #expect(identity.pins[0] == before[1])
        #expect(!before.contains(identity.pins[1]))
    }

    @Test func `neither a key nor a secret shows in its description`() throws {
        var random = SeededGenerator(seed: 3)
        let key = IdentityKey()
        #expect("\(key)" == "private key of pin \(key.pin)")
        let secret = PairingSecret(using: &random)
        #expect("\(secret)" == "secret of 16 bytes")
        #expect("\(secret.requestKey(for: PairingCodeID(using: &random)))" == "key of 32 bytes")
    }
}

@Suite("The certificate request")
struct CertificateRequestTests {
    @Test func `only the request's key is used, whatever it says of itself`() throws {
        var fixtures = try TrustFixtures()
        let key = P256.Signing.PrivateKey()
        let request = try CertificateSigningRequest(
            version: .v1,
            subject: DistinguishedName { CommonName("root of all") },
            privateKey: .init(key),
            attributes: .init([
                .init(
                    ExtensionRequest(
                        extensions: Certificate.Extensions {
                            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                            try ExtendedKeyUsage([.serverAuth])
                        }
                    )
                )
            ])
        )
        let subject = Subject(id: fixtures.subjectID(), name: "phone", createdAt: now)
        let leaf = try fixtures.gateway.authority.issueClientLeaf(
            csrDER: der(request), subject: subject, now: now, using: &fixtures.random
        )
        #expect(leaf.pin == KeyPin(subjectPublicKeyInfoDER: key.publicKey.derRepresentation))
        #expect(leaf.certificate.subject.description.contains("CN=phone"))
        #expect(try leaf.certificate.extensions.basicConstraints == .notCertificateAuthority)
        let usages = try #require(try leaf.certificate.extensions.extendedKeyUsage)
        #expect(Array(usages) == [.clientAuth])
    }

    @Test func `a request of another curve is refused`() throws {
        let request = try CertificateSigningRequest(
            version: .v1, subject: DistinguishedName(), privateKey: .init(P384.Signing.PrivateKey()),
            attributes: .init()
        )
        #expect(throws: TrustError("the certificate request is not for a P-256 key")) {
            try CertificateRequest.verifiedKey(der: der(request))
        }
    }

    @Test func `a request for somebody else's key is refused`() throws {
        let mine = P256.Signing.PrivateKey()
        let theirs = P256.Signing.PrivateKey()
        let honest = try CertificateSigningRequest(
            version: .v1, subject: DistinguishedName(), privateKey: .init(mine), attributes: .init()
        )
        let forged = try CertificateSigningRequest(
            version: honest.version, subject: honest.subject, publicKey: .init(theirs.publicKey),
            attributes: honest.attributes, signatureAlgorithm: honest.signatureAlgorithm, signature: honest.signature
        )
        #expect(throws: TrustError("the certificate request is not signed by its own key")) {
            try CertificateRequest.verifiedKey(der: der(forged))
        }
    }

    @Test func `an oversized, empty or truncated request is refused`() throws {
        let request = try CertificateRequest.make(key: IdentityKey())
        #expect(throws: TrustError("the certificate request is larger than 4096 bytes")) {
            try CertificateRequest.verifiedKey(der: request + [UInt8](repeating: 0, count: 4096))
        }
        for length in 0..<request.count {
            #expect(throws: TrustError.self) { try CertificateRequest.verifiedKey(der: request.prefix(length)) }
        }
        #expect(throws: TrustError.self) { try CertificateRequest.verifiedKey(der: request + [0]) }
    }

    @Test func `a request with any one byte changed is refused, or still proves the same key`() throws {
        let key = IdentityKey()
        let request = try CertificateRequest.make(key: key)
        let expected = try CertificateRequest.verifiedKey(der: request).derRepresentation
        for index in request.indices {
            var mutated = request
            mutated[index] ^= 0x20
            if let proven = try? CertificateRequest.verifiedKey(der: mutated) {
                #expect(proven.derRepresentation == expected, "byte \(index)")
            }
        }
    }

    private func der(_ request: CertificateSigningRequest) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(request)
        return serializer.serializedBytes
    }
}
