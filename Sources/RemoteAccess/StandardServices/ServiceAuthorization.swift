package import AccessPolicy
package import NIOUPnP
import UPnP

/// Which roles whoever calls an action has (DeviceProtection:1 §2.2): what DeviceProtection knows of the caller's
/// certificate and login. Everybody has `Public`.
package protocol CallerRoles: Sendable {
    /// The roles of the caller.
    func roles(of call: ActionInvocation) -> Set<RoleName>
    /// Who the caller is, for people who read what was changed by whom.
    func name(of call: ActionInvocation) -> String?
}

extension CallerRoles {
    /// Nobody is known by name.
    package func name(of call: ActionInvocation) -> String? { nil }
}

/// Nobody has more than `Public`: how the services stand where no DeviceProtection serves them.
package struct PublicCallersOnly: CallerRoles {
    package init() {}

    package func roles(of call: ActionInvocation) -> Set<RoleName> { [.public] }
}

/// The one place where a caller of the gateway's own services is let in or refused.
package struct ServiceAuthorizer: Sendable {
    private let callers: any CallerRoles

    package init(_ callers: any CallerRoles) { self.callers = callers }

    /// Refuses with 606 whoever does not have the role. `Admin` has every other.
    func require(_ role: RoleName, _ call: ActionInvocation) throws(UPnPFault) {
        let roles = callers.roles(of: call)
        guard roles.contains(role) || roles.contains(.admin) else {
            throw UPnPFault(
                .actionNotAuthorized,
                description:
                    "\(call.request.action.name) wants the role \(role); log in with DeviceProtection, over TLS.")
        }
    }

    /// Who changes something: at most 128 bytes.
    func name(of call: ActionInvocation) -> String {
        let name = (callers.name(of: call) ?? "an administrator at home")
            .unicodeScalars.prefix(32).map(String.init).joined()
        return name.isEmpty ? "an administrator" : name
    }

    /// Whether the caller may see keys and credentials.
    func isAdmin(_ call: ActionInvocation) -> Bool { callers.roles(of: call).contains(.admin) }
}
