package import Foundation
package import TrustCore
import Tunnel

/// What an away client does for itself while it is connected: it renews its certificate, and holds the head of the
/// gateway's audit log.
package struct ClientUpkeep: Sendable {
    /// What its owner should know.
    package enum Notice: Hashable, Sendable {
        /// The certificate was renewed and is good until then.
        case renewed(until: Date)
        /// It could not be renewed; it is tried again until it ends.
        case notRenewed(String, until: Date)
        /// The gateway's audit log is not the one that this client knows: somebody has rewritten it.
        case auditContradicted(String)
        /// The log could not be compared, because what this client holds was removed since.
        case auditGap(UInt64)
    }

    private let store: any AwayStore
    private let gateway: @Sendable () -> PairedGateway
    private let onRenewed: @Sendable (PairedGateway) -> Void
    private let onNotice: @Sendable (Notice) -> Void
    private let limits = WireLimits()

    /// - Parameters:
    ///   - gateway: What is known of the gateway at the moment.
    ///   - onRenewed: Told the record with the next certificate, after it was made durable.
    package init(
        store: any AwayStore, gateway: @escaping @Sendable () -> PairedGateway,
        onRenewed: @escaping @Sendable (PairedGateway) -> Void, onNotice: @escaping @Sendable (Notice) -> Void
    ) {
        self.store = store
        self.gateway = gateway
        self.onRenewed = onRenewed
        self.onNotice = onNotice
    }

    /// Does what is due; answers when to come back.
    package func run(_ link: Link, now: Date = Date()) async -> Duration {
        await renew(link, now: now)
        await followAudit(link)
        return gateway().chain.first.map { min(.seconds(60), CertificateRenewal.interval(of: $0)) } ?? .seconds(60)
    }

    /// Asks for the next certificate, keeps it, and only then uses it. Whatever happens in between, the certificate
    /// that is kept is one that the gateway knows.
    package func renew(_ link: Link, now: Date) async {
        let gateway = gateway()
        guard let leaf = gateway.chain.first, CertificateRenewal.isDue(leaf, now: now) else { return }
        do {
            let key = IdentityKey()
            let answer = try await link.carrier.post(
                RenewalRequest(request: Data(try CertificateRequest.make(key: key))), to: WirePath.renewal,
                session: link.session, answer: RenewalAnswer.self, limits: limits)
            let renewed = try Self.renewed(gateway, with: answer, key: key, now: now)
            try await store.save(renewed)
            onRenewed(renewed)
            onNotice(.renewed(until: renewed.chain.first?.notAfter ?? now))
        } catch is CancellationError {
            return
        } catch {
            onNotice(.notRenewed(SessionKeeper.sentence(error), until: leaf.notAfter))
        }
    }

    /// The record with the next certificate. Throws `TrustError` for an answer that could not be used.
    static func renewed(
        _ gateway: PairedGateway, with answer: RenewalAnswer, key: IdentityKey, now: Date
    ) throws -> PairedGateway {
        let chain = try answer.chain.prefix(4).map { try IssuedCertificate(der: Array($0)) }
        guard let leaf = chain.first, let authority = chain.last, chain.count >= 2 else {
            throw TrustError("the gateway's answer holds no certificate chain")
        }
        guard leaf.pin == key.pin else { throw TrustError("the gateway certified a key that is not ours") }
        guard GatewayID(authority: authority) == gateway.id else {
            throw TrustError("the certificate is of another gateway")
        }
        guard leaf.notBefore <= now, now < leaf.notAfter else {
            throw TrustError("the certificate is not valid now: check the clocks of both ends")
        }
        return PairedGateway(
            id: gateway.id, name: gateway.name, addresses: gateway.addresses, pins: gateway.pins,
            subjectName: gateway.subjectName, key: key, chain: chain, pairedAt: gateway.pairedAt)
    }
}

extension ClientUpkeep {
    /// Asks for the newest head and checks that it extends the one that is held. What contradicts is never kept, so
    /// that the complaint comes again until somebody has looked.
    package func followAudit(_ link: Link) async {
        let gateway = gateway()
        guard let authority = gateway.chain.last else { return }
        do {
            let held = try await store.auditHeads(of: gateway.id).last
            let first = try await ask(link, after: held?.sequence)
            guard let newest = AuditCheckpoint(first.checkpoint), newest.isSigned(by: authority) else {
                return onNotice(.auditContradicted("the gateway's checkpoint does not bear its signature"))
            }
            guard let held else { return try await store.keepAuditHead(newest) }
            guard newest.sequence >= held.sequence else {
                return onNotice(
                    .auditContradicted(
                        "the log ends with entry \(newest.sequence), but this client holds the head of entry \(held.sequence): it was cut short or put back"
                    ))
            }
            if first.pruned > held.sequence {
                try await store.keepAuditHead(newest)
                return onNotice(.auditGap(held.sequence))
            }
            guard try await proves(first, from: held, to: newest, link) else {
                return onNotice(
                    .auditContradicted(
                        "its head at entry \(newest.sequence) does not extend the one that this client holds of entry \(held.sequence): it was written anew"
                    ))
            }
            if newest.sequence > held.sequence { try await store.keepAuditHead(newest) }
        } catch let problem as Problem where problem.kind == .refused || problem.kind == .notFound {
            // Not an administrator's client, which most are not.
            return
        } catch {
            // The carrier broke: it is asked again over the next one.
            return
        }
    }

    private func proves(
        _ first: AuditHeadAnswer, from held: AuditCheckpoint, to newest: AuditCheckpoint, _ link: Link
    ) async throws -> Bool {
        var proof = AuditExtension(from: held, to: newest)
        var digests = first.digests
        while true {
            let before = proof.sequence
            switch proof.take(Self.split(digests)) {
            case .extends: return true
            case .contradicts: return false
            case .unfinished:
                guard proof.sequence > before else { return false }
                digests = try await ask(link, after: proof.sequence).digests
            }
        }
    }

    private func ask(_ link: Link, after: UInt64?) async throws -> AuditHeadAnswer {
        try await link.carrier.post(
            AuditHeadRequest(after: after), to: WirePath.audit, session: link.session, answer: AuditHeadAnswer.self,
            limits: limits)
    }

    private static func split(_ data: Data) -> [AuditDigest] {
        let bytes = Array(data.prefix(32 * AuditExtension.step))
        return stride(from: 0, to: bytes.count - bytes.count % 32, by: 32).compactMap {
            AuditDigest(bytes: bytes[$0..<($0 + 32)])
        }
    }
}
