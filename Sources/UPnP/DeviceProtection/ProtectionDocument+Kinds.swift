/// `SupportedProtocols`: how a control point may introduce itself, and how a user may log in.
public struct SupportedProtocols: Hashable, Sendable {
    /// Names of introduction protocols, such as `WPS`.
    public var introduction: [String]
    /// Names of login protocols, such as `PKCS5`.
    public var login: [String]

    /// Makes a document. The standard wants both of its protocols listed, always.
    public init(introduction: [String] = ["WPS"], login: [String] = ["PKCS5"]) {
        self.introduction = introduction
        self.login = login
    }

    /// Reads a document. The standard's prose has no order in it, its schema has one: any is read.
    public init(
        parsing text: String, limits: XMLLimits = ProtectionDocument.limits
    ) throws(ProtectionDocumentError) {
        let root = try ProtectionDocument.root(text, named: "SupportedProtocols", limits: limits)
        func names(_ kind: String) -> [String] {
            root.all(kind).compactMap { $0.first("Name")?.trimmedText }.filter { !$0.isEmpty }
        }
        self.introduction = names("Introduction")
        self.login = names("Login")
        guard introduction.count + login.count <= ProtectionDocument.maximumRoles else { throw .tooMany("protocols") }
    }

    /// The document, introductions first as the schema has them.
    public func serialized() -> String {
        func elements(_ kind: String, _ names: [String]) -> [XMLElement] {
            names.map { ProtectionDocument.element(kind, [ProtectionDocument.element("Name", text: $0)]) }
        }
        return ProtectionDocument.serialized(
            ProtectionDocument.element(
                "SupportedProtocols", elements("Introduction", introduction) + elements("Login", login)))
    }
}

/// `ACL`: everybody whom a device knows, and the roles that it has.
public struct ACLDocument: Hashable, Sendable {
    /// Users and control points, in the order written.
    public var identities: [ProtectionIdentity]
    /// The names of the roles.
    public var roles: [String]

    /// Makes a document.
    public init(identities: [ProtectionIdentity], roles: [String]) {
        self.identities = identities
        self.roles = roles
    }

    /// Reads a document.
    public init(
        parsing text: String, limits: XMLLimits = ProtectionDocument.limits
    ) throws(ProtectionDocumentError) {
        let root = try ProtectionDocument.root(text, named: "ACL", limits: limits)
        self.identities =
            try root.first("Identities").map { element throws(ProtectionDocumentError) in
                try ProtectionIdentity.list(in: element)
            } ?? []
        self.roles = (root.first("Roles")?.all("Role") ?? []).compactMap { $0.first("Name")?.trimmedText }
            .filter { !$0.isEmpty }
        guard roles.count <= ProtectionDocument.maximumRoles else { throw .tooMany("roles") }
    }

    /// The document.
    public func serialized() -> String {
        let roles = roles.map { ProtectionDocument.element("Role", [ProtectionDocument.element("Name", text: $0)]) }
        return ProtectionDocument.serialized(
            ProtectionDocument.element(
                "ACL",
                [
                    ProtectionDocument.element("Identities", identities.map(\.element)),
                    ProtectionDocument.element("Roles", roles),
                ]))
    }
}

/// `Identities`: whom to add, and whom a device knows.
public struct IdentityListDocument: Hashable, Sendable {
    /// Users and control points, in the order written. Roles in them mean nothing.
    public var identities: [ProtectionIdentity]

    /// Makes a document; roles are left out of it.
    public init(identities: [ProtectionIdentity]) {
        self.identities = identities.map {
            var identity = $0
            identity.roles = nil
            return identity
        }
    }

    /// Reads a document.
    public init(
        parsing text: String, limits: XMLLimits = ProtectionDocument.limits
    ) throws(ProtectionDocumentError) {
        let root = try ProtectionDocument.root(text, named: "Identities", "IdentityList", limits: limits)
        self.init(identities: try ProtectionIdentity.list(in: root))
    }

    /// The document.
    public func serialized() -> String {
        ProtectionDocument.serialized(ProtectionDocument.element("Identities", identities.map(\.element)))
    }
}

/// `Identity`: exactly one user or control point.
public struct IdentityDocument: Hashable, Sendable {
    /// Who: a user's name, or a control point's ID.
    public var identity: ProtectionIdentity

    /// Makes a document.
    public init(user name: String) { self.identity = ProtectionIdentity(user: name) }

    /// Makes a document.
    public init(controlPoint id: String) { self.identity = ProtectionIdentity(controlPoint: id, name: "") }

    /// Reads a document.
    public init(
        parsing text: String, limits: XMLLimits = ProtectionDocument.limits
    ) throws(ProtectionDocumentError) {
        let root = try ProtectionDocument.root(text, named: "Identity", limits: limits)
        let found = try ProtectionIdentity.list(in: root)
        guard found.count == 1, let identity = found.first else { throw .notOneIdentity }
        switch identity.kind {
        case .user: self.init(user: identity.name)
        case .controlPoint(let id): self.init(controlPoint: id)
        }
    }

    /// The document.
    public func serialized() -> String {
        let named: XMLElement =
            switch identity.kind {
            case .user:
                ProtectionDocument.element("User", [ProtectionDocument.element("Name", text: identity.name)])
            case .controlPoint(let id):
                ProtectionDocument.element("CP", [ProtectionDocument.element("ID", text: id)])
            }
        return ProtectionDocument.serialized(ProtectionDocument.element("Identity", [named]))
    }
}
