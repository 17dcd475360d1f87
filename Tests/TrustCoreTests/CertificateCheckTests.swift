import Crypto
import FoundationEssentials
import NetworkTypes
import SwiftASN1
import TestKit
import Testing
import TrustCore
import X509

private let now = TrustFixtures.now

@Suite("The client's check of its gateway")
struct ServerCheckTests {
    @Test func `the current and the next key are accepted`() throws {
        var fixtures = try TrustFixtures()
        var gateway = fixtures.gateway
        let pins = gateway.pins
        let before = try gateway.serverLeaf(now: now, using: &fixtures.random)
        #expect(CertificateCheck.server(leafDER: before.der, pins: pins, now: now) == .accepted)
        gateway.rotateServerKey()
        let after = try gateway.serverLeaf(now: now, using: &fixtures.random)
        #expect(CertificateCheck.server(leafDER: after.der, pins: pins, now: now) == .accepted)
        gateway.rotateServerKey()
        let unknown = try gateway.serverLeaf(now: now, using: &fixtures.random)
        #expect(CertificateCheck.server(leafDER: unknown.der, pins: pins, now: now) == .refused(.wrongPin))
    }

    @Test func `another gateway of the same name is refused by its pin, as is one without any pin`() throws {
        let ours = try TrustFixtures(seed: 1)
        var theirs = try TrustFixtures(seed: 2)
        let leaf = try theirs.gateway.serverLeaf(now: now, using: &theirs.random)
        let verdict = CertificateCheck.server(leafDER: leaf.der, pins: ours.gateway.pins, now: now)
        #expect(verdict == .refused(.wrongPin))
        #expect(CertificateCheck.server(leafDER: leaf.der, pins: [], now: now) == .refused(.wrongPin))
    }

    @Test func `a client's certificate cannot stand in for the gateway's, even if its key is pinned`() throws {
        var fixtures = try TrustFixtures()
        let key = IdentityKey()
        let subject = Subject(id: fixtures.subjectID(), name: "x", createdAt: now)
        let leaf = try fixtures.clientLeaf(for: subject, key: key)
        #expect(CertificateCheck.server(leafDER: leaf.der, pins: [key.pin], now: now) == .refused(.forClients))
    }

    @Test func `the pin of the authority is no pin of the gateway`() throws {
        let authority = try TrustFixtures().gateway.authority
        let verdict = CertificateCheck.server(leafDER: authority.certificate.der, pins: [authority.key.pin], now: now)
        #expect(verdict == .refused(.wrongUse))
    }

    @Test(
        "a certificate for both uses, for any use, for none or of an authority is refused",
        arguments: [[.serverAuth, .clientAuth], [.any], [.serverAuth, .any], [], [.codeSigning]]
            as [[ExtendedKeyUsage.Usage]]
    )
    func refusesOtherUses(usages: [ExtendedKeyUsage.Usage]) throws {
        let key = IdentityKey()
        let leaf = try selfSigned(key, usages: usages, isAuthority: false)
        #expect(CertificateCheck.server(leafDER: leaf, pins: [key.pin], now: now) == .refused(.wrongUse))
        let authority = try selfSigned(key, usages: [.serverAuth], isAuthority: true)
        #expect(CertificateCheck.server(leafDER: authority, pins: [key.pin], now: now) == .refused(.wrongUse))
        let fine = try selfSigned(key, usages: [.serverAuth], isAuthority: false)
        #expect(CertificateCheck.server(leafDER: fine, pins: [key.pin], now: now) == .accepted)
    }

    @Test func `an expired and a not yet valid leaf are refused with their dates`() throws {
        var fixtures = try TrustFixtures()
        let leaf = try fixtures.gateway.serverLeaf(now: now, using: &fixtures.random)
        let pins = fixtures.gateway.pins
        let late = CertificateCheck.server(leafDER: leaf.der, pins: pins, now: leaf.notAfter + 1)
        #expect(late == .refused(.expired(leaf.notAfter)))
        let early = CertificateCheck.server(leafDER: leaf.der, pins: pins, now: leaf.notBefore - 1)
        #expect(early == .refused(.notYetValid(leaf.notBefore)))
        #expect(CertificateCheck.server(leafDER: leaf.der, pins: pins, now: leaf.notAfter) == .accepted)
    }

    @Test func `bytes that are no certificate are refused with a sentence`() {
        for garbage in [[], [0x30], [UInt8](repeating: 0x41, count: 100_000)] as [[UInt8]] {
            guard case .refused(.unreadable(let reason)) = CertificateCheck.server(leafDER: garbage, pins: [], now: now)
            else {
                Issue.record("garbage was read")
                continue
            }
            #expect(reason.hasPrefix("the certificate is"))
        }
    }

    private func selfSigned(
        _ key: IdentityKey, usages: [ExtendedKeyUsage.Usage], isAuthority: Bool
    ) throws -> [UInt8] {
        let name = try DistinguishedName { CommonName("x") }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(bytes: [1]), publicKey: .init(key.signing.publicKey),
            notValidBefore: now - 60, notValidAfter: now + 60, issuer: name, subject: name,
            extensions: Certificate.Extensions {
                if isAuthority { Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0)) }
                if !usages.isEmpty { try ExtendedKeyUsage(usages) }
            },
            issuerPrivateKey: .init(key.signing)
        )
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return serializer.serializedBytes
    }
}

@Suite("The gateway's check of a client")
struct ClientCheckTests {
    @Test func `its own client's leaf is accepted`() throws {
        var fixtures = try TrustFixtures()
        let subject = Subject(id: fixtures.subjectID(), name: "x", createdAt: now)
        let leaf = try fixtures.clientLeaf(for: subject)
        let verdict = CertificateCheck.client(leafDER: leaf.der, authority: fixtures.gateway.authority, now: now)
        #expect(verdict == .accepted)
    }

    @Test func `another gateway's client is foreign, also when that gateway has the same name`() throws {
        let ours = try TrustFixtures(seed: 1)
        var theirs = try TrustFixtures(seed: 2)
        let subject = Subject(id: theirs.subjectID(), name: "x", createdAt: now)
        let leaf = try theirs.clientLeaf(for: subject)
        let verdict = CertificateCheck.client(leafDER: leaf.der, authority: ours.gateway.authority, now: now)
        #expect(verdict == .refused(.foreign))
        #expect(CertificateRefusal.foreign.sentence == "this gateway did not issue the certificate")
    }

    @Test func `the gateway's own server leaf is not a client's`() throws {
        var fixtures = try TrustFixtures()
        let leaf = try fixtures.gateway.serverLeaf(now: now, using: &fixtures.random)
        let verdict = CertificateCheck.client(leafDER: leaf.der, authority: fixtures.gateway.authority, now: now)
        #expect(verdict == .refused(.forServers))
        #expect(CertificateRefusal.forServers.sentence == "the certificate is for servers, not clients")
    }

    @Test func `the authority's own certificate is not a client's`() throws {
        let authority = try TrustFixtures().gateway.authority
        let verdict = CertificateCheck.client(leafDER: authority.certificate.der, authority: authority, now: now)
        #expect(verdict == .refused(.wrongUse))
    }

    @Test func `an expired leaf is refused with the day`() throws {
        var fixtures = try TrustFixtures()
        let subject = Subject(id: fixtures.subjectID(), name: "x", createdAt: now)
        let leaf = try fixtures.clientLeaf(for: subject, lifetimes: .init(client: .seconds(60)))
        let verdict = CertificateCheck.client(leafDER: leaf.der, authority: fixtures.gateway.authority, now: now + 61)
        #expect(verdict == .refused(.expired(now + 60)))
        #expect(CertificateRefusal.expired(now).sentence == "the certificate expired on 2026-03-09: pair again")
    }

    @Test func `a leaf with any one byte changed is refused, or its signature does not cover that byte`() throws {
        var fixtures = try TrustFixtures()
        let subject = Subject(id: fixtures.subjectID(), name: "x", createdAt: now)
        let leaf = try fixtures.clientLeaf(for: subject)
        let covered = leaf.certificate.tbsCertificateBytes.count
        for index in 4..<covered + 4 {
            var mutated = leaf.der
            mutated[index] ^= 1
            let verdict = CertificateCheck.client(leafDER: mutated, authority: fixtures.gateway.authority, now: now)
            #expect(verdict != .accepted, "byte \(index)")
        }
    }
}

@Suite("Digests")
struct DigestTests {
    @Test func `a pin's text is 43 characters with one spelling`() throws {
        let pin = IdentityKey().pin
        let text = pin.description
        #expect(text.utf8.count == 43)
        #expect(KeyPin(base64URL: text) == pin)
        #expect(KeyPin(base64URL: text + "=") == nil)
        #expect(KeyPin(base64URL: String(text.dropLast())) == nil)
        // The last character carries two spare bits, which must be zero.
        let spellings = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            .filter { KeyPin(base64URL: text.dropLast() + String($0)) == pin }
        #expect(spellings.count == 1)
    }

    @Test func `the pin is the SHA-256 of the key's SubjectPublicKeyInfo`() throws {
        var fixtures = try TrustFixtures()
        let leaf = try fixtures.gateway.serverLeaf(now: now, using: &fixtures.random)
        #expect(KeyPin(certificateDER: leaf.der) == fixtures.gateway.currentServerKey.pin)
        #expect(KeyPin(certificateDER: [1, 2, 3]) == nil)
    }

    @Test func `a fingerprint's text is read back`() throws {
        let fingerprint = CertificateFingerprint(certificateDER: [1, 2, 3])
        #expect(fingerprint.description == "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81")
        #expect(CertificateFingerprint(hex: fingerprint.description) == fingerprint)
        #expect(CertificateFingerprint(hex: "00") == nil)
        #expect(CertificateFingerprint(hex: String(repeating: "g", count: 64)) == nil)
    }
}
