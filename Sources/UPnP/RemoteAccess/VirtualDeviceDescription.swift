/// `virtualDevice`: the order for a device that is made of others (RADAConfig:2 §2.3.5, version 2 only).
package struct VirtualDeviceDescription: Hashable, Sendable {
    /// How it is made.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Several devices of one type, shown as one.
        case merge = "MERGE"
        /// Different devices, embedded below one root.
        case aggregate = "AGGREGATE"
        /// Devices with less than they have.
        case filter = "FILTER"
    }

    /// One of the devices that it is made of.
    package struct Part: Hashable, Sendable {
        /// With `uuid:`.
        package var udn: String
        /// For a FILTER: the USNs that stay.
        package var allowedUSNs: [String]

        /// Makes a part.
        package init(udn: String, allowedUSNs: [String] = []) {
            self.udn = udn
            self.allowedUSNs = allowedUSNs
        }
    }

    /// The text of `virtualDeviceType`; ``Kind`` where it is one that is known.
    package var type: String
    package var rootDeviceType: String
    package var parts: [Part]

    /// What kind it is; nil is answered with 703.
    package var kind: Kind? { Kind(rawValue: type.uppercased()) }

    /// Makes an order.
    package init(_ kind: Kind, rootDeviceType: String, parts: [Part]) {
        self.type = kind.rawValue
        self.rootDeviceType = rootDeviceType
        self.parts = parts
    }

    init(_ element: XMLElement) throws(RemoteAccessDocumentError) {
        guard let type = element.first("virtualDeviceType")?.trimmedText, !type.isEmpty else {
            throw .missing("virtualDeviceType")
        }
        self.type = try RADAText.bounded(type)
        rootDeviceType = try RADAText.bounded(element.first("rootDeviceType")?.trimmedText ?? "")
        parts = try DADSDocument.list(element, "physicalDevice", at: RemoteAccessDocumentLimits.networks) {
            (part) throws(RemoteAccessDocumentError) in
            guard let uuid = part.first("UDN").flatMap({ RADAText.uuid($0.text) }) else { throw .missing("UDN") }
            let usns = try DADSDocument.list(part, "allowedUSN", at: RemoteAccessDocumentLimits.networks) {
                (usn) throws(RemoteAccessDocumentError) in try RADAText.bounded(usn.trimmedText)
            }
            return Part(udn: "uuid:" + uuid, allowedUSNs: usns)
        }
    }

    var children: [XMLElement] {
        var children = [DADSDocument.element("virtualDeviceType", text: type)]
        if !rootDeviceType.isEmpty { children.append(DADSDocument.element("rootDeviceType", text: rootDeviceType)) }
        return children
            + parts.map { part in
                DADSDocument.element(
                    "physicalDevice", [],
                    [DADSDocument.element("UDN", text: part.udn)]
                        + part.allowedUSNs.map { DADSDocument.element("allowedUSN", text: $0) })
            }
    }

    var element: XMLElement { DADSDocument.element("virtualDevice", [], children) }
}

/// One entry of `virtualDeviceList`.
package struct ListedVirtualDevice: Hashable, Sendable {
    /// `virtualDeviceID`, which is its UDN here.
    package var id: String
    /// Its description document; empty where it is not shown.
    package var document: String
    package var description: VirtualDeviceDescription

    /// Makes an entry.
    package init(id: String, document: String, description: VirtualDeviceDescription) {
        self.id = id
        self.document = document
        self.description = description
    }

    init(_ element: XMLElement) throws(RemoteAccessDocumentError) {
        guard let id = element.first("virtualDeviceID")?.trimmedText, !id.isEmpty else {
            throw .missing("virtualDeviceID")
        }
        self.id = try RADAText.bounded(id)
        let document = element.first("DDD")?.text ?? ""
        guard document.utf8.count <= 64 << 10 else { throw .tooMuch("DDD") }
        self.document = document
        self.description = try VirtualDeviceDescription(element)
    }

    var element: XMLElement {
        var children = [DADSDocument.element("virtualDeviceID", text: id)]
        if !document.isEmpty { children.append(DADSDocument.element("DDD", text: document)) }
        return DADSDocument.element("virtualDevice", [], children + description.children)
    }
}
