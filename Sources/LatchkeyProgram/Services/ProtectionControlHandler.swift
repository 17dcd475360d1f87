import AccessPolicy
package import Foundation
import Logging
import RemoteAccess
package import SQLiteStore
package import TrustCore

/// Answers what `latchkey gateway protection …` asks about the ACL of the gateway's own services, from the store. A
/// running gateway takes the change over before the command ends.
package struct ProtectionControlHandler: Sendable {
    private let trust: SQLiteGatewayStore
    private let store: any DeviceProtectionStore
    private let now: @Sendable () -> Date

    /// - Parameter store: Who is paired, and where the ACL is.
    package init(store: SQLiteGatewayStore, now: @escaping @Sendable () -> Date = { Date() }) {
        self.trust = store
        self.store = store.deviceProtection
        self.now = now
    }

    /// Does what is wanted; answers the ACL, or the pins, after it, which are durable.
    package func handle(_ order: ProtectionOrder, gateway: GatewayIdentity) async throws -> ControlReply {
        switch order {
        case .pins: return .pins(try await pins())
        case .forgetPin(let device):
            try await forgetPin(device)
            return .pins(try await pins())
        case .show, .grant, .withdraw, .attach: return .protection(try await change(order, gateway))
        }
    }

    private func pins() async throws -> [DevicePinReport] {
        let names = Dictionary(try await trust.devices().map { ($0.udn, $0.name) }) { first, _ in first }
        return try await trust.devicePins().sorted { $0.key < $1.key }.compactMap { udn, bytes in
            DeviceProtectionID(bytes: bytes).map { DevicePinReport(udn: udn, name: names[udn], id: $0.description) }
        }
    }

    private func forgetPin(_ device: String) async throws {
        let meant = try await pins().filter { pin in
            [pin.udn, pin.udn.replacing("uuid:", with: ""), pin.name].contains(device)
        }
        guard meant.count == 1, let pin = meant.first else {
            throw ProgramError.failure(
                meant.isEmpty
                    ? "no certificate is remembered of “\(device)”; list them with: latchkey gateway protection pins"
                    : "several devices are called “\(device)”; give the UDN of the one that is meant")
        }
        try await trust.forgetDevicePin(udn: pin.udn)
    }

    private func change(_ order: ProtectionOrder, _ gateway: GatewayIdentity) async throws -> ProtectionReport {
        if case .attach(let client, let certificate, let name) = order {
            try await attach(Array(certificate), to: client, name: name)
        }
        let ledger = try await trust.ledger()
        let paired = DeviceProtectionService.PairedControlPoints(ledger, now: now())
        var configuration = StandardServices.Hosting.protection(udn: gateway.udn, name: gateway.name)
        configuration.paired = { paired }
        let service = try await DeviceProtectionService.load(
            configuration, from: store, logger: Logger(label: "latchkey") { _ in SwiftLogNoOpLogHandler() })
        do {
            switch order {
            case .show, .attach, .pins, .forgetPin: break
            case .grant(let who, let role, let name): try await grant(who, role, name: name, service, ledger)
            case .withdraw(let who, let role): try await withdraw(who, role, service, ledger)
            }
        } catch let error as DeviceProtectionError {
            throw ProgramError.failure(error.message)
        }
        return report(service, ledger, kept: try await store.accessControlList(of: gateway.udn)?.acl)
    }

    private func attach(_ certificate: [UInt8], to client: String, name: String) async throws {
        let subject = try StoreControlHandler.subject(client, in: try await trust.ledger())
        guard let leaf = try? IssuedCertificate(der: certificate) else {
            throw ProgramError.failure("this is no certificate: a file with one X.509 certificate is expected")
        }
        guard leaf.notBefore <= now(), now() < leaf.notAfter else {
            throw ProgramError.failure("the certificate is not valid now: it would be a stranger's")
        }
        try await trust.addCredential(
            Credential(leaf, subject: subject.id, kind: .deviceProtection, deviceName: name.isEmpty ? client : name),
            renewing: nil, now: now())
    }

    /// Who is meant: one user or control point, or all identities of a paired client.
    private func identities(_ who: String, _ ledger: TrustLedger) throws -> [ProtectedIdentity] {
        if who.hasPrefix("user:") {
            guard let name = UserName(who.dropFirst(5)) else {
                throw ProgramError.usage("“\(who)” names no user; write user:NAME")
            }
            return [.user(name)]
        }
        // Subjects have UUIDs, too.
        if let subject = ledger.subjects.first(where: { $0.id.rawValue == who || $0.name == who && $0.revokedAt == nil }
        ) {
            let own = ledger.credentials.filter { $0.subject == subject.id && $0.kind == .deviceProtection }
            guard !own.isEmpty else {
                throw ProgramError.failure(
                    "the client “\(subject.name)” has no DeviceProtection identity; enter one with: "
                        + "latchkey gateway protection attach \(subject.name) --certificate FILE")
            }
            return own.map { .controlPoint(DeviceProtectionID($0.fingerprint)) }
        }
        guard let id = DeviceProtectionID(who) else {
            throw ProgramError.failure(
                "“\(who)” is neither a paired client nor the UUID of a control point's certificate; "
                    + "list them with: latchkey gateway protection acl")
        }
        return [.controlPoint(id)]
    }

    private func grant(
        _ who: String, _ role: String, name: String?, _ service: DeviceProtectionService, _ ledger: TrustLedger
    ) async throws {
        let (identities, role) = (try identities(who, ledger), try Self.role(role))
        try await service.change { acl throws(DeviceProtectionError) in
            for identity in identities {
                switch identity {
                case .controlPoint(let id) where acl.controlPoint(id) == nil:
                    try acl.put(.init(id: id, name: name ?? "", alias: name))
                case .user(let user) where acl.user(user) == nil: try acl.put(.init(name: user))
                default: break
                }
                try acl.add([role], to: identity)
            }
        }
    }

    private func withdraw(
        _ who: String, _ role: String?, _ service: DeviceProtectionService, _ ledger: TrustLedger
    ) async throws {
        let identities = try identities(who, ledger)
        let role = try role.map(Self.role)
        // What a client's grants give its identities is taken from them by an entry with less.
        let paired = Set(DeviceProtectionService.PairedControlPoints(ledger, now: now()).active.map(\.id))
        try await service.change { acl throws(DeviceProtectionError) in
            for identity in identities {
                if let role {
                    try acl.remove([role], from: identity)
                } else if case .controlPoint(let id) = identity, paired.contains(id) {
                    try acl.remove(acl.roles, from: identity)
                } else {
                    try acl.remove(identity)
                }
            }
        }
    }

    private static func role(_ text: String) throws -> RoleName {
        let known: [RoleName] = [.basic, .admin, .guest]
        guard let role = known.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else {
            throw ProgramError.usage(
                "“\(text)” is no role; one of \(known.map(\.rawValue).joined(separator: ", ")) is expected")
        }
        return role
    }

    private func report(
        _ service: DeviceProtectionService, _ ledger: TrustLedger, kept: AccessControlList?
    ) -> ProtectionReport {
        let names = Dictionary(ledger.subjects.map { ($0.id, $0.name) }) { first, _ in first }
        let clients = Dictionary(
            ledger.credentials.filter { $0.kind == .deviceProtection }.map {
                (DeviceProtectionID($0.fingerprint), names[$0.subject])
            }
        ) { first, _ in first }
        let acl = service.acl
        let points = acl.controlPoints.map { point in
            ProtectionReport.Entry(
                kind: "control-point", id: point.id.description, name: point.alias ?? point.name,
                roles: point.roles.map(\.rawValue), client: clients[point.id] ?? nil,
                isOwn: kept?.controlPoint(point.id)?.roles == point.roles)
        }
        let users = acl.users.map { user in
            ProtectionReport.Entry(
                kind: "user", id: nil, name: user.name.rawValue, roles: user.roles.map(\.rawValue), client: nil,
                isOwn: true)
        }
        return ProtectionReport(device: service.id.description, entries: points + users)
    }
}

extension GatewayIdentity {
    /// The gateway's UDN follows from its authority's certificate, so it is the same over restarts and key changes.
    package var udn: String {
        var bytes = Array(authority.certificate.fingerprint.bytes.prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        let id = bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
        return "uuid:" + id.uuidString.lowercased()
    }
}
