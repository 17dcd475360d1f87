/// The XML documents of DeviceProtection:1: read leniently, in any order and namespace, and written in the order of
/// its schema. What the texts in them mean is the reader's affair.
public enum ProtectionDocument {
    /// The namespace of the documents.
    public static let namespace = "urn:schemas-upnp-org:gw:DeviceProtection"
    /// Users and control points of one document at most; further ones are a reason to refuse it.
    public static let maximumIdentities = 512
    /// Roles of one document at most.
    public static let maximumRoles = 64
    /// Bytes of a document.
    public static let maximumBytes = 256 * 1024

    /// Limits for an argument that holds such a document.
    public static let limits = XMLLimits(
        bytes: maximumBytes, depth: 16, attributes: 32, elements: 8 * maximumIdentities, text: maximumBytes)

    /// Reads a document whose root element has one of these names.
    static func root(
        _ text: String, named names: String..., limits: XMLLimits
    ) throws(ProtectionDocumentError) -> XMLElement {
        let element: XMLElement
        do throws(XMLError) {
            element = try XMLElement(parsing: text.utf8, limits: limits)
        } catch {
            throw .malformed(error)
        }
        guard names.contains(element.name) else { throw .unexpected(element.name) }
        return element
    }

    /// Names separated by blanks, doubles left out.
    static func names(_ text: String) -> [String] {
        var names: [String] = []
        for name in words(text) where !names.contains(name) { names.append(name) }
        return names
    }

    /// The words of a list that blanks part (DeviceProtection:1 §2.3.8), doubles kept. A mark that combines with the
    /// blank before it is no blank: it begins the next word, so that a list that is written again reads the same.
    public static func words(_ text: String) -> [String] {
        text.unicodeScalars.split { $0.properties.isWhitespace }.map { String($0) }
    }

    static func element(_ name: String, _ children: [XMLElement], attributes: [XMLAttribute] = []) -> XMLElement {
        XMLElement(
            name, namespaceURI: namespace, attributes: attributes, children: children.map { .element($0) })
    }

    static func element(_ name: String, text: String) -> XMLElement {
        XMLElement(name, namespaceURI: namespace, children: text.isEmpty ? [] : [.text(text)])
    }

    static func serialized(_ root: XMLElement) -> String {
        var root = root
        root.namespaceDeclarations = [XMLNamespaceDeclaration(uri: namespace)]
        return root.serialized()
    }
}

/// Why a document of DeviceProtection:1 is refused.
public enum ProtectionDocumentError: Error, Hashable, Sendable {
    /// It is not XML.
    case malformed(XMLError)
    /// Its root element is another one.
    case unexpected(String)
    /// More of something than is read.
    case tooMany(String)
    /// It names nobody, or several where one is to be named.
    case notOneIdentity
}

/// Somebody in a document: a user by name, or a control point by the hash of its certificate.
public struct ProtectionIdentity: Hashable, Sendable {
    /// The kinds.
    public enum Kind: Hashable, Sendable {
        /// `User`.
        case user
        /// `CP`, with its `ID`, exactly as written.
        case controlPoint(id: String)
    }

    /// Which kind it is.
    public var kind: Kind
    /// `Name`.
    public var name: String
    /// `Alias`, of a control point.
    public var alias: String?
    /// `introduced`, of a control point.
    public var introduced = false
    /// `RoleList`; nil where there is none, as in an identity list.
    public var roles: [String]?

    /// Makes a user.
    public init(user name: String, roles: [String]? = nil) {
        self.kind = .user
        self.name = name
        self.roles = roles
    }

    /// Makes a control point.
    public init(
        controlPoint id: String, name: String, alias: String? = nil, introduced: Bool = false, roles: [String]? = nil
    ) {
        self.kind = .controlPoint(id: id)
        self.name = name
        self.alias = alias
        self.introduced = introduced
        self.roles = roles
    }

    /// Reads `User` or `CP`; nil for another element, or one without what names it.
    init?(_ element: XMLElement) {
        let name = element.first("Name")?.trimmedText ?? ""
        let roles = element.first("RoleList").map { ProtectionDocument.names($0.text) }
        switch element.name {
        case "User":
            guard !name.isEmpty else { return nil }
            self.init(user: name, roles: roles)
        case "CP":
            guard let id = element.first("ID")?.trimmedText, !id.isEmpty else { return nil }
            let alias = element.first("Alias")?.trimmedText
            self.init(
                controlPoint: id, name: name, alias: alias?.isEmpty == false ? alias : nil,
                introduced: ["1", "true"].contains(element.attribute("introduced").map(XMLText.trimmed)), roles: roles)
        default: return nil
        }
    }

    /// In the order of the schema.
    var element: XMLElement {
        typealias Document = ProtectionDocument
        let roleList = roles.map { [Document.element("RoleList", text: $0.joined(separator: " "))] } ?? []
        switch kind {
        case .user: return Document.element("User", [Document.element("Name", text: name)] + roleList)
        case .controlPoint(let id):
            let alias = alias.map { [Document.element("Alias", text: $0)] } ?? []
            return Document.element(
                "CP", [Document.element("Name", text: name)] + alias + [Document.element("ID", text: id)] + roleList,
                attributes: introduced ? [XMLAttribute("introduced", value: "1")] : [])
        }
    }

    static func list(in element: XMLElement) throws(ProtectionDocumentError) -> [ProtectionIdentity] {
        let identities = element.elements.compactMap { ProtectionIdentity($0) }
        guard identities.count <= ProtectionDocument.maximumIdentities else { throw .tooMany("identities") }
        return identities
    }
}
