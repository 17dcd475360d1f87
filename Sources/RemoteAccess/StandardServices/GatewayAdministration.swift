import AccessPolicy
import Foundation
package import TrustCore
import UPnP

/// What an administrator may do to the gateway through its own service: the same that the `gateway` commands do.
package struct GatewayAdministration: Sendable {
    /// Where clients reach the gateway, as pairing codes say.
    package typealias Addresses = @Sendable () -> [GatewayAddress]

    /// A paired client, as the service tells of it.
    struct Client: Sendable {
        let subject: Subject
        let grant: Grant?
    }

    private let trust: GatewayTrust
    private let introduction: PairingIntroduction?
    private let addresses: Addresses
    /// The longest life of a pairing code, in seconds.
    static let longestPairing: UInt32 = 86_400 * 7

    /// Makes it.
    /// - Parameter introduction: How codes are handed over on the home's own network, if they are.
    package init(
        trust: GatewayTrust, introduction: PairingIntroduction? = nil, addresses: @escaping Addresses
    ) {
        self.trust = trust
        self.introduction = introduction
        self.addresses = addresses
    }

    /// Where clients reach the gateway.
    var publicAddresses: [String] { addresses().map(\.description) }

    /// The clients that are not revoked, by name.
    func clients() async throws -> [Client] {
        let ledger = try await trust.store.ledger()
        return ledger.subjects.filter { $0.revokedAt == nil }.sorted { $0.name < $1.name }
            .map { subject in Client(subject: subject, grant: ledger.grants.first { $0.subject == subject.id }) }
    }

    func client(_ id: String) async throws -> Client {
        guard let client = try await clients().first(where: { $0.subject.id.rawValue == id }) else {
            throw UPnPFault(
                UPnPErrorCode(rawValue: RemoteAccessService.unknownClient),
                description: "There is no paired client \(id.prefix(64)).")
        }
        return client
    }

    /// Makes a pairing code.
    func startPairing(
        name: String, preset: String, sharing: Bool, seconds: UInt32
    ) async throws -> (id: String, code: String) {
        guard Preset(rawValue: preset) != nil else { throw Self.unknownPreset }
        let identity = trust.identity
        var random = SystemRandomNumberGenerator()
        let id = PairingCodeID(using: &random)
        let secret = PairingSecret(using: &random)
        let now = Date()
        let code: PairingCode
        do throws(PairingCodeError) {
            code = try PairingCode(
                gatewayName: identity.name, addresses: addresses(), pin: identity.currentServerKey.pin, id: id,
                secret: secret, expiresAt: now + TimeInterval(seconds))
        } catch { throw UPnPFault(.actionFailed, description: "\(error)") }
        let draft = PairingDraft(name: name, scope: .preset(preset), sharing: sharing, key: secret.requestKey(for: id))
        try await Self.telling {
            _ = try await trust.store.addPairing(
                draft, id: id, newSubject: SubjectID(using: &random), now: now, expiresAt: code.expiresAt)
            try await trust.reload()
        }
        return (id.description, code.uri)
    }

    /// The pairing code for who was introduced over the home's network, by the certificate of its connection.
    func pairingCode(forCertificate der: [UInt8]?) throws -> String {
        guard let der, let code = introduction?.code(forCertificate: der) else {
            throw UPnPFault(
                UPnPErrorCode(rawValue: RemoteAccessService.noPairingCode),
                description: "No pairing code waits for this control point: it was not introduced, or too long ago.")
        }
        return code.uri
    }

    /// Takes a pairing code back.
    func cancelPairing(_ id: String) async throws {
        guard let id = PairingCodeID(hex: id) else {
            throw UPnPFault(.argumentValueInvalid, description: "This is not the id of a pairing code.")
        }
        try await Self.telling {
            try await trust.store.cancelPairing(id)
            try await trust.reload()
        }
    }

    /// Ends a client's rights: at once, then durably.
    func revoke(_ id: String) async throws {
        let client = try await client(id)
        try await Self.telling { _ = try await trust.revoke(client.subject.id) }
    }

    /// Replaces what a client was given.
    func setPolicy(of id: String, preset: String, sharing: Bool) async throws {
        guard Preset(rawValue: preset) != nil else { throw Self.unknownPreset }
        let client = try await client(id)
        try await Self.telling {
            try await trust.store.setGrant(
                Grant(subject: client.subject.id, scope: .preset(preset), sharing: sharing), expecting: nil)
            try await trust.reload()
        }
    }

    /// The pairing codes that can be used, by name.
    func pairings() async throws -> [PendingPairing] {
        let now = Date()
        return try await trust.store.ledger().pairings.filter { $0.state == .outstanding && $0.expiresAt > now }
            .sorted { $0.name < $1.name }
    }

    /// The policy in force; nil before the first.
    func policy() async throws -> StoredPolicy? { try await policies().store.storedPolicy() }

    /// The versions of the policy that are kept, the newest first.
    func policyVersions() async throws -> [StoredPolicy] {
        try await policies().store.policyVersions(limit: PolicyStoreLimits.versions)
    }

    /// Puts a policy in force for everybody's next request, unless another than `version` is (0: none). Answers the new
    /// version.
    func setPolicy(_ text: String, expecting version: Int, author: String) async throws -> Int {
        let policies = try policies()
        do { _ = try policies.parse(text) } catch {
            throw UPnPFault(
                UPnPErrorCode(rawValue: RemoteAccessService.invalidPolicy),
                description: RemoteAccessService.description(ofFaults: error))
        }
        do {
            let stored = try await policies.store.replacePolicy(
                text: text, expecting: version, author: author, now: Date())
            try await trust.reload()
            return stored.version
        } catch let error as StoreError {
            throw UPnPFault(
                error.code == .conflict
                    ? UPnPErrorCode(rawValue: RemoteAccessService.policyConflict) : .actionFailed,
                description: error.message)
        }
    }

    private func policies() throws -> PolicySource {
        guard let policies = trust.policies else {
            throw UPnPFault(.optionalActionNotImplemented, description: "This gateway keeps no policy.")
        }
        return policies
    }

    private static var unknownPreset: UPnPFault {
        UPnPFault(
            .argumentValueInvalid,
            description: "The presets are \(Preset.allCases.map(\.rawValue).joined(separator: ", ")).")
    }

    /// The store's sentence becomes the fault's.
    private static func telling(_ body: () async throws -> Void) async throws {
        do { try await body() } catch let error as StoreError {
            throw UPnPFault(.actionFailed, description: error.message)
        }
    }
}
