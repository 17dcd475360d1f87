import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOTunnel
import NetworkTypes
import Synchronization
import TestKit
import Testing
import TrustCore
import Tunnel

@testable import RemoteAccess

/// What can go wrong in the middle of a renewal.
enum RenewalFault: CaseIterable {
    case requestLost, answerLost, clientCannotWrite
}

@Suite("What a client does for itself")
struct ClientUpkeepTests {
    private static let life = Duration.seconds(3_600)

    /// A gateway and a client that paired with it some time ago, on a carrier in memory.
    private final class World: Sendable {
        let store = InMemoryGatewayStore()
        let away = FailingAwayStore()
        let trust: GatewayTrust
        let subject: Subject
        let notices = Mutex<[ClientUpkeep.Notice]>([])

        init(issuedAgo seconds: TimeInterval, scope: Grant.Scope = .preset("full")) async throws {
            var lifetimes = CertificateLifetimes()
            lifetimes.client = ClientUpkeepTests.life
            trust = try await GatewayTrust.load(
                from: store, name: "Home", lifetimes: lifetimes,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            var random = SystemRandomNumberGenerator()
            let issued = Date() - seconds
            let secret = PairingSecret(using: &random)
            let id = PairingCodeID(using: &random)
            let pairing = try await store.addPairing(
                PairingDraft(name: "phone", scope: scope, key: secret.requestKey(for: id)), id: id,
                newSubject: SubjectID(using: &random), now: issued, expiresAt: issued + 600)
            let key = IdentityKey()
            let identity = trust.identity
            subject = Subject(id: pairing.subject, name: "phone", createdAt: issued)
            let leaf = try identity.authority.issueClientLeaf(
                csrDER: try CertificateRequest.make(key: key), subject: subject, now: issued, lifetimes: lifetimes,
                using: &random)
            _ = try await store.redeem(
                Redemption(pairing: id, credential: Credential(leaf, subject: subject.id, deviceName: "d")), now: issued
            )
            try await trust.reload()
            try await away.save(
                PairedGateway(
                    id: GatewayID(authority: identity.authority.certificate), name: "Home", addresses: [],
                    pins: identity.pins, subjectName: "phone", key: key,
                    chain: [leaf, identity.authority.certificate], pairedAt: issued))
        }

        func kept() async throws -> PairedGateway { try #require(try await away.gateways().first) }

        func isAdmitted(_ gateway: PairedGateway) throws -> Bool {
            let leaf = try #require(gateway.chain.first)
            guard case .admit = trust.authorize(PeerCertificate(der: leaf.der, publicKeyInfoDER: [])) else {
                return false
            }
            return gateway.key.pin == leaf.pin
        }

        /// A client that was just started from what it keeps, over a carrier of its own.
        func whileConnected(
            fault: RenewalFault? = nil, _ body: @escaping @Sendable (ClientUpkeep, Link) async throws -> Void
        ) async throws {
            let kept = try await kept()
            let current = Mutex(kept)
            let (near, far) = InMemoryCarrier.pair()
            var random = SystemRandomNumberGenerator()
            let session = RemoteSession(
                id: SessionID(using: &random), subject: subject, authority: "192.0.2.1:80", limits: .init())
            let endpoint = SocketEndpoint(.v4(.loopback), port: 1)
            let leaf = try #require(kept.chain.first)
            let peer = AdmittedPeer(
                subject: subject.id.rawValue, certificate: PeerCertificate(der: leaf.der, publicKeyInfoDER: []),
                remote: endpoint, local: endpoint, purpose: .session)
            let endpoints = UpkeepEndpoints(trust: trust, limits: WireLimits())
            away.fails.withLock { $0 = fault == .clientCannotWrite }
            let upkeep = ClientUpkeep(
                store: away, gateway: { current.withLock { $0 } },
                onRenewed: { renewed in current.withLock { $0 = renewed } },
                onNotice: { notice in self.notices.withLock { $0.append(notice) } })
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    try await far.serve { exchange in
                        if fault == .requestLost { return exchange.reset(.internalError) }
                        do {
                            switch exchange.request.path {
                            case WirePath.renewal where fault == .answerLost:
                                try await endpoints.renew(MuteExchange(exchange), of: session, peer: peer)
                            case WirePath.renewal: try await endpoints.renew(exchange, of: session, peer: peer)
                            default: try await endpoints.audit(exchange, of: session)
                            }
                        } catch let problem as Problem {
                            try? await exchange.respond(problem)  // The asker may be gone.
                        } catch {
                            exchange.reset(.internalError)
                        }
                    }
                }
                tasks.addTask { try await body(upkeep, Link(carrier: near, session: session.id.description)) }
                _ = try await tasks.next()
                tasks.cancelAll()
                near.close(.closed)
            }
        }
    }

    @Test func `a certificate with more than half of its life is left alone, and the gateway would not renew it`()
        async throws
    {
        let world = try await World(issuedAgo: 60)
        let before = try await world.kept()
        try await world.whileConnected { upkeep, link in
            _ = await upkeep.run(link)
            await #expect(throws: Problem.self) {
                _ = try await link.carrier.post(
                    RenewalRequest(request: Data(try CertificateRequest.make(key: IdentityKey()))),
                    to: WirePath.renewal, session: link.session, answer: RenewalAnswer.self, limits: WireLimits())
            }
        }
        #expect(try await world.kept() == before)
        #expect(world.notices.withLock { $0 }.isEmpty)
    }

    @Test func `a certificate is renewed with a fresh key, and the old one is good until its end`() async throws {
        let world = try await World(issuedAgo: 1_800)
        let before = try await world.kept()
        try await world.whileConnected { upkeep, link in _ = await upkeep.run(link) }
        let after = try await world.kept()
        #expect(after.key != before.key)
        #expect(try world.isAdmitted(after))
        #expect(try world.isAdmitted(before))
        _ = try await world.store.revoke(world.subject.id, now: Date())
        try await world.trust.reload()
        #expect(try !world.isAdmitted(after))
        #expect(try !world.isAdmitted(before))
    }

    @Test(arguments: RenewalFault.allCases)
    func `whatever fails in a renewal, the client keeps a certificate that lets it in, and renews at the next try`(
        fault: RenewalFault
    ) async throws {
        let world = try await World(issuedAgo: 1_800)
        let before = try await world.kept()
        for _ in 0..<3 {
            try await world.whileConnected(fault: fault) { upkeep, link in _ = await upkeep.run(link) }
            let kept = try await world.kept()
            #expect(try world.isAdmitted(kept))
            #expect(kept == before)
        }
        try await world.whileConnected { upkeep, link in _ = await upkeep.run(link) }
        let after = try await world.kept()
        #expect(after != before)
        #expect(try world.isAdmitted(after))
    }

    @Test func `a revoked client is not given another certificate`() async throws {
        let world = try await World(issuedAgo: 1_800)
        let before = try await world.kept()
        _ = try await world.store.revoke(world.subject.id, now: Date())
        try await world.trust.reload()
        try await world.whileConnected { upkeep, link in _ = await upkeep.run(link) }
        #expect(try await world.kept() == before)
        let said = world.notices.withLock { $0 }.first
        guard case .notRenewed(let reason, _)? = said else {
            Issue.record("the client says \(String(describing: said))")
            return
        }
        #expect(reason.contains("revoked"))
    }
}

extension ClientUpkeepTests {
    @Test func `an administrator's client holds the newest head, and takes each that extends it`() async throws {
        let world = try await World(issuedAgo: 60)
        let id = try await world.kept().id
        for round in 0..<3 {
            _ = try await world.store.audit(
                (0..<(round * 1_500)).map { AuditEvent(.decision, .permitted, action: "\($0)") }, now: Date())
            try await world.whileConnected { upkeep, link in await upkeep.followAudit(link) }
            let newest = try await world.store.auditCheckpoints().last
            #expect(try await world.away.auditHeads(of: id).last == newest, "round \(round)")
        }
        #expect(world.notices.withLock { $0 }.isEmpty)
    }

    @Test func `a log that was written anew with the key, or cut short, is complained about and not taken over`()
        async throws
    {
        let world = try await World(issuedAgo: 60)
        let id = try await world.kept().id
        let newest = try #require(try await world.store.auditCheckpoints().last)
        let authority = world.trust.identity.authority
        var random = SystemRandomNumberGenerator()
        let other = try #require(AuditHead(bytes: random.bytes(32)))
        for sequence in [newest.sequence - 1, newest.sequence, newest.sequence + 1] {
            let held = try AuditCheckpoint(sequence: sequence, head: other, now: Date(), authority: authority)
            try await world.away.keepAuditHead(held)
            try await world.whileConnected { upkeep, link in await upkeep.followAudit(link) }
            #expect(try await world.away.auditHeads(of: id).last == held)
        }
        let said = world.notices.withLock { $0 }
        #expect(said.count == 3)
        #expect(said.allSatisfy { if case .auditContradicted = $0 { true } else { false } })
    }

    @Test func `other clients are not given the head`() async throws {
        let world = try await World(issuedAgo: 60, scope: .preset("media"))
        try await world.whileConnected { upkeep, link in await upkeep.followAudit(link) }
        #expect(try await world.away.auditHeads(of: try await world.kept().id).isEmpty)
    }
}

/// A store that refuses to save while it is told to.
final class FailingAwayStore: AwayStore {
    let fails = Mutex(false)
    private let store = InMemoryAwayStore()

    func gateways() async throws -> [PairedGateway] { try await store.gateways() }
    func save(_ gateway: PairedGateway) async throws {
        if fails.withLock({ $0 }) { throw StoreError(.unavailable, "the disk is full") }
        try await store.save(gateway)
    }
    func update(_ id: GatewayID, name: String?, addresses: [GatewayAddress]?, pins: [KeyPin]?) async throws {
        try await store.update(id, name: name, addresses: addresses, pins: pins)
    }
    func remove(_ id: GatewayID) async throws { try await store.remove(id) }
    func secret(named name: String, orStore fresh: [UInt8]) async throws -> [UInt8] {
        try await store.secret(named: name, orStore: fresh)
    }
    func auditHeads(of gateway: GatewayID) async throws -> [AuditCheckpoint] {
        try await store.auditHeads(of: gateway)
    }
    func keepAuditHead(_ checkpoint: AuditCheckpoint) async throws { try await store.keepAuditHead(checkpoint) }
    func revision() async throws -> StoreRevision { try await store.revision() }
    func changes() -> AsyncStream<StoreRevision> { store.changes() }
}

/// An exchange whose answer never arrives: the connection breaks when it is to be sent.
private struct MuteExchange: InboundExchange {
    private let exchange: any InboundExchange

    init(_ exchange: any InboundExchange) { self.exchange = exchange }

    var request: HTTPRequest { exchange.request }
    var trafficClass: TrafficClass { exchange.trafficClass }
    var body: ExchangeBody { exchange.body }
    func respond(_ response: HTTPResponse) async throws { throw CarrierEnd.closed }
    func send(_ chunk: ByteBuffer) async throws { throw CarrierEnd.closed }
    func finish() async throws { throw CarrierEnd.closed }
    func reset(_ code: ResetCode) { exchange.reset(code) }
}
