import AccessPolicy
package import Foundation
package import TrustCore

/// Answers control requests from a gateway's store alone: pairing codes, clients, revocation, keys.
///
/// Used while no gateway runs, and by the running gateway for everything that the store knows.
package struct StoreControlHandler: ControlRequestHandler {
    private let store: any GatewayStore
    private let name: String?
    private let relays: [GatewayAddress]
    private let fallbackAddresses: @Sendable () -> [GatewayAddress]
    private let groups: GroupControlHandler?
    private let policies: PolicyControlHandler?
    private let protections: ProtectionControlHandler?
    private let now: @Sendable () -> Date

    /// `groups`: answers for the secure group; nil where the store keeps none. `policies`: for the policy, likewise.
    /// `name`: what the gateway is to be called, nil for the name that it has.
    /// `relays`: what every code carries besides. `fallbackAddresses`: what a code carries when neither the order nor the configuration names any.
    package init(
        store: any GatewayStore,
        name: String?,
        groups: GroupControlHandler? = nil,
        policies: PolicyControlHandler? = nil,
        protections: ProtectionControlHandler? = nil,
        relays: [GatewayAddress] = [],
        fallbackAddresses: @escaping @Sendable () -> [GatewayAddress],
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.store = store
        self.name = name
        self.groups = groups
        self.policies = policies
        self.protections = protections
        self.relays = relays
        self.fallbackAddresses = fallbackAddresses
        self.now = now
    }

    package func handle(_ request: ControlRequest) async throws -> ControlReply {
        switch request {
        case .clients:
            .clients(Self.clients(try await store.ledger(), devices: try await groups?.devicesBySubject() ?? [:]))
        case .pair(let order) where order.lan:
            throw ProgramError.failure("--lan needs the gateway to run; start it with: latchkey gateway run")
        case .pair(let order): .pairing(try await pair(order))
        case .revoke(let name): .revoked(try await revoke(name))
        case .group(let request): .group(try await group(request))
        case .policy(let request): .policy(try await policy(request))
        case .rotateKey: .rotated(try await rotateKey())
        case .protection(let order): try await protection(order)
        case .role: throw ProgramError.failure("roles are taken up by away clients, and this is a gateway")
        case .ping, .status, .doctor, .sessions, .devices, .consent:
            throw ProgramError.failure("the gateway is not running")
        }
    }

    /// The gateway's identity, made at the first start and renamed when the configuration says so.
    package func identity() async throws -> GatewayIdentity {
        guard let stored = try await store.identity() else {
            var random = SystemRandomNumberGenerator()
            let fresh = try GatewayIdentity.create(name: name ?? hostName(), now: now(), using: &random)
            return try await store.establish(fresh).identity
        }
        guard let name, stored.identity.name != name else { return stored.identity }
        var renamed = stored.identity
        renamed.name = name
        return try await store.replace(renamed, expecting: stored.revision).identity
    }

    /// Makes a pairing code. `local`: where the gateway is reached besides, for a client that is at home.
    func pair(_ order: PairingOrder, reachedAlsoAt local: GatewayAddress? = nil) async throws -> PairingReport {
        guard (1...86400 * 7).contains(order.expiresIn) else {
            throw ProgramError.failure("a pairing code is good for at most seven days")
        }
        let identity = try await identity()
        var addresses = try self.addresses(order)
        if let local, !addresses.contains(local), addresses.count < PairingCode.maximumAddresses {
            addresses.append(local)
        }
        var random = SystemRandomNumberGenerator()
        let id = PairingCodeID(using: &random)
        let secret = PairingSecret(using: &random)
        let expiresAt = now() + TimeInterval(order.expiresIn)
        let code = try PairingCode(
            gatewayName: identity.name, addresses: addresses, pin: identity.currentServerKey.pin, id: id,
            secret: secret, expiresAt: expiresAt
        )
        let draft = PairingDraft(
            name: order.name, scope: try scope(order), sharing: order.sharing, pass: order.pass,
            key: secret.requestKey(for: id)
        )
        _ = try await store.addPairing(
            draft, id: id, newSubject: SubjectID(using: &random), now: now(), expiresAt: code.expiresAt
        )
        return PairingReport(code: code.uri, id: id.description, expires: code.expiresAt)
    }

    private func addresses(_ order: PairingOrder) throws -> [GatewayAddress] {
        let named = try order.addresses.map { text in
            guard let address = GatewayAddress(text) else {
                throw ProgramError.failure("“\(text)” is not an address such as home.example.org:4433")
            }
            return address
        }
        let own = named.isEmpty ? fallbackAddresses() : named
        let addresses = own.prefix(PairingCode.maximumAddresses - relays.count) + relays.filter { !own.contains($0) }
        guard !addresses.isEmpty else {
            throw ProgramError.failure(
                "the gateway has no address that a client could reach; name one with --address HOST:PORT"
            )
        }
        return Array(addresses)
    }

    private func scope(_ order: PairingOrder) throws -> Grant.Scope {
        switch (order.preset, order.deviceTypes.isEmpty) {
        case (let preset?, true): return .preset(preset)
        case (nil, false): return .deviceTypes(order.deviceTypes)
        default: throw ProgramError.failure("a pairing code has either a preset or a list of device types")
        }
    }

    /// Ends a client's rights, then at once what it has: its sessions, which `endSessions` ends, and its devices'
    /// memberships. What is not done after the first, because the program is killed over it, is done at the next start.
    func revoke(
        _ name: String, endSessions: @Sendable (SubjectID) async -> Int = { _ in 0 }
    ) async throws -> RevocationReport {
        let subject = try Self.subject(name, in: try await store.ledger())
        // A count for the report: a group that cannot be read must not keep anybody's rights alive.
        let members = (try? await groups?.memberCount(of: subject.id)) ?? 0
        let revoked = try await store.revoke(subject.id, now: now())
        async let evictions = groups?.strikeOffDevices(of: subject.id)
        var report = RevocationReport(
            id: revoked.id.description, name: revoked.name, sessionsEnded: await endSessions(subject.id))
        do {
            guard let outcome = try await evictions else { return report }
            // Whoever watches the store may have been first.
            report.membersEvicted = outcome.pending == 0 ? max(outcome.evicted, members) : outcome.evicted
            report.membersPending = outcome.pending
            report.epoch = outcome.epoch
            return report
        } catch {
            throw ProgramError.failure(
                "\(revoked.name) is revoked and \(report.sessionsEnded) sessions ended, but its devices of the group "
                    + "are not evicted yet; this is tried until it is done: \(error)")
        }
    }

    private func group(_ request: GroupControlRequest) async throws -> GroupControlReply {
        guard let groups else { throw ProgramError.failure("this store keeps no group") }
        return try await groups.handle(request)
    }

    /// `devices`: what the running gateway has found.
    func policy(
        _ request: PolicyControlRequest, devices: [DeviceFacts] = []
    ) async throws -> PolicyControlReply {
        guard let policies else { throw ProgramError.failure("this store keeps no policy") }
        return try await policies.handle(request, devices: devices)
    }

    private func protection(_ order: ProtectionOrder) async throws -> ControlReply {
        guard let protections else { throw ProgramError.failure("this store keeps no ACL") }
        return try await protections.handle(order, gateway: try await identity())
    }

    /// What the gateway's status says of the group.
    func groupDetails() async -> [String: String] { await groups?.details() ?? [:] }

    private func rotateKey() async throws -> KeyReport {
        guard let stored = try await store.identity() else {
            throw ProgramError.failure("this state folder holds no gateway yet; there is no key to change")
        }
        var identity = stored.identity
        identity.rotateServerKey()
        let rotated = try await store.replace(identity, expecting: stored.revision).identity
        return KeyReport(current: "\(rotated.currentServerKey.pin)", next: "\(rotated.nextServerKey.pin)")
    }

    /// The active client of that name, or the client of that id.
    static func subject(_ name: String, in ledger: TrustLedger) throws -> Subject {
        if let subject = ledger.activeSubject(named: name) { return subject }
        if let subject = ledger.subjects.first(where: { $0.id.rawValue == name }) { return subject }
        if let gone = ledger.subjects.last(where: { $0.name == name }), let date = gone.revokedAt {
            throw ProgramError.failure("the client “\(name)” was revoked already, at \(date.formatted(.iso8601))")
        }
        throw ProgramError.failure("no client is called “\(name)”; list them with: latchkey gateway clients")
    }

    static func clients(_ ledger: TrustLedger, devices: [SubjectID: [String]]) -> [ClientReport] {
        ledger.subjects.map { subject in
            ClientReport(
                id: subject.id.description,
                name: subject.name,
                createdAt: subject.createdAt,
                revokedAt: subject.revokedAt,
                grants: ledger.grants.filter { $0.subject == subject.id }.flatMap { grant in
                    switch grant.scope {
                    case .preset(let preset): [preset]
                    case .deviceTypes(let types): types
                    }
                },
                certificates: ledger.credentials.filter { $0.subject == subject.id }.map { "\($0.fingerprint)" },
                groupDevices: devices[subject.id] ?? []
            )
        }
    }
}
