/// A document of the namespace `urn:schemas-upnp-org:ra:iccds`: how a dynamic name is kept up to date (upnp.md §1.7.3).
package struct DynamicDNSConfiguration: Hashable, Sendable {
    /// The namespace.
    package static let namespace = "urn:schemas-upnp-org:ra:iccds"

    /// `dynDNSProtocol`.
    package var dynamicDNSProtocol: String
    package var server: String
    package var username: String
    /// In clear, as the standard has it.
    package var password: String
    package var domain: String
    /// `policy/slaURI`; empty without one.
    package var slaURI: String
    /// `policy/forceUpdate`, as it was written; empty without one.
    package var forceUpdate: String

    /// Makes a configuration.
    package init(
        dynamicDNSProtocol: String, server: String, username: String, password: String, domain: String,
        slaURI: String = "", forceUpdate: String = ""
    ) {
        self.dynamicDNSProtocol = dynamicDNSProtocol
        self.server = server
        self.username = username
        self.password = password
        self.domain = domain
        self.slaURI = slaURI
        self.forceUpdate = forceUpdate
    }

    /// Reads a document.
    package init(parsing bytes: some Sequence<UInt8>) throws(RemoteAccessDocumentError) {
        let root: XMLElement
        do throws(XMLError) {
            root = try XMLElement(parsing: bytes, limits: RemoteAccessDocumentLimits.xml)
        } catch { throw .xml(error) }
        guard root.name == "iccds" else { throw .otherDocument(root.name) }
        guard let element = root.first("dynamicDNSConfiguration") else { throw .missing("dynamicDNSConfiguration") }
        guard let name = element.first("dynDNSProtocol")?.trimmedText, !name.isEmpty else {
            throw .missing("dynDNSProtocol")
        }
        guard let update = element.first("updateConfiguration") else { throw .missing("updateConfiguration") }
        let policy = element.first("policy")
        func text(_ parent: XMLElement?, _ name: String) throws(RemoteAccessDocumentError) -> String {
            try RADAText.bounded(parent?.first(name)?.trimmedText ?? "")
        }
        self.init(
            dynamicDNSProtocol: try RADAText.bounded(name), server: try text(update, "server"),
            username: try text(update, "username"), password: try text(update, "password"),
            domain: try text(update, "domain"), slaURI: try text(policy, "slaURI"),
            forceUpdate: try text(policy, "forceUpdate"))
        guard !server.isEmpty else { throw .missing("server") }
        guard !domain.isEmpty else { throw .missing("domain") }
    }

    /// The document, with its password.
    package func serialized() -> String {
        func element(_ name: String, _ children: [XMLElement]) -> XMLElement {
            XMLElement(name, namespaceURI: Self.namespace, children: children.map { .element($0) })
        }
        func text(_ name: String, _ text: String) -> XMLElement {
            XMLElement(name, namespaceURI: Self.namespace, text: text)
        }
        let update = element(
            "updateConfiguration",
            [
                text("server", server), text("username", username), text("password", password),
                text("domain", domain),
            ])
        let policy = element("policy", [text("slaURI", slaURI), text("forceUpdate", forceUpdate)])
        return element(
            "iccds", [element("dynamicDNSConfiguration", [text("dynDNSProtocol", dynamicDNSProtocol), update, policy])]
        ).serialized(declaration: false)
    }
}

extension DynamicDNSConfiguration: CustomStringConvertible {
    /// Without the password.
    package var description: String { "\(domain) at \(server) by \(dynamicDNSProtocol)" }
}
