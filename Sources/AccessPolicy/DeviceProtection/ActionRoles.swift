/// Which roles may call an action: `RoleList` always, `RestrictedRoleList` only under the action's own conditions
/// (DeviceProtection:1, GetRolesForAction).
package struct ActionRoles: Hashable, Sendable {
    /// Those who may.
    package var roles: [RoleName]
    /// Those who may in certain cases, which the action itself decides.
    package var restricted: [RoleName]
    /// Whether the asker must be in the ACL, besides having the role.
    package var needsEntry: Bool

    /// Makes a rule.
    package init(_ roles: [RoleName], restricted: [RoleName] = [], needsEntry: Bool = false) {
        self.roles = roles
        self.restricted = restricted
        self.needsEntry = needsEntry
    }

    /// Anybody may, over HTTP too.
    package static let open = ActionRoles([.public])
    /// Everyday use.
    package static let everyday = ActionRoles([.basic, .admin], needsEntry: true)
    /// For who decides about others.
    package static let administration = ActionRoles([.admin], needsEntry: true)

    /// Whether the action is one that everybody may call over either scheme.
    package var isPublic: Bool { roles.contains(.public) }

    /// Why somebody with these roles may not call it; nil when it may, at least in certain cases.
    package func refusal(of held: Set<RoleName>, isListed: Bool) -> DeviceProtectionError? {
        if needsEntry, !isListed {
            return DeviceProtectionError(
                .notAuthorized, "This control point is not in the device's ACL: introduce it first.")
        }
        guard held.isDisjoint(with: roles), held.isDisjoint(with: restricted) else { return nil }
        return DeviceProtectionError(
            .notAuthorized, "This needs the role \(roles.map(\.rawValue).joined(separator: " or ")).")
    }

    /// The actions of DeviceProtection:1 itself, in the roles that the standard recommends.
    package static let deviceProtection: [String: ActionRoles] = [
        "SendSetupMessage": .open,
        "GetSupportedProtocols": .open,
        "GetAssignedRoles": .open,
        "GetRolesForAction": ActionRoles([.basic, .admin], restricted: [.public], needsEntry: true),
        "GetUserLoginChallenge": ActionRoles([.basic, .admin], restricted: [.public], needsEntry: true),
        "UserLogin": ActionRoles([.basic, .admin], restricted: [.public], needsEntry: true),
        "UserLogout": .open,
        "GetACLData": ActionRoles([.basic, .admin], restricted: [.public], needsEntry: true),
        "AddIdentityList": .everyday,
        "RemoveIdentity": .administration,
        "SetUserLoginPassword": ActionRoles([.admin], restricted: [.basic], needsEntry: true),
        "AddRolesForIdentity": .administration,
        "RemoveRolesForIdentity": .administration,
    ]
}
