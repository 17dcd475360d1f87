extension XMLElement {
    /// The element as a document in UTF-8, or as a fragment when `declaration` is false.
    ///
    /// Prefixes, declarations and the order of attributes are kept. A namespace that is used and not
    /// declared in scope is declared where it is used. Characters that XML 1.0 forbids become U+FFFD,
    /// and characters that a name cannot hold become `_`: no value can inject markup.
    public func serialized(declaration: Bool = true) -> String {
        var writer = XMLWriter()
        if declaration { writer.output += "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n".utf8 }
        writer.write(self)
        return String(decoding: writer.output, as: UTF8.self)
    }

    /// The content as a fragment, without the element's own tags.
    public var innerSerialized: String {
        var writer = XMLWriter()
        for child in children { writer.write(child) }
        return String(decoding: writer.output, as: UTF8.self)
    }

    /// Text as it stands between tags or in an attribute: `&`, `<`, `>`, `"` and carriage returns escaped,
    /// characters that XML 1.0 forbids replaced by U+FFFD.
    public static func escaped(_ text: String) -> String {
        var output: [UInt8] = []
        XMLText.escape(text, attribute: false, into: &output)
        return String(decoding: output, as: UTF8.self)
    }
}

private struct XMLWriter {
    var output: [UInt8] = []
    /// The declarations in scope, innermost last.
    private var scope: [XMLNamespaceDeclaration] = []

    mutating func write(_ node: XMLNode) {
        switch node {
        case .element(let element): write(element)
        case .text(let text): XMLText.escape(text, attribute: false, into: &output)
        }
    }

    mutating func write(_ element: XMLElement) {
        let outerScope = scope.count
        let tag = name(element.name, prefix: element.prefix)
        output += "<\(tag)".utf8
        for declaration in element.namespaceDeclarations where !isOverruled(declaration, in: element) {
            declare(declaration.prefix, as: declaration.uri, from: outerScope)
        }
        if element.prefix == nil || element.namespaceURI != nil {
            bind(element.prefix, to: element.namespaceURI ?? "", from: outerScope)
        }
        for attribute in element.attributes {
            guard let prefix = attribute.prefix, let uri = attribute.namespaceURI else { continue }
            bind(prefix, to: uri, from: outerScope)
        }
        for attribute in element.attributes {
            output += " \(name(attribute.name, prefix: attribute.prefix))=\"".utf8
            XMLText.escape(attribute.value, attribute: true, into: &output)
            output.append(UInt8(ascii: "\""))
        }
        if element.children.isEmpty {
            output += "/>".utf8
        } else {
            output.append(UInt8(ascii: ">"))
            for child in element.children { write(child) }
            output += "</\(tag)>".utf8
        }
        scope.removeSubrange(outerScope...)
    }

    /// Whether a declaration contradicts the element's own name, which then decides.
    private func isOverruled(_ declaration: XMLNamespaceDeclaration, in element: XMLElement) -> Bool {
        guard declaration.prefix == element.prefix else { return false }
        if element.prefix == nil { return declaration.uri != element.namespaceURI ?? "" }
        return element.namespaceURI.map { $0 != declaration.uri } ?? true
    }

    private mutating func bind(_ prefix: String?, to uri: String, from outerScope: Int) {
        guard prefix != "xml" else { return }
        let current = scope.last { $0.prefix == prefix }?.uri ?? ""
        if current != uri { declare(prefix, as: uri, from: outerScope) }
    }

    private mutating func declare(_ prefix: String?, as uri: String, from outerScope: Int) {
        // A second declaration of one prefix on one element would not be well-formed.
        guard !scope[outerScope...].contains(where: { $0.prefix == prefix }), prefix != "xml", prefix != "xmlns",
            prefix == nil || !uri.isEmpty
        else { return }
        scope.append(XMLNamespaceDeclaration(prefix: prefix, uri: uri))
        output += (prefix.map { " xmlns:\(XMLText.name($0))=\"" } ?? " xmlns=\"").utf8
        XMLText.escape(uri, attribute: true, into: &output)
        output.append(UInt8(ascii: "\""))
    }

    private func name(_ name: String, prefix: String?) -> String {
        prefix.map { "\(XMLText.name($0)):\(XMLText.name(name))" } ?? XMLText.name(name)
    }
}
