import AccessPolicy
import Logging
import NIOUPnP
import RemoteAccess

/// A door lock that decides itself about who opens it: DeviceProtection:1, with an ACL of its own.
///
/// It knows nothing of a gateway. Whoever calls `SetLocked` needs the role Basic on the lock, and is known to it by the
/// hash of its certificate.
struct DemoProtectedLock {
    /// Who is in the ACL from the beginning.
    struct Grants {
        /// Control points, by the hashes of their certificates, with their role.
        var controlPoints: [(DeviceProtectionID, RoleName)] = []
        /// Users with their passwords; each has the role Admin.
        var users: [(UserName, password: String)] = []
    }

    private let locked = HostedVariable("Locked", true, evented: true)
    private static let service = "urn:schemas-latchkey:service:DoorLock:1"
    private static let serviceID = "urn:schemas-latchkey:serviceId:DoorLock"

    /// The lock with its protection. The ACL begins anew at each start.
    func device(
        udn: String, grants: Grants, logger: Logger
    ) async throws -> (device: HostedDevice, protection: DeviceProtectionService) {
        var configuration = DeviceProtectionService.Configuration(udn: udn, name: "Latchkey demo lock")
        var acl = AccessControlList()
        for (id, role) in grants.controlPoints { try acl.put(.init(id: id, name: "owner", roles: [role])) }
        var random = SystemRandomNumberGenerator()
        for (name, password) in grants.users {
            let secret = LoginSecret(password: password, name: name, using: &random)
            try acl.put(.init(name: name, roles: [.admin], secret: secret))
        }
        configuration.initial = acl
        configuration.roles = { _, action in action == "SetLocked" ? .everyday : nil }
        let protection = try await DeviceProtectionService.load(
            configuration, from: InMemoryDeviceProtectionStore(), logger: logger)
        let device = HostedDevice(
            type: "urn:schemas-latchkey:device:DoorLock:1", name: "Latchkey protected lock", manufacturer: "Latchkey",
            model: "Demo protected lock", udn: udn
        ) {
            HostedService(Self.service, id: Self.serviceID) {
                HostedAction("SetLocked", in: locked.argument("NewLocked")) { (call: ActionInvocation, locked: Bool) in
                    let id = call.connection?.peerCertificateDER.map { DeviceProtectionID(certificateDER: $0) }
                    say("protected-lock locked=\(locked ? 1 : 0) by=\(id.map(\.description) ?? "nobody")")
                    await self.locked.set(locked)
                }
                HostedAction("GetLocked", out: locked.argument("Locked")) { locked.value }
            }
        }
        return (protection.protecting(device), protection)
    }
}
