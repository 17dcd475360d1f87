/// An item or a container of a media server (ContentDirectory:4 §2.2.20, appendix B).
public struct DIDLObject: Hashable, Sendable {
    /// Whether there can be objects in it.
    public enum Kind: String, Hashable, Sendable {
        /// One piece of content.
        case item
        /// Something that holds objects.
        case container
    }

    /// Item or container.
    public var kind: Kind
    /// The object's id, unique in its server; `0` is the root container.
    public var id: String
    /// The id of the container that it is in; `-1` for the root container.
    public var parentID: String
    /// Whether control points may not change it.
    public var isRestricted: Bool
    /// `dc:title`.
    public var title: String
    /// `upnp:class`, such as `object.item.audioItem.musicTrack`.
    public var objectClass: String
    /// The id of the item that this one refers to.
    public var referenceID: String?
    /// How many objects a container holds.
    public var childCount: Int?
    /// Whether a container can be searched.
    public var isSearchable: Bool?
    /// Further attributes.
    public var attributes: [DIDLAttribute]
    /// Further properties, in order, such as `dc:creator` and `upnp:albumArtURI`.
    public var properties: [DIDLProperty]
    /// Where the content is, best first.
    public var resources: [DIDLResource]
    /// `desc` elements: blocks of a vendor's own metadata, as they were written.
    public var descriptors: [XMLElement]

    /// Makes an object.
    public init(
        _ kind: Kind, id: String, parentID: String, title: String, objectClass: String, isRestricted: Bool = true,
        referenceID: String? = nil, childCount: Int? = nil, isSearchable: Bool? = nil,
        properties: [DIDLProperty] = [], resources: [DIDLResource] = []
    ) {
        self.kind = kind
        self.id = id
        self.parentID = parentID
        self.isRestricted = isRestricted
        self.title = title
        self.objectClass = objectClass
        self.referenceID = referenceID
        self.childCount = childCount
        self.isSearchable = isSearchable
        self.attributes = []
        self.properties = properties
        self.resources = resources
        self.descriptors = []
    }

    /// The values of a property, named as in filters and criteria: `dc:title`, `upnp:artist`, `upnp:artist@role`,
    /// `@id`, `res`, `res@size`. Empty when the object has no such property.
    public func values(of property: String) -> [String] {
        switch property {
        case "@id": return [id]
        case "@parentID": return [parentID]
        case "@restricted": return [isRestricted ? "1" : "0"]
        case "@refID": return referenceID.map { [$0] } ?? []
        case "@childCount": return childCount.map { ["\($0)"] } ?? []
        case "@searchable": return isSearchable.map { [$0 ? "1" : "0"] } ?? []
        case "dc:title": return [title]
        case "upnp:class": return [objectClass]
        case "res": return resources.map(\.uri)
        default: break
        }
        guard let at = property.firstIndex(of: "@") else {
            return properties.filter { $0.name == property }.map(\.value)
        }
        let (owner, name) = (property[..<at], property[property.index(after: at)...])
        if owner.isEmpty { return attributes.filter { $0.name == name }.map(\.value) }
        if owner == "res" { return resources.compactMap { $0.attribute(String(name)) } }
        return properties.filter { $0.name == owner }.flatMap { property in
            property.attributes.filter { $0.name == name }.map(\.value)
        }
    }

    /// The first value of a property; see ``values(of:)``.
    public subscript(property: String) -> String? { values(of: property).first }

    /// Whether the object's class is `name` or a class derived from it: `object.item.audioItem` is that of a track.
    public func isDerived(from name: String) -> Bool {
        objectClass == name || objectClass.hasPrefix(name + ".")
    }
}

extension DIDLObject {
    init?(_ element: XMLElement) {
        guard let kind = Kind(rawValue: element.name), let id = element.attribute("id"), !id.isEmpty else { return nil }
        self.init(kind, id: id, parentID: "", title: "", objectClass: "", isRestricted: false)
        for attribute in element.attributes.uniqueDIDLAttributes {
            switch attribute.name {
            case "id": continue
            case "parentID": parentID = attribute.value
            case "restricted": isRestricted = Self.boolean(attribute.value) ?? false
            case "refID": referenceID = attribute.value
            case "childCount": childCount = Int(attribute.value).flatMap { $0 >= 0 ? $0 : nil }
            case "searchable": isSearchable = Self.boolean(attribute.value)
            default: attributes.append(attribute)
            }
        }
        var hasTitle = false
        var hasClass = false
        for child in element.elements {
            let property = DIDLProperty(child)
            switch property.name {
            case "dc:title" where !hasTitle:
                title = property.value
                hasTitle = true
            case "upnp:class" where !hasClass:
                // White space around it is no part of a class, and servers write it.
                objectClass = XMLText.trimmed(property.value)
                hasClass = true
            case "res": resources.append(DIDLResource(child))
            case "desc":
                // Read once more on its own, so that it carries the namespaces that were declared around it.
                let written = child.serialized(declaration: false)
                if let descriptor = try? XMLElement(parsing: written.utf8) { descriptors.append(descriptor) }
            // A second title or class has no meaning (appendix B.1: single-valued).
            case "dc:title", "upnp:class": continue
            default: properties.append(property)
            }
        }
    }

    func element(_ filter: PropertyFilter) -> XMLElement {
        var attributes = [XMLAttribute("id", value: id), XMLAttribute("parentID", value: parentID)]
        if let referenceID, filter.includes("@refID") { attributes.append(XMLAttribute("refID", value: referenceID)) }
        attributes.append(XMLAttribute("restricted", value: isRestricted ? "1" : "0"))
        if let childCount, filter.includes("@childCount") {
            attributes.append(XMLAttribute("childCount", value: "\(childCount)"))
        }
        if let isSearchable, filter.includes("@searchable") {
            attributes.append(XMLAttribute("searchable", value: isSearchable ? "1" : "0"))
        }
        attributes += self.attributes.filter { filter.includes("@\($0.name)") }.map(\.attribute)
        var children = [DIDLProperty("dc:title", title).element, DIDLProperty("upnp:class", objectClass).element]
        for property in properties where filter.includes(property.name) {
            var property = property
            property.attributes.removeAll { !filter.includes("\(property.name)@\($0.name)") }
            children.append(property.element)
        }
        if filter.includes("res") { children += resources.map { $0.element(filter) } }
        if filter.includes("desc") { children += descriptors }
        return XMLElement(
            kind.rawValue, namespaceURI: DIDLNames.didl, attributes: attributes,
            children: children.map(XMLNode.element))
    }

    private static func boolean(_ text: String) -> Bool? {
        switch XMLText.trimmed(text).lowercased() {
        case "1", "true", "yes": true
        case "0", "false", "no": false
        default: nil
        }
    }
}
