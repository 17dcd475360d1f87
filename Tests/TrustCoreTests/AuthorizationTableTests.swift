import FoundationEssentials
import TestKit
import Testing
import TrustCore

private let now = TrustFixtures.now

@Suite("The authorisation table")
struct AuthorizationTableTests {
    private var fixtures: TrustFixtures
    private let subject: Subject
    private let leaf: IssuedCertificate
    private var ledger: TrustLedger

    init() throws {
        fixtures = try TrustFixtures()
        subject = Subject(id: fixtures.subjectID(), name: "phone", createdAt: now)
        leaf = try fixtures.clientLeaf(for: subject)
        ledger = TrustLedger(
            revision: StoreRevision(1), subjects: [subject], credentials: [Credential(leaf, subject: subject.id)]
        )
    }

    private var table: AuthorizationTable { AuthorizationTable(authority: fixtures.gateway.authority, ledger: ledger) }

    @Test func `a paired client is admitted`() {
        #expect(table.admission(ofDER: leaf.der, now: now) == .admit(subject))
        #expect(table.isActive(subject.id))
    }

    @Test func `a revoked client is refused from the call on, and told the day`() {
        var table = table
        table.revoke(subject.id, at: now)
        #expect(table.admission(ofDER: leaf.der, now: now) == .refuse("the pairing was revoked on 2026-03-09"))
        #expect(!table.isActive(subject.id))
    }

    @Test func `a revocation entered here is not undone by a state of the store from before it`() {
        var table = table
        table.revoke(subject.id, at: now)
        var later = ledger
        later.revision = StoreRevision(2)
        #expect(table.update(to: later).isEmpty)
        #expect(table.admission(ofDER: leaf.der, now: now) == .refuse("the pairing was revoked on 2026-03-09"))
    }

    @Test func `an update names those whose rights ended`() {
        var table = table
        var later = ledger
        later.revision = StoreRevision(2)
        later.subjects[0].revokedAt = now
        #expect(table.update(to: later) == [subject.id])
        #expect(table.update(to: later).isEmpty)
        #expect(table.admission(ofDER: leaf.der, now: now) == .refuse("the pairing was revoked on 2026-03-09"))
    }

    @Test func `a subject that vanished has no rights`() {
        var table = table
        #expect(table.update(to: TrustLedger(revision: StoreRevision(2))) == [subject.id])
        #expect(
            table.admission(ofDER: leaf.der, now: now)
                == .refuse("this gateway issued the certificate but no longer knows it: pair again")
        )
    }

    @Test func `an older state of the store is ignored`() {
        var table = table
        #expect(table.update(to: TrustLedger()).isEmpty)
        #expect(table.admission(ofDER: leaf.der, now: now) == .admit(subject))
    }

    @Test func `an expired certificate is refused with the day`() {
        #expect(
            table.admission(ofDER: leaf.der, now: leaf.notAfter + 1)
                == .refuse("the certificate expired on 2026-04-08: pair again")
        )
    }

    @Test func `a certificate from the future is refused with advice`() {
        #expect(
            table.admission(ofDER: leaf.der, now: leaf.notBefore - 1)
                == .refuse("the certificate is not valid before 2026-03-08: check the clocks of both ends")
        )
    }

    @Test func `a foreign certificate is refused as such, though it has the same subject`() throws {
        var other = try TrustFixtures(seed: 9)
        let foreign = try other.clientLeaf(for: subject)
        #expect(
            table.admission(ofDER: foreign.der, now: now) == .refuse("this gateway did not issue the certificate")
        )
    }

    @Test func `a server's certificate is refused as such`() throws {
        var fixtures = fixtures
        let server = try fixtures.gateway.serverLeaf(now: now, using: &fixtures.random)
        #expect(
            table.admission(ofDER: server.der, now: now) == .refuse("the certificate is for servers, not clients")
        )
    }

    @Test func `garbage is refused`() {
        #expect(
            table.admission(ofDER: [1, 2, 3], now: now)
                == .refuse("the certificate is damaged: its encoding cannot be read")
        )
    }
}
