import FoundationEssentials
package import TrustCore

/// The form in which an ACL is kept, before it is sealed. It holds what a password is checked with.
extension AccessControlList {
    private struct Form: Codable {
        struct User: Codable {
            var name: String
            var roles: [String]
            var salt: Data?
            var stored: Data?
        }
        struct Point: Codable {
            var id: String
            var name: String
            var alias: String?
            var introduced: Bool
            var roles: [String]
        }
        var users: [User]
        var points: [Point]
        var roles: [String]
    }

    /// The bytes to keep: secret.
    package func stored() throws -> [UInt8] {
        let form = Form(
            users: users.map {
                Form.User(
                    name: $0.name.rawValue, roles: $0.roles.map(\.rawValue), salt: ($0.secret?.salt).map { Data($0) },
                    stored: ($0.secret?.stored).map { Data($0) })
            },
            points: controlPoints.map {
                Form.Point(
                    id: $0.id.description, name: $0.name, alias: $0.alias, introduced: $0.introduced,
                    roles: $0.roles.map(\.rawValue))
            },
            roles: roles.map(\.rawValue))
        return Array(try JSONEncoder().encode(form))
    }

    /// Reads what ``stored()`` made; throws `damaged` for anything else.
    package init(stored bytes: [UInt8]) throws(StoreError) {
        let damaged = StoreError(.damaged, "the stored ACL cannot be read: restore the state folder from a backup")
        guard let form = try? JSONDecoder().decode(Form.self, from: Data(bytes)) else { throw damaged }
        self.init(roles: form.roles.compactMap { RoleName($0) })
        for user in form.users {
            guard let name = UserName(user.name) else { throw damaged }
            let secret = user.stored.flatMap { stored in
                user.salt.flatMap { LoginSecret(stored: Array(stored), salt: Array($0)) }
            }
            users.append(User(name: name, roles: user.roles.compactMap { RoleName($0) }, secret: secret))
        }
        for point in form.points {
            guard let id = DeviceProtectionID(point.id) else { throw damaged }
            controlPoints.append(
                ControlPoint(
                    id: id, name: point.name, alias: point.alias, introduced: point.introduced,
                    roles: point.roles.compactMap { RoleName($0) }))
        }
    }
}
