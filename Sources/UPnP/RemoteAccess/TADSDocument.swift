/// A document of the namespace `urn:schemas-upnp-org:ra:tads`: what a transport agent can do, and the profiles by
/// which it is set up (upnp.md §1.7.2).
///
/// The shape is known from examples, not from a schema: what is not known is kept and echoed.
package struct TADSDocument: Hashable, Sendable {
    /// The namespace.
    package static let namespace = "urn:schemas-upnp-org:ra:tads"

    /// The whole of it.
    package let root: XMLElement

    /// Reads a document.
    package init(parsing bytes: some Sequence<UInt8>) throws(RemoteAccessDocumentError) {
        do throws(XMLError) {
            root = try XMLElement(parsing: bytes, limits: RemoteAccessDocumentLimits.xml)
        } catch { throw .xml(error) }
        guard root.name == "tads" else { throw .otherDocument(root.name) }
    }

    /// Takes what was made.
    package init(children: [XMLElement]) {
        root = XMLElement("tads", namespaceURI: Self.namespace, children: children.map { .element($0) })
    }

    /// The document with everything that is in it: keys and credentials too.
    package func serialized() -> String { root.serialized(declaration: false) }
}

/// `profileConfig`: one profile of a transport agent.
package struct TransportProfile: Hashable, Sendable {
    /// `profileInfo@id`; nil in a profile that is to be added.
    package let id: UInt32?
    /// `profileInfo@transportAgentName`, such as `OpenVPN` or `IPsec`.
    package let transportAgentName: String
    /// The description for people.
    package let text: String
    /// The whole element.
    package let element: XMLElement

    /// The profiles of a document.
    package static func all(in document: TADSDocument) throws(RemoteAccessDocumentError) -> [TransportProfile] {
        let found = document.root.all("profileConfig")
        guard found.count <= RemoteAccessDocumentLimits.networks else { throw .tooMuch("profileConfig") }
        var profiles: [TransportProfile] = []
        for element in found {
            guard let info = element.first("profileInfo") else { throw .missing("profileInfo") }
            let name = XMLText.trimmed(info.attribute("transportAgentName") ?? "")
            guard !name.isEmpty else { throw .missing("profileInfo@transportAgentName") }
            let id = XMLText.trimmed(info.attribute("id") ?? "")
            guard id.isEmpty || UInt32(id) != nil else { throw .invalid("profileInfo@id") }
            profiles.append(
                TransportProfile(
                    id: UInt32(id), transportAgentName: try RADAText.bounded(name),
                    text: try RADAText.bounded(info.trimmedText), element: element))
        }
        return profiles
    }
}

extension TADSDocument {
    /// What a profile keeps secret. `ca` and `dh` are public.
    private static let secrets: Set<String> = [
        "key", "cert", "password", "passphrase", "sharedsecret", "presharedkey", "psk", "privatekey", "secret",
        "credential", "credentials", "tlsauth",
    ]

    /// Whether a name is one of those that carry secrets, however it is written (`private-key`, `PrivateKey`).
    private static func isSecret(_ name: String) -> Bool {
        let plain = name.lowercased().filter { $0.isLetter }
        return secrets.contains(plain) || plain.hasSuffix("password") || plain.hasSuffix("privatekey")
            || plain.hasSuffix("secret")
    }

    /// The document for a reader who may not see keys and credentials: elements that hold them are empty, and so are
    /// such attributes. Everything else stays, known or not.
    package var redacted: TADSDocument {
        var root = root
        root.modifyAll { element in
            if Self.isSecret(element.name) {
                element.children = []
                element.attributes = []
            }
            for index in element.attributes.indices where Self.isSecret(element.attributes[index].name) {
                element.attributes[index].value = ""
            }
            // Keys are also put inline, as text in PEM, whatever the element is called.
            if element.text.contains("-----BEGIN") { element.children = element.elements.map { .element($0) } }
            for index in element.attributes.indices where element.attributes[index].value.contains("-----BEGIN") {
                element.attributes[index].value = ""
            }
        }
        return TADSDocument(root: root)
    }

    private init(root: XMLElement) { self.root = root }
}
