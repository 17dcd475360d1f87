/// The namespaces of DIDL-Lite and how its names are written in filters, criteria and properties.
enum DIDLNames {
    static let didl = "urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/"

    /// The prefixes that ContentDirectory:4 §2.2.20 fixes, and those that DLNA and vendors use everywhere.
    static let known: [(prefix: String, uri: String)] = [
        ("dc", "http://purl.org/dc/elements/1.1/"),
        ("upnp", "urn:schemas-upnp-org:metadata-1-0/upnp/"),
        ("dlna", "urn:schemas-dlna-org:metadata-1-0/"),
        ("sec", "http://www.sec.co.kr/"),
        ("pv", "http://www.pv.com/pvns/"),
        ("xbmc", "urn:schemas-xbmc-org:metadata-1-0/"),
    ]

    static func uri(of prefix: String) -> String? { known.first { $0.prefix == prefix }?.uri }

    /// `dc:title` for whatever prefix the document uses for that namespace, and the namespace where it is none
    /// of the known ones.
    static func qualified(_ name: String, prefix: String?, uri: String?) -> (name: String, uri: String?) {
        guard let uri, !uri.isEmpty else { return (prefix.map { "\($0):\(name)" } ?? name, nil) }
        if uri == didl { return (name, nil) }
        if let known = known.first(where: { $0.uri == uri }) { return ("\(known.prefix):\(name)", nil) }
        guard let prefix else { return (name, uri) }
        // A document may use a usual prefix for a namespace of its own, and another one for the usual namespace.
        return ("\(Self.uri(of: prefix) == nil ? prefix : prefix + "_"):\(name)", uri)
    }

    /// The parts of a name as ``qualified(_:prefix:uri:)`` gives it.
    static func parts(_ name: String, uri: String?) -> (name: String, prefix: String?, uri: String?) {
        guard let colon = name.firstIndex(of: ":") else { return (name, nil, uri) }
        let prefix = String(name[..<colon])
        return (String(name[name.index(after: colon)...]), prefix, uri ?? Self.uri(of: prefix))
    }
}

/// A named value of an object: `dc:creator`, `upnp:albumArtURI` and what vendors add.
public struct DIDLProperty: Hashable, Sendable {
    /// The name with its usual prefix, whatever prefix the document used: `dc:creator`.
    public var name: String
    /// The namespace, for names whose prefix is none of the usual ones.
    public var namespaceURI: String?
    /// The value, unescaped.
    public var value: String
    /// Attributes, such as `role` of `upnp:artist` or `dlna:profileID` of `upnp:albumArtURI`.
    public var attributes: [DIDLAttribute]

    /// Makes a property.
    public init(_ name: String, _ value: String, namespaceURI: String? = nil, attributes: [DIDLAttribute] = []) {
        self.name = name
        self.namespaceURI = namespaceURI
        self.value = value
        self.attributes = attributes
    }

    init(_ element: XMLElement) {
        let (name, uri) = DIDLNames.qualified(element.name, prefix: element.prefix, uri: element.namespaceURI)
        self.init(
            name, element.text, namespaceURI: uri, attributes: element.attributes.uniqueDIDLAttributes)
    }

    var element: XMLElement {
        let (name, prefix, uri) = DIDLNames.parts(self.name, uri: namespaceURI)
        return XMLElement(
            name, prefix: prefix, namespaceURI: prefix == nil ? uri ?? DIDLNames.didl : uri,
            attributes: attributes.map(\.attribute), children: value.isEmpty ? [] : [.text(value)])
    }
}

/// An attribute of a property, an object or a resource.
public struct DIDLAttribute: Hashable, Sendable {
    /// The name, with its usual prefix where it has one: `dlna:profileID`.
    public var name: String
    /// The namespace, for names whose prefix is none of the usual ones.
    public var namespaceURI: String?
    /// The value, unescaped.
    public var value: String

    /// Makes an attribute.
    public init(_ name: String, _ value: String, namespaceURI: String? = nil) {
        self.name = name
        self.namespaceURI = namespaceURI
        self.value = value
    }

    init(_ attribute: XMLAttribute) {
        let (name, uri) = DIDLNames.qualified(
            attribute.name, prefix: attribute.prefix, uri: attribute.namespaceURI)
        self.init(name, attribute.value, namespaceURI: uri)
    }

    var attribute: XMLAttribute {
        let (name, prefix, uri) = DIDLNames.parts(self.name, uri: namespaceURI)
        return XMLAttribute(name, prefix: prefix, namespaceURI: prefix == nil ? nil : uri, value: value)
    }
}

extension [XMLAttribute] {
    /// By their usual names, the first of each: two prefixes for one namespace would otherwise become one
    /// attribute written twice.
    var uniqueDIDLAttributes: [DIDLAttribute] {
        var seen: Set<String> = []
        return map { DIDLAttribute($0) }.filter { seen.insert($0.name).inserted }
    }
}
