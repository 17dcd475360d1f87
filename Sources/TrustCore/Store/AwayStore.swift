import Crypto
package import FoundationEssentials

/// Names a gateway at its clients: the SHA-256 of its authority's certificate, which outlives its server keys.
package struct GatewayID: Hashable, Sendable, CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    package let rawValue: String

    /// The id of the gateway that owns an authority.
    package init(authority: IssuedCertificate) {
        self.rawValue = authority.fingerprint.description
    }

    /// Takes an id that was stored; nil unless it is 64 lower-case hexadecimal digits.
    package init?(_ text: some StringProtocol) {
        guard let fingerprint = CertificateFingerprint(hex: text) else { return nil }
        self.rawValue = fingerprint.description
    }

    /// The id's text.
    package var description: String { rawValue }
}

/// What a client keeps of a gateway that it is paired with.
package struct PairedGateway: Sendable, Equatable {
    /// Which gateway.
    package let id: GatewayID
    /// The gateway's name for people.
    package var name: String
    /// Where it was said to be reached, in the order of preference.
    package var addresses: [GatewayAddress]
    /// The pins of its current and its next server key.
    package var pins: [KeyPin]
    /// The name under which the gateway knows this client.
    package var subjectName: String
    /// The client's own key.
    package let key: IdentityKey
    /// The client's leaf, then the gateway's authority.
    package let chain: [IssuedCertificate]
    /// When they were paired.
    package let pairedAt: Date

    /// Makes a record.
    package init(
        id: GatewayID, name: String, addresses: [GatewayAddress], pins: [KeyPin], subjectName: String,
        key: IdentityKey, chain: [IssuedCertificate], pairedAt: Date
    ) {
        self.id = id
        self.name = name
        self.addresses = addresses
        self.pins = pins
        self.subjectName = subjectName
        self.key = key
        self.chain = chain
        self.pairedAt = pairedAt
    }
}

extension AuditCheckpoint {
    /// How many heads of a log an away client holds.
    package static let heldByClients = 8
}

/// What an away client keeps. Same promises as `GatewayStore`: durable when returned, safe for several
/// processes. Errors are `StoreError`.
package protocol AwayStore: Sendable {
    /// The gateways, in the order in which they were paired.
    func gateways() async throws -> [PairedGateway]
    /// Adds a gateway, or replaces what is kept of it. Throws `full` when there are too many.
    func save(_ gateway: PairedGateway) async throws
    /// Takes over what a gateway announced of itself inside the tunnel. An empty list of pins is refused.
    /// Throws `notFound` for a gateway that is not paired.
    func update(_ id: GatewayID, name: String?, addresses: [GatewayAddress]?, pins: [KeyPin]?) async throws
    /// Forgets a gateway; does nothing when it is not paired.
    func remove(_ id: GatewayID) async throws
    /// The secret of that name; on the first call `fresh` is stored and returned. At most 128 bytes.
    func secret(named name: String, orStore fresh: [UInt8]) async throws -> [UInt8]
    /// The heads of a gateway's audit log that are held, oldest first.
    func auditHeads(of gateway: GatewayID) async throws -> [AuditCheckpoint]
    /// Holds another head; the eight newest are kept. Throws `notFound` for a gateway that is not paired.
    func keepAuditHead(_ checkpoint: AuditCheckpoint) async throws
    /// Counts the changes.
    func revision() async throws -> StoreRevision
    /// A revision each time that something changed, in any process, within 200 ms.
    func changes() -> AsyncStream<StoreRevision>
}
