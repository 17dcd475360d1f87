/// What a media server says about its objects: the `Result` of Browse and Search, and the metadata that a
/// renderer is given (ContentDirectory:4 §2.2.20).
public struct DIDLLite: Hashable, Sendable {
    /// What is read at most: pages of media servers are large.
    public static let limits = XMLLimits(bytes: 4 << 20, depth: 16, elements: 200_000, text: 4 << 20)

    /// Items and containers, in order.
    public var objects: [DIDLObject]

    /// Makes a document.
    public init(_ objects: [DIDLObject] = []) { self.objects = objects }

    /// Parses a document.
    ///
    /// Lenient, as real servers need it: prefixes are taken by their namespace or, undeclared, as written; an
    /// object without title, class or parent is kept with empty ones; an unreadable number is absent. An object
    /// without an id is left out, because nothing can be done with it.
    public init(parsing bytes: some Sequence<UInt8>, limits: XMLLimits = Self.limits) throws(DIDLError) {
        let root: XMLElement
        do { root = try XMLElement(parsing: bytes, limits: limits) } catch { throw .xml(error) }
        guard root.name == "DIDL-Lite" else { throw .unexpectedRoot(root.name) }
        objects = root.elements.compactMap { DIDLObject($0) }
    }

    /// Parses the text of an argument such as `Result`.
    public init(parsing text: String, limits: XMLLimits = Self.limits) throws(DIDLError) {
        try self.init(parsing: text.utf8, limits: limits)
    }

    /// The document, without an XML declaration, as it stands in an argument of an action.
    ///
    /// - Parameter filter: The properties to write; those that every object must have are written in any case.
    public func serialized(filter: PropertyFilter = .all) -> String {
        let namespaces = DIDLNames.known.prefix(3).map { XMLNamespaceDeclaration(prefix: $0.prefix, uri: $0.uri) }
        return XMLElement(
            "DIDL-Lite", namespaceURI: DIDLNames.didl,
            namespaceDeclarations: [XMLNamespaceDeclaration(uri: DIDLNames.didl)] + namespaces,
            children: objects.map { .element($0.element(filter)) }
        ).serialized(declaration: false)
    }
}

/// Why a DIDL-Lite document was refused.
public enum DIDLError: Error, Hashable, Sendable {
    /// Not XML that we read.
    case xml(XMLError)
    /// XML, but not DIDL-Lite; the root element's name.
    case unexpectedRoot(String)
}

extension DIDLError: CustomStringConvertible {
    /// What happened, in a sentence.
    public var description: String {
        switch self {
        case .xml(let error): error.description
        case .unexpectedRoot(let name): "The document's root element is <\(name)> and not <DIDL-Lite>."
        }
    }
}
