import AccessPolicy
import UPnP

/// What holds for every ACL and every list of identities that a device or a control point is sent.
enum ProtectionProperties {
    static func checkACL(_ input: [UInt8]) throws(BrokenProperty) {
        let text = String(decoding: input, as: UTF8.self)
        if let protocols = try? SupportedProtocols(parsing: text) {
            try expectSame(
                protocols, try? SupportedProtocols(parsing: protocols.serialized(), limits: again), "protocols")
        }
        guard let document = try? ACLDocument(parsing: text) else { return }
        try expect(document.identities.count <= ProtectionDocument.maximumIdentities, "identities are bounded")
        try expect(document.roles.count <= ProtectionDocument.maximumRoles, "roles are bounded")
        try expectSame(document, try? ACLDocument(parsing: document.serialized(), limits: again), "ACL")
    }

    static func checkIdentities(_ input: [UInt8]) throws(BrokenProperty) {
        let text = String(decoding: input, as: UTF8.self)
        if let one = try? IdentityDocument(parsing: text) {
            try expectSame(one, try? IdentityDocument(parsing: one.serialized(), limits: again), "identity")
        }
        guard let list = try? IdentityListDocument(parsing: text) else { return }
        try expectSame(list, try? IdentityListDocument(parsing: list.serialized(), limits: again), "identities")
        try checkAdding(list)
    }

    /// Whatever is added, nobody has a right from it, the list stays within its bounds, and adding it again changes nothing.
    private static func checkAdding(_ list: IdentityListDocument) throws(BrokenProperty) {
        var acl = AccessControlList()
        acl.limits.users = 4
        acl.limits.controlPoints = 4
        var users: [UserName] = []
        var points: [AccessControlList.ControlPoint] = []
        for identity in list.identities {
            switch identity.kind {
            case .user: UserName(identity.name).map { users.append($0) }
            case .controlPoint(let id):
                guard let id = DeviceProtectionID(id) else { continue }
                points.append(.init(id: id, name: identity.name, introduced: true, roles: [.admin]))
                try expect(DeviceProtectionID(id.description) == id, "an identity reads back: \(id)")
            }
        }
        guard (try? acl.add(users: users, controlPoints: points)) != nil else {
            return try expect(users.isEmpty && points.isEmpty, "a list that names somebody is taken, at least in part")
        }
        try expect(acl.users.count <= 4 && acl.controlPoints.count <= 4, "the ACL is bounded")
        for point in acl.controlPoints {
            try expect(point.roles == [.public] && !point.introduced, "nobody gets a right by being added")
        }
        var twice = acl
        try? twice.add(users: users, controlPoints: points)
        try expect(twice == acl, "adding it again changes nothing")
        let kept = (try? acl.stored()).flatMap { try? AccessControlList(stored: $0) }
        try expect(kept?.users == acl.users && kept?.controlPoints == acl.controlPoints, "it is kept as it was")
    }

    private static let again = XMLLimits(bytes: 8 << 20, depth: 64, elements: 1 << 20, text: 8 << 20)
}
