import Foundation
import HTTPTypes
package import Logging
package import NetworkTypes
import TrustCore
package import Tunnel

/// The one thing that a client without a certificate reaches: it exchanges proof of a pairing code's secret
/// for a certificate, once.
package struct PairingService: Sendable {
    private let trust: GatewayTrust
    private let introduction: PairingIntroduction?
    private let logger: Logger

    /// Makes the handler of a gateway's pairing connections.
    /// - Parameter introduction: How codes are handed over on the home's own network, if they are.
    package init(trust: GatewayTrust, introduction: PairingIntroduction? = nil, logger: Logger) {
        self.trust = trust
        self.introduction = introduction
        self.logger = logger
    }

    /// Answers one exchange of a pairing connection.
    package func handle(_ exchange: any InboundExchange, from remote: SocketEndpoint) async {
        let answer: Result<PairingAnswer, Problem>
        do {
            answer = .success(try await redeem(try await request(of: exchange)))
        } catch let problem as Problem {
            logger.info("pairing refused", metadata: ["reason": "\(problem.title)"])
            answer = .failure(problem)
        } catch {
            logger.warning("pairing failed", metadata: ["error": "\(error)"])
            answer = .failure(
                Problem(.unavailable, "The gateway could not complete the pairing; try again.", status: 503))
        }
        do {
            switch answer {
            case .success(let answer): try await exchange.respond(json: answer)
            case .failure(let problem): try await exchange.respond(problem)
            }
        } catch {
            // The client went away. A certificate that it never received is in the ledger of subjects,
            // where the owner sees and revokes it.
            logger.debug("the pairing's answer was not taken", metadata: ["error": "\(error)"])
        }
    }

    private func request(of exchange: any InboundExchange) async throws -> PairingRequest {
        guard exchange.request.method == .post, exchange.request.path == WirePath.pairing else {
            throw Problem(.notFound, "Only pairing is served here.", status: 404)
        }
        let body = try await exchange.body.collect(upTo: 16 << 10)
        guard let message = try? WireCoding.decode(PairingMessage.self, from: body), let request = message.request
        else {
            throw Problem(.badRequest, "This is not a pairing request.", status: 400)
        }
        return request
    }

    private func redeem(_ request: PairingRequest) async throws -> PairingAnswer {
        switch trust.receive(request) {
        case .refuse(let refusal, let guessed):
            if let guessed { _ = try await trust.store.recordWrongGuess(guessed) }
            throw Problem(.pairing, refusal.sentence, status: 403)
        case .redeem(let pending):
            var durable = false
            defer { trust.redeemed(pending.id, durable: durable) }
            let answer = try await commit(request, of: pending)
            durable = true
            introduction?.redeemed(pending.id)
            // The certificate has to be good by the time that the client holds it.
            try await trust.reload()
            return answer
        }
    }

    private func commit(_ request: PairingRequest, of pending: PendingPairing) async throws -> PairingAnswer {
        let identity = trust.identity
        let now = Date()
        var random = SystemRandomNumberGenerator()
        let subject = Subject(id: pending.subject, name: pending.name, createdAt: now)
        let leaf = try identity.authority.issueClientLeaf(
            csrDER: request.csrDER, subject: subject, now: now, lifetimes: trust.lifetimes, using: &random)
        let redemption = Redemption(
            pairing: pending.id, credential: Credential(leaf, subject: subject.id, deviceName: request.deviceName),
            introduced: introduction?.credential(
                of: pending.id, subject: subject.id, deviceName: request.deviceName))
        switch try await trust.store.redeem(redemption, now: now) {
        case .refused(let refusal): throw Problem(.pairing, refusal.sentence, status: 403)
        case .paired(let subject):
            logger.info("paired", metadata: ["subject": "\(subject.name)"])
            return PairingAnswer(
                chain: [leaf, identity.authority.certificate], gatewayName: identity.name, pins: identity.pins,
                clientName: subject.name)
        }
    }
}
