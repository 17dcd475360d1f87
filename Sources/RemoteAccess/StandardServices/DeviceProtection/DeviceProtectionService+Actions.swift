import AccessPolicy
import NIOUPnP
import Synchronization
import UPnP

extension DeviceProtectionService {
    /// The service's type.
    package static let serviceType = "urn:schemas-upnp-org:service:DeviceProtection:1"
    /// The service's id, by convention.
    package static let serviceID = "urn:upnp-org:serviceId:DeviceProtection"

    /// The service with its thirteen actions (DeviceProtection:1 §2.5), argument by argument as its template has them.
    func hosted() -> HostedService {
        let text = HostedArgumentType<String>("String", maximumLength: 4096)
        let bytes = HostedArgumentType<[UInt8]>("Base64")
        let acl = HostedArgumentType<String>("ACL")
        let list = HostedArgumentType<String>("IdentityList")
        let identity = HostedArgumentType<String>("Identity", maximumLength: 4096)
        let protocols = HostedVariable("SupportedProtocols", supportedProtocols.serialized())
        return HostedService(Self.serviceType, id: Self.serviceID) {
            setupReady
            HostedAction(
                "SendSetupMessage", in: text.argument("ProtocolType"), bytes.argument("InMessage"),
                out: bytes.argument("OutMessage")
            ) { call, type, message in try await self.sendSetupMessage(call, type, message) }
            HostedAction("GetSupportedProtocols", out: protocols.argument("ProtocolList")) {
                self.supportedProtocols.serialized()
            }
            HostedAction("GetAssignedRoles", out: text.argument("RoleList")) { (call: ActionInvocation) in
                self.caller(call).roles.sorted().list
            }
            HostedAction(
                "GetRolesForAction", in: text.argument("DeviceUDN"), text.argument("ServiceId"),
                text.argument("ActionName"), out: text.argument("RoleList"), text.argument("RestrictedRoleList")
            ) { udn, service, action in try self.rolesForAction(udn, service, action) }
            HostedAction(
                "GetUserLoginChallenge", in: text.argument("ProtocolType"), text.argument("Name"),
                out: bytes.argument("Salt"), bytes.argument("Challenge")
            ) { call, type, name in try self.userLoginChallenge(call, type, name) }
            HostedAction(
                "UserLogin", in: text.argument("ProtocolType"), bytes.argument("Challenge"),
                bytes.argument("Authenticator")
            ) { (call: ActionInvocation, type: String, challenge: [UInt8], proof: [UInt8]) in
                try self.userLogin(call, type, challenge, proof)
            }
            HostedAction("UserLogout") { (call: ActionInvocation) in try self.userLogout(call) }
            HostedAction("GetACLData", out: acl.argument("ACL")) { (call: ActionInvocation) in
                try self.aclData(call)
            }
            HostedAction(
                "AddIdentityList", in: list.argument("IdentityList"), out: list.argument("IdentityListResult")
            ) { text in try await self.addIdentityList(text) }
            HostedAction("RemoveIdentity", in: identity.argument("Identity")) { (text: String) in
                try await self.removeIdentity(text)
            }
            HostedAction(
                "SetUserLoginPassword", in: text.argument("ProtocolType"), text.argument("Name"),
                bytes.argument("Stored"), bytes.argument("Salt")
            ) { (call: ActionInvocation, type: String, name: String, stored: [UInt8], salt: [UInt8]) in
                try await self.setUserLoginPassword(call, type, name, stored, salt)
            }
            HostedAction(
                "AddRolesForIdentity", in: identity.argument("Identity"), text.argument("RoleList")
            ) { (text: String, roles: String) in
                try await self.changeRoles(text, roles) { acl, roles, who throws(DeviceProtectionError) in
                    try acl.add(roles, to: who)
                }
            }
            HostedAction(
                "RemoveRolesForIdentity", in: identity.argument("Identity"), text.argument("RoleList")
            ) { (text: String, roles: String) in
                try await self.changeRoles(text, roles) { acl, roles, who throws(DeviceProtectionError) in
                    try acl.remove(roles, from: who)
                }
            }
        }
    }

    /// WPS and PKCS5 are both listed, always, as the standard wants it.
    private var supportedProtocols: SupportedProtocols { SupportedProtocols(introduction: [configuration.setup.name]) }

    private func rolesForAction(
        _ udn: String, _ service: String, _ action: String
    ) throws -> (String, String) {
        let exists = state.withLock { $0.actions[udn]?[service]?.contains(action) ?? false }
        guard exists else {
            throw UPnPFault(.argumentValueInvalid, description: "There is no such action in this device.")
        }
        let rule = rule(service, action) ?? .open
        return (rule.roles.list, rule.restricted.list)
    }

    private func aclData(_ call: ActionInvocation) throws -> String {
        let (caller, acl) = (caller(call), acl)
        // The restricted role: who is Public only may read it after a proper introduction.
        if caller.roles == [.public], caller.id.flatMap({ acl.controlPoint($0) })?.introduced != true {
            throw UPnPFault(
                .actionNotAuthorized,
                description: "The ACL is shown to control points that were introduced, or have the role Basic.")
        }
        return ACLDocument(acl).serialized()
    }

    private func addIdentityList(_ text: String) async throws -> String {
        guard let document = try? IdentityListDocument(parsing: text) else {
            throw UPnPFault(.argumentValueInvalid, description: "This is not a list of identities.")
        }
        try await faulting {
            try await self.change { acl throws(DeviceProtectionError) in try acl.add(document) }
        }
        return IdentityListDocument(identities: acl.identities(roles: false)).serialized()
    }

    private func removeIdentity(_ text: String) async throws {
        try await faulting {
            let who = try ProtectedIdentity(parsing: text)
            try await self.change { acl throws(DeviceProtectionError) in try acl.remove(who) }
            if case .user(let name) = who { self.state.withLock { $0.sessions.end(name, except: nil) } }
        }
    }

    private func changeRoles(
        _ text: String, _ list: String,
        _ change:
            @escaping @Sendable (inout AccessControlList, [RoleName], ProtectedIdentity)
            throws(DeviceProtectionError) -> Void
    ) async throws {
        try await faulting {
            let who = try ProtectedIdentity(parsing: text)
            let roles = try [RoleName](parsing: list)
            try await self.change { acl throws(DeviceProtectionError) in try change(&acl, roles, who) }
        }
    }

    /// Runs what may throw our own errors, and tells them as the service's faults.
    func faulting<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as DeviceProtectionError {
            throw UPnPFault(error)
        }
    }
}
