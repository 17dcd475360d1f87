import AccessPolicy
import UPnP

// What the documents of DeviceProtection:1 mean, and how the ACL is written in them.

extension ACLDocument {
    /// The ACL as `GetACLData` shows it: without anything a password is checked with.
    init(_ acl: AccessControlList) {
        self.init(identities: acl.identities(roles: true), roles: acl.roles.map(\.rawValue))
    }
}

extension AccessControlList {
    /// Everybody, users first as the schema has them.
    func identities(roles: Bool) -> [ProtectionIdentity] {
        let users = users.map {
            ProtectionIdentity(user: $0.name.rawValue, roles: roles ? $0.roles.map(\.rawValue) : nil)
        }
        let points = controlPoints.map {
            ProtectionIdentity(
                controlPoint: $0.id.description, name: $0.name, alias: $0.alias, introduced: $0.introduced,
                roles: roles ? $0.roles.map(\.rawValue) : nil)
        }
        return users + points
    }

    /// `AddIdentityList`: entries that cannot be read are left out, as if the device had no room for them.
    mutating func add(_ list: IdentityListDocument) throws(DeviceProtectionError) {
        var users: [UserName] = []
        var points: [ControlPoint] = []
        for identity in list.identities {
            switch identity.kind {
            case .user: UserName(identity.name).map { users.append($0) }
            case .controlPoint(let id):
                guard let id = DeviceProtectionID(id) else { continue }
                let longest = ControlPoint.maximumNameLength
                points.append(
                    ControlPoint(
                        id: id, name: String(identity.name.prefix(longest)),
                        alias: identity.alias.map { String($0.prefix(longest)) }))
            }
        }
        try add(users: users, controlPoints: points)
    }
}

extension ProtectedIdentity {
    /// Reads an `Identity` argument; 600 for what names nobody.
    init(parsing text: String) throws(DeviceProtectionError) {
        let unknown = DeviceProtectionError(.argumentValueInvalid, "This is not one user or control point.")
        guard let document = try? IdentityDocument(parsing: text) else { throw unknown }
        switch document.identity.kind {
        case .user:
            guard let name = UserName(document.identity.name) else { throw unknown }
            self = .user(name)
        case .controlPoint(let id):
            guard let id = DeviceProtectionID(id) else { throw unknown }
            self = .controlPoint(id)
        }
    }
}

extension [RoleName] {
    /// Reads a `RoleList`; 600 for what is none.
    init(parsing text: String) throws(DeviceProtectionError) {
        let words = ProtectionDocument.words(text)
        let roles = words.prefix(ProtectionDocument.maximumRoles + 1).compactMap { RoleName($0) }
        guard roles.count == words.count, roles.count <= ProtectionDocument.maximumRoles else {
            throw DeviceProtectionError(.argumentValueInvalid, "This is not a list of roles.")
        }
        self = roles
    }

    /// The list as arguments have it.
    var list: String { map(\.rawValue).joined(separator: " ") }
}

extension UPnPFault {
    /// The fault that tells of an error.
    init(_ error: DeviceProtectionError) {
        self.init(UPnPErrorCode(rawValue: error.code.rawValue), description: error.message)
    }
}
