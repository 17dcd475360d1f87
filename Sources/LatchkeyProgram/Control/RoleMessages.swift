package import Foundation

/// What the owner of an away client does about the DeviceProtection role of its session.
package enum RoleOrder: Codable, Hashable, Sendable {
    /// Tells the role that was taken up.
    case show
    /// Takes a role up for so many seconds; the gateway decides.
    case takeUp(role: String, seconds: Int)
    /// Lays it down.
    case layDown
}

/// The role that a session has taken up.
package struct RoleReport: Codable, Hashable, Sendable {
    /// Nil when it has none but those of its grants.
    package var role: String?
    /// When it ends by itself.
    package var until: Date?

    package init(role: String? = nil, until: Date? = nil) {
        self.role = role
        self.until = until
    }
}
