/// Whom a device knows, and in which roles (the ACL of DeviceProtection:1): a value, changed by the operations of
/// `AccessControlList+Changes.swift` and made durable by a ``DeviceProtectionStore``.
package struct AccessControlList: Hashable, Sendable {
    /// How much it may hold.
    package struct Limits: Hashable, Sendable {
        /// Users at most.
        package var users = 64
        /// Control points at most.
        package var controlPoints = 256
        /// Roles at most.
        package var roles = 32

        /// Room for a large home.
        package init() {}
    }

    /// A person, who logs in at some control point.
    package struct User: Hashable, Sendable {
        /// The name.
        package var name: UserName
        /// The roles, in order, without doubles.
        package var roles: [RoleName]
        /// Nil until somebody has set a password: then nobody can log in under the name.
        package var secret: LoginSecret?

        /// Makes a user.
        package init(name: UserName, roles: [RoleName] = [.public], secret: LoginSecret? = nil) {
            self.name = name
            self.roles = roles
            self.secret = secret
        }
    }

    /// A control point, which shows its certificate.
    package struct ControlPoint: Hashable, Sendable {
        /// The longest name or alias, in characters.
        package static let maximumNameLength = 128

        /// The hash of its certificate.
        package var id: DeviceProtectionID
        /// The common name of its certificate.
        package var name: String
        /// What people call it.
        package var alias: String?
        /// Whether it was introduced here, rather than added by somebody.
        package var introduced: Bool
        /// The roles, in order, without doubles.
        package var roles: [RoleName]

        /// Makes a control point.
        package init(
            id: DeviceProtectionID, name: String, alias: String? = nil, introduced: Bool = false,
            roles: [RoleName] = [.public]
        ) {
            self.id = id
            self.name = name
            self.alias = alias
            self.introduced = introduced
            self.roles = roles
        }
    }

    /// The users, in the order in which they came.
    package internal(set) var users: [User]
    /// The control points, in the order in which they came.
    package internal(set) var controlPoints: [ControlPoint]
    /// The roles that exist here.
    package internal(set) var roles: [RoleName]
    /// How much it may hold.
    package var limits = Limits()

    /// Makes a list. The standard's three roles exist in each.
    package init(
        users: [User] = [], controlPoints: [ControlPoint] = [], roles: [RoleName] = [.public, .basic, .admin, .guest]
    ) {
        self.users = users
        self.controlPoints = controlPoints
        self.roles = [.public, .basic, .admin] + roles.filter { ![.public, .basic, .admin].contains($0) }
    }

    /// The user of a name.
    package func user(_ name: UserName) -> User? { users.first { $0.name == name } }

    /// The control point of an identity.
    package func controlPoint(_ id: DeviceProtectionID) -> ControlPoint? { controlPoints.first { $0.id == id } }

    /// The roles of a control point: at least `Public`, which everybody has, also without a certificate.
    package func roles(of id: DeviceProtectionID?) -> Set<RoleName> {
        Set(id.flatMap { controlPoint($0) }?.roles ?? []).union([.public])
    }
}

/// Somebody, by name or by certificate.
package enum ProtectedIdentity: Hashable, Sendable {
    /// A user.
    case user(UserName)
    /// A control point.
    case controlPoint(DeviceProtectionID)
}
