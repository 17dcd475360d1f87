import Foundation
import NIOCore
import TrustCore
import Tunnel

/// What a client asks of its gateway for itself: another certificate, and the head of the audit log.
struct UpkeepEndpoints: Sendable {
    let trust: GatewayTrust
    let limits: WireLimits

    /// `POST /v1/renew`: issues the next certificate to whoever came with one that is valid and nearly over. It is
    /// durable before it is answered; the certificate that asked stays valid until its end, so that nothing is lost
    /// if the answer is.
    func renew(_ exchange: any InboundExchange, of session: RemoteSession, peer: AdmittedPeer) async throws {
        let body = try await exchange.body.collect(upTo: limits.messageBytes)
        guard let message = try? WireCoding.decode(RenewalRequest.self, from: body) else {
            throw Problem(.badRequest, "This is not a request for a certificate.", status: 400)
        }
        let now = Date()
        // The live table, and not the session: the pairing may have been revoked since.
        guard case .admit(let id) = trust.authorize(peer.certificate), let subject = trust.activeSubject(id),
            let current = try? IssuedCertificate(der: peer.certificate.der)
        else { throw Problem(.refused, "The pairing was revoked, or its certificate has ended.", status: 403) }
        guard CertificateRenewal.isDue(current, now: now) else {
            throw Problem(.badRequest, "The certificate is not due for renewal yet.", status: 409)
        }
        let ledger = try await trust.store.ledger()
        let deviceName = ledger.credentials.first { $0.fingerprint == current.fingerprint }?.deviceName ?? ""
        let identity = trust.identity
        var random = SystemRandomNumberGenerator()
        let leaf: IssuedCertificate
        do {
            leaf = try identity.authority.issueClientLeaf(
                csrDER: message.request, subject: subject, now: now, lifetimes: trust.lifetimes, using: &random)
        } catch {
            throw Problem(.badRequest, error.message, status: 400)
        }
        do {
            try await trust.store.addCredential(
                Credential(leaf, subject: subject.id, deviceName: deviceName), renewing: current.fingerprint, now: now)
        } catch let error as StoreError {
            throw Problem(.unavailable, error.message, status: error.code == .notFound ? 403 : 503)
        }
        // The certificate has to be good by the time that the client holds it.
        try await trust.reload()
        try await exchange.respond(
            json: RenewalAnswer(chain: [Data(leaf.der), Data(identity.authority.certificate.der)]))
    }

    /// `POST /v1/addresses`: where the gateway is reached, and how it is found again.
    func addresses(_ exchange: any InboundExchange, of session: RemoteSession) async throws {
        _ = try await exchange.body.collect(upTo: limits.messageBytes)
        // The live table: a record's key must not go to who was revoked.
        guard trust.activeSubject(session.subject.id.rawValue) != nil else {
            throw Problem(.refused, "The pairing was revoked.", status: 403)
        }
        guard let answer = try await trust.addresses.answer(session.subject.id) else {
            throw Problem(.notFound, "This gateway does not tell its addresses.", status: 404)
        }
        try await exchange.respond(json: answer)
    }

    /// `POST /v1/audit`: the newest checkpoint, to an administrator's client.
    func audit(_ exchange: any InboundExchange, of session: RemoteSession) async throws {
        let body = try await exchange.body.collect(upTo: limits.messageBytes)
        guard let message = try? WireCoding.decode(AuditHeadRequest.self, from: body) else {
            throw Problem(.badRequest, "This is not a question about the audit log.", status: 400)
        }
        let store = trust.store
        guard try await store.ledger().isAdministrator(session.subject.id) else {
            throw Problem(.refused, "The heads of the audit log are for administrators' clients.", status: 403)
        }
        guard let checkpoint = try await store.auditCheckpoints().last else {
            throw Problem(.notFound, "There is no audit log yet.", status: 404)
        }
        var digests = Data()
        if let after = message.after {
            var query = AuditQuery()
            query.after = after
            query.limit = AuditExtension.step
            for entry in try await store.auditEntries(query) where entry.sequence <= checkpoint.sequence {
                digests.append(contentsOf: entry.digest.bytes)
            }
        }
        try await exchange.respond(
            json: AuditHeadAnswer(
                checkpoint: checkpoint.description, digests: digests, pruned: try await store.auditStub()?.through ?? 0)
        )
    }
}

extension AdmittedPeer {
    /// What a session is bound to: the subject and not the certificate, so that a session goes on when the
    /// certificate was renewed. Nobody else's certificate is the subject's.
    var sessionBinding: [UInt8] { Array(subject.utf8) }
}
