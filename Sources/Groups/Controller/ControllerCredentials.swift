import Crypto
import FoundationEssentials
import GroupKeys
import SUPnP

/// The keys, boots and certificates of a controller's key manager and forwarder, for one process.
///
/// The signing keys are drawn at each start and never stored: a certificate of the group's root key makes them known.
struct ControllerCredentials: Sendable {
    /// The key manager's number. The forwarder has another one: they share no counter.
    static let keyManagerNumber: UInt32 = 1
    static let forwarderNumber: UInt32 = 2

    let keyManager: ControllerIdentity
    let forwarder: ControllerIdentity

    private let group: GroupIdentity
    private let lifetime: Duration

    /// Draws keys and boots, and issues certificates that hold from a time of the group on.
    init(group: GroupIdentity, lifetime: Duration, time: UInt64) throws {
        self.group = group
        self.lifetime = lifetime
        var random = SystemRandomNumberGenerator()
        func fresh(_ number: UInt32, _ roles: ControllerRoles) throws -> ControllerIdentity {
            guard let id = ControllerID(number) else { preconditionFailure("1 and 2 are controllers' numbers") }
            let key = Curve25519.Signing.PrivateKey()
            let certificate = try Self.certificate(
                id, roles, key: key.publicKey, group: group, lifetime: lifetime, time: time)
            return ControllerIdentity(
                id: id, boot: BootID(using: &random), signingKey: key, certificate: certificate)
        }
        keyManager = try fresh(Self.keyManagerNumber, .keyManager)
        forwarder = try fresh(Self.forwarderNumber, .forwarder)
    }

    /// Fresh certificates for the same keys, at the time that members are told: whatever the host's clock does meanwhile.
    func renewed(time: UInt64) throws -> (keyManager: ControllerCertificate, forwarder: ControllerCertificate) {
        func certificate(_ identity: ControllerIdentity, _ roles: ControllerRoles) throws -> ControllerCertificate {
            try Self.certificate(
                identity.id, roles, key: identity.signingKey.publicKey, group: group, lifetime: lifetime, time: time)
        }
        return (try certificate(keyManager, .keyManager), try certificate(forwarder, .forwarder))
    }

    /// The group's time, in whole seconds since it was made; 0 while the clock is before that.
    static func time(of group: GroupIdentity, at date: Date) -> UInt64 {
        UInt64(max(0, Int64(date.timeIntervalSince1970) - group.createdAt))
    }

    private static func certificate(
        _ id: ControllerID, _ roles: ControllerRoles, key: Curve25519.Signing.PublicKey, group: GroupIdentity,
        lifetime: Duration, time: UInt64
    ) throws -> ControllerCertificate {
        try ControllerCertificate.issue(
            id, roles: roles, notAfter: time + UInt64(max(1, lifetime.components.seconds)),
            serial: .random(in: 1 ... .max), key: key, group: group.groupID, root: group.root)
    }
}
