/// `POST /v1/role`, a line: the client takes up a DeviceProtection role. It has it for as long as the exchange stands,
/// until it ends its side of it, and no longer than the gateway's answer says.
package struct RoleRequest: Codable, Hashable, Sendable {
    /// The longest time, in seconds, that a role is taken up for.
    package static let longest = 3_600

    /// The role's name.
    package var role: String
    /// For how long.
    package var seconds: Int

    package init(role: String, seconds: Int) {
        self.role = role
        self.seconds = seconds
    }
}

/// The first line of the answer to `POST /v1/role`.
package struct RoleAnswer: Codable, Hashable, Sendable {
    /// The role that the session has from now on.
    package var role: String
    /// For how long, in seconds.
    package var seconds: Int

    package init(role: String, seconds: Int) {
        self.role = role
        self.seconds = seconds
    }
}
