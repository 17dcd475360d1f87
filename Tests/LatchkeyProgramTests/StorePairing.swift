import Foundation
import LatchkeyProgram
import Testing
import TrustCore

/// Pairs a client as the gateway does when the code comes back.
func paired(
    _ order: PairingOrder, in store: any GatewayStore, by handler: StoreControlHandler, now: Date
) async throws -> Subject {
    guard case .pairing(let report) = try await handler.handle(.pair(order)) else {
        throw ProgramError.failure("no pairing")
    }
    let code = try PairingCode(report.code, now: now)
    let pending = try #require(try await store.ledger().pairings.first { $0.id == code.id })
    var random = SystemRandomNumberGenerator()
    let identity = try #require(try await store.identity()).identity
    let leaf = try identity.authority.issueClientLeaf(
        csrDER: try CertificateRequest.make(key: IdentityKey()),
        subject: Subject(id: pending.subject, name: order.name, createdAt: now), now: now, using: &random)
    let outcome = try await store.redeem(
        Redemption(pairing: code.id, credential: Credential(leaf, subject: pending.subject)), now: now)
    guard case .paired(let subject) = outcome else { throw ProgramError.failure("\(outcome)") }
    return subject
}
