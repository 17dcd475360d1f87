/// A piece of an element's content.
///
/// Comments and processing instructions are not kept: UDA 2.0 §2.3 has them ignored.
public enum XMLNode: Hashable, Sendable {
    /// A child element.
    case element(XMLElement)
    /// Character data, from text, CDATA sections and character references; never empty when parsed.
    case text(String)
}

/// An attribute; namespace declarations are not attributes, see ``XMLElement/namespaceDeclarations``.
public struct XMLAttribute: Hashable, Sendable {
    /// The local name.
    public var name: String
    /// The prefix, where it was written with one.
    public var prefix: String?
    /// The namespace that the prefix stands for; nil without a prefix, or when it was not declared.
    public var namespaceURI: String?
    /// The value, unescaped.
    public var value: String

    /// Makes an attribute.
    public init(_ name: String, prefix: String? = nil, namespaceURI: String? = nil, value: String) {
        self.name = name
        self.prefix = prefix
        self.namespaceURI = namespaceURI
        self.value = value
    }
}

/// `xmlns="…"` or `xmlns:prefix="…"`.
public struct XMLNamespaceDeclaration: Hashable, Sendable {
    /// The prefix; nil for the default namespace.
    public var prefix: String?
    /// The namespace; empty where the default namespace is switched off.
    public var uri: String

    /// Makes a declaration.
    public init(prefix: String? = nil, uri: String) {
        self.prefix = prefix
        self.uri = uri
    }
}

/// An element and all that is in it, as a value.
///
/// Two elements are equal when they are written alike: prefixes, order of attributes and white space
/// count. What was parsed and what is serialised are equal in that sense.
public struct XMLElement: Hashable, Sendable {
    /// The local name.
    public var name: String
    /// The prefix, where it was written with one.
    public var prefix: String?
    /// The namespace; nil when there is none, or when the prefix was not declared.
    public var namespaceURI: String?
    /// The namespaces declared on this element, in the order written.
    public var namespaceDeclarations: [XMLNamespaceDeclaration]
    /// The attributes, in the order written.
    public var attributes: [XMLAttribute]
    /// The content, in order.
    public var children: [XMLNode]

    /// Makes an element. Namespaces need no declaration: ``serialized(declaration:)`` writes those that are missing.
    public init(
        _ name: String, prefix: String? = nil, namespaceURI: String? = nil,
        namespaceDeclarations: [XMLNamespaceDeclaration] = [], attributes: [XMLAttribute] = [],
        children: [XMLNode] = []
    ) {
        self.name = name
        self.prefix = prefix
        self.namespaceURI = namespaceURI
        self.namespaceDeclarations = namespaceDeclarations
        self.attributes = attributes
        self.children = children
    }

    /// Makes an element that holds nothing but text.
    public init(_ name: String, prefix: String? = nil, namespaceURI: String? = nil, text: String) {
        self.init(
            name, prefix: prefix, namespaceURI: namespaceURI, children: text.isEmpty ? [] : [.text(text)])
    }

    /// Parses a whole document within limits.
    ///
    /// Lenient where devices are known to be wrong: white space before the document and anything after
    /// the root element is ignored, and bytes that are not UTF-8 are read as Latin-1. Bytes are taken
    /// from the sequence only until the document is complete or refused.
    public init(parsing bytes: some Sequence<UInt8>, limits: XMLLimits = XMLLimits()) throws(XMLError) {
        var parser = XMLPushParser(limits: limits)
        try parser.feed(bytes)
        self = try parser.finish()
    }

    /// The child elements, in order.
    public var elements: [XMLElement] {
        children.compactMap { if case .element(let element) = $0 { element } else { nil } }
    }

    /// The first child element of that local name, in whatever namespace.
    public func first(_ localName: String) -> XMLElement? {
        for case .element(let element) in children where element.name == localName { return element }
        return nil
    }

    /// The child elements of that local name, in whatever namespace.
    public func all(_ localName: String) -> [XMLElement] { elements.filter { $0.name == localName } }

    /// The element's own text, without that of child elements.
    public var text: String {
        var result = ""
        for case .text(let text) in children { result += text }
        return result
    }

    /// The element's own text without white space (space, tab, line ends) around it.
    public var trimmedText: String { XMLText.trimmed(text) }

    /// The value of the first attribute of that local name, in whatever namespace.
    public func attribute(_ localName: String) -> String? {
        attributes.first { $0.name == localName }?.value
    }

    /// Applies `change` to this element and then to every element in it, parents before children.
    public mutating func modifyAll(_ change: (inout XMLElement) -> Void) {
        change(&self)
        for index in children.indices {
            guard case .element(var child) = children[index] else { continue }
            // Emptied so that the child is not copied while it is changed.
            children[index] = .text("")
            child.modifyAll(change)
            children[index] = .element(child)
        }
    }
}
