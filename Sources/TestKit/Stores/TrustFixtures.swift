package import FoundationEssentials
package import NetworkTypes
package import TrustCore

/// Keys, certificates and codes for tests, around one instant.
package struct TrustFixtures: Sendable {
    /// 2026-03-09 12:00 UTC.
    package static let now = Date(timeIntervalSince1970: 1_773_057_600)

    /// The gateway under test.
    package let gateway: GatewayIdentity
    /// Where names and ids come from.
    package var random: SeededGenerator

    /// Makes a gateway.
    package init(seed: UInt64 = 1, name: String = "Anna's home") throws {
        var random = SeededGenerator(seed: seed)
        self.gateway = try GatewayIdentity.create(name: name, now: Self.now, using: &random)
        self.random = random
    }

    /// A code's secret, its id and the order for it.
    package mutating func draft(
        _ name: String, scope: Grant.Scope = .preset("media"), sharing: Bool = true
    ) -> (id: PairingCodeID, secret: PairingSecret, draft: PairingDraft) {
        let id = PairingCodeID(using: &random)
        let secret = PairingSecret(using: &random)
        return (id, secret, PairingDraft(name: name, scope: scope, sharing: sharing, key: secret.requestKey(for: id)))
    }

    /// The code of such an order.
    package func code(_ id: PairingCodeID, _ secret: PairingSecret, expiresAt: Date) throws -> PairingCode {
        try PairingCode(
            gatewayName: gateway.name,
            addresses: [GatewayAddress("192.0.2.1:4711"), GatewayAddress("[2001:db8::1]:4711")].compactMap { $0 },
            pin: gateway.currentServerKey.pin, id: id, secret: secret, expiresAt: expiresAt
        )
    }

    /// A leaf for a fresh key.
    package mutating func clientLeaf(
        for subject: Subject, key: IdentityKey = IdentityKey(), now: Date = now,
        lifetimes: CertificateLifetimes = .init()
    ) throws -> IssuedCertificate {
        try gateway.authority.issueClientLeaf(
            csrDER: CertificateRequest.make(key: key), subject: subject, now: now, lifetimes: lifetimes,
            using: &random
        )
    }

    /// A credential of a fresh leaf.
    package mutating func credential(for id: SubjectID, name: String = "client") throws -> Credential {
        let subject = Subject(id: id, name: name, createdAt: Self.now)
        return Credential(try clientLeaf(for: subject), subject: id, deviceName: "test")
    }

    /// A random subject id.
    package mutating func subjectID() -> SubjectID { SubjectID(using: &random) }

    /// Pairs a client in a store.
    package mutating func pair(
        _ name: String, in store: any GatewayStore, scope: Grant.Scope = .preset("media"), now: Date = now
    ) async throws -> Subject {
        let order = draft(name, scope: scope)
        let pairing = try await store.addPairing(
            order.draft, id: order.id, newSubject: subjectID(), now: now, expiresAt: now + 600
        )
        let credential = try credential(for: pairing.subject, name: name)
        let outcome = try await store.redeem(Redemption(pairing: order.id, credential: credential), now: now)
        guard case .paired(let subject) = outcome else {
            throw BrokenPromise(description: "the pairing of \(name) was refused: \(outcome)")
        }
        return subject
    }

    /// A gateway as a client keeps it.
    package mutating func pairedGateway(name: String = "Anna's home") throws -> PairedGateway {
        let key = IdentityKey()
        let subject = Subject(id: subjectID(), name: "laptop", createdAt: Self.now)
        return PairedGateway(
            id: GatewayID(authority: gateway.authority.certificate), name: name,
            addresses: [GatewayAddress("192.0.2.1:4711"), GatewayAddress("home.example:443")].compactMap { $0 },
            pins: gateway.pins, subjectName: "laptop", key: key,
            chain: [try clientLeaf(for: subject, key: key), gateway.authority.certificate], pairedAt: Self.now
        )
    }
}
