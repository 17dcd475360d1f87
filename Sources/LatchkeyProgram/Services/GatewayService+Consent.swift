import Foundation
import RemoteAccess
import TrustCore

/// What clients wait for the owner's consent to.
extension GatewayService {
    func consent(_ order: ConsentOrder) async throws -> [ConsentReport] {
        switch order {
        case .list: break
        case .allow(let client, let rule): try await answer(client, rule, given: true)
        case .refuse(let client, let rule): try await answer(client, rule, given: false)
        }
        return trust.consents.open.map {
            ConsentReport(client: $0.client, rule: $0.rule, device: $0.device, action: $0.action, asked: $0.askedAt)
        }
    }

    private func answer(_ client: String, _ rule: String, given: Bool) async throws {
        let subject = try StoreControlHandler.subject(client, in: try await trust.store.ledger())
        try await trust.answer(rule: rule, subject: subject.id, consents: given, author: NSUserName())
    }
}
