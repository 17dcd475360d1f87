import CLibXML2

/// libxml2's SAX2 push parser, building a tree within limits.
///
/// The C side holds this object unretained as its context: callbacks run only inside ``parse(_:)`` and
/// ``end()``, during which the caller keeps it alive, and `deinit` frees the C parser. No input other
/// than the bytes given is ever opened: there is no DOCTYPE, so there are no entities, and the network
/// is switched off besides.
final class XMLReader {
    /// The root element, once it has ended.
    private(set) var root: XMLElement?
    /// Whether the root element has ended.
    private(set) var isComplete = false
    /// Why the document was refused.
    private(set) var failure: XMLError?

    /// libxml2 sets up its tables once for all threads.
    private static let initialized: Void = xmlInitParser()

    private let limits: XMLLimits
    private let depthLimit: Int
    private var parser: xmlParserCtxtPtr?
    /// The elements that are open, outermost first.
    private var open: [XMLElement] = []
    /// How many namespaces each open element declares.
    private var namespacesInScope = 0
    private var elementCount = 0
    /// Namespaces by where libxml2 keeps them.
    private var namespaces: [UnsafePointer<UInt8>: String] = [:]
    private var textCount = 0
    private var isEnding = false
    /// Text of the innermost element that is not yet a node, so that neighbours become one.
    private var pendingText: [UInt8] = []

    init(limits: XMLLimits) {
        self.limits = limits
        depthLimit = min(limits.depth, 256)
        Self.initialized
        var handler = Self.handler
        parser = xmlCreatePushParserCtxt(&handler, Unmanaged.passUnretained(self).toOpaque(), nil, 0, nil)
        // Without NOENT an `&amp;` in an attribute is reported as `&#38;`. It substitutes nothing else here: a
        // DOCTYPE, the only place where entities are declared, ends the parse.
        let options = [XML_PARSE_NONET, XML_PARSE_IGNORE_ENC, XML_PARSE_NOENT]
        xmlCtxtUseOptions(parser, options.reduce(0) { $0 | Int32($1.rawValue) })
    }

    deinit {
        xmlFreeParserCtxt(parser)
    }

    /// Gives libxml2 the next piece, in UTF-8.
    func parse(_ utf8: [UInt8]) throws(XMLError) {
        guard !isComplete, !utf8.isEmpty else { return }
        let code = utf8.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { chars in
                withExtendedLifetime(self) { xmlParseChunk(parser, chars.baseAddress, Int32(chars.count), 0) }
            }
        }
        try check(code)
        // What libxml2 holds back is a tag, comment or instruction whose end has not come; or a CDATA section,
        // which it hands out in small parts and which counts as text.
        if !isComplete, parser?.pointee.instate != XML_PARSER_CDATA_SECTION, let input = parser?.pointee.input,
            let end = input.pointee.end, let current = input.pointee.cur,
            end - current > limits.markup
        {
            throw fail(.limit(.markup))
        }
    }

    /// Tells libxml2 that nothing follows.
    func end() throws(XMLError) {
        guard !isComplete else { return }
        isEnding = true
        let code = withExtendedLifetime(self) { xmlParseChunk(parser, nil, 0, 1) }
        try check(code)
    }

    /// Records the first failure and returns it.
    func fail(_ error: XMLError) -> XMLError {
        if let failure { return failure }
        failure = error
        open = []
        pendingText = []
        return error
    }

    private func check(_ code: Int32) throws(XMLError) {
        if isComplete { return }
        if let failure { throw failure }
        // Namespace errors leave a code behind and are not fatal; `wellFormed` tells the fatal ones, but
        // stays 1 after a stop, which only the code shows.
        if code == Int32(XML_ERR_USER_STOP.rawValue) || parser == nil || parser?.pointee.wellFormed == 0 {
            throw fail(.malformed(code: Int(code), line: 0))
        }
    }

    private func stop(_ error: XMLError) {
        _ = fail(error)
        xmlStopParser(parser)
    }

    private func startElement(_ tag: SAXTag) {
        guard failure == nil, !isComplete else { return }
        elementCount += 1
        namespacesInScope += tag.namespaceCount
        guard open.count < depthLimit else { return stop(.limit(.depth)) }
        guard elementCount <= limits.elements else { return stop(.limit(.elements)) }
        guard tag.attributeCount + tag.namespaceCount <= limits.attributes,
            namespacesInScope <= 2 * limits.attributes
        else { return stop(.limit(.attributes)) }
        let element = tag.element(namespace: namespace(tag.uri))
        guard Self.isName(element.name), element.attributes.allSatisfy({ Self.isName($0.name) }),
            element.namespaceDeclarations.allSatisfy({ $0.prefix.map(Self.isName) ?? true })
        else {
            return stop(isEnding ? .truncated : .malformed(code: Int(XML_NS_ERR_QNAME.rawValue), line: 0))
        }
        guard count(element.attributes.reduce(0) { $0 + $1.value.utf8.count }) else { return }
        flushText()
        open.append(element)
    }

    /// libxml2 keeps each name once, so that its address tells it; most elements share their neighbours' namespace.
    private func namespace(_ uri: UnsafePointer<UInt8>?) -> String? {
        guard let uri else { return nil }
        if let known = namespaces[uri] { return known }
        let text = String(cString: uri)
        namespaces[uri] = text
        return text
    }

    private func endElement() {
        guard failure == nil, !isComplete else { return }
        flushText()
        guard let element = open.popLast() else { return }
        namespacesInScope -= element.namespaceDeclarations.count
        if open.isEmpty {
            root = element
            isComplete = true
            xmlStopParser(parser)
        } else {
            open[open.count - 1].children.append(.element(element))
        }
    }

    private func characters(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard failure == nil, !isComplete, !open.isEmpty, count(bytes.count) else { return }
        pendingText += bytes
    }

    private func count(_ textBytes: Int) -> Bool {
        textCount += textBytes
        if textCount > limits.text { stop(.limit(.text)) }
        return textCount <= limits.text
    }

    private func flushText() {
        guard !pendingText.isEmpty, !open.isEmpty else { return }
        open[open.count - 1].children.append(.text(String(decoding: pendingText, as: UTF8.self)))
        pendingText.removeAll(keepingCapacity: true)
    }

    private func error(level: xmlErrorLevel, code: Int32, line: Int32) {
        guard level == XML_ERR_FATAL, failure == nil, !isComplete else { return }
        // What libxml2 finds wrong only when it hears that nothing follows is the missing rest.
        _ = fail(isEnding ? .truncated : .malformed(code: Int(code), line: Int(line)))
    }
}

extension XMLReader {
    /// libxml2 leaves a name as it is when it has more colons than a name may have.
    private static func isName(_ localName: String) -> Bool {
        !localName.isEmpty && !localName.utf8.contains(UInt8(ascii: ":"))
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> XMLReader? {
        context.map { Unmanaged<XMLReader>.fromOpaque($0).takeUnretainedValue() }
    }

    private static var handler: xmlSAXHandler {
        var handler = xmlSAXHandler()
        handler.initialized = XML_SAX2_MAGIC
        handler.startElementNs = {
            context, name, prefix, uri, namespaceCount, namespaces, attributeCount, _, attributes in
            XMLReader.from(context)?.startElement(
                SAXTag(
                    name: name, prefix: prefix, uri: uri, namespaceCount: Int(namespaceCount), namespaces: namespaces,
                    attributeCount: Int(attributeCount), attributes: attributes))
        }
        handler.endElementNs = { context, _, _, _ in XMLReader.from(context)?.endElement() }
        let characters: charactersSAXFunc = { context, bytes, count in
            XMLReader.from(context)?.characters(UnsafeBufferPointer(start: bytes, count: Int(count)))
        }
        handler.characters = characters
        handler.ignorableWhitespace = characters
        handler.cdataBlock = characters
        handler.internalSubset = { context, _, _, _ in XMLReader.from(context)?.stop(.documentType) }
        handler.serror = { context, error in
            guard let error = error?.pointee else { return }
            XMLReader.from(context)?.error(level: error.level, code: error.code, line: error.line)
        }
        return handler
    }
}

/// What libxml2 tells about a start tag; its pointers live for the call only.
private struct SAXTag {
    let name: UnsafePointer<UInt8>?
    let prefix: UnsafePointer<UInt8>?
    let uri: UnsafePointer<UInt8>?
    let namespaceCount: Int
    let namespaces: UnsafeMutablePointer<UnsafePointer<UInt8>?>?
    let attributeCount: Int
    let attributes: UnsafeMutablePointer<UnsafePointer<UInt8>?>?

    func element(namespace: String?) -> XMLElement {
        var element = XMLElement(Self.text(name) ?? "", prefix: Self.text(prefix), namespaceURI: namespace)
        if let namespaces {
            element.namespaceDeclarations = (0..<namespaceCount).map { index in
                XMLNamespaceDeclaration(
                    prefix: Self.text(namespaces[2 * index]), uri: Self.text(namespaces[2 * index + 1]) ?? "")
            }
        }
        if let attributes {
            // Five pointers each: name, prefix, namespace, and the value's start and end.
            element.attributes = (0..<attributeCount).map { index in
                let fields = attributes + 5 * index
                return XMLAttribute(
                    Self.text(fields[0]) ?? "", prefix: Self.text(fields[1]), namespaceURI: Self.text(fields[2]),
                    value: Self.text(from: fields[3], to: fields[4]))
            }
        }
        return element
    }

    private static func text(_ pointer: UnsafePointer<UInt8>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    private static func text(from start: UnsafePointer<UInt8>?, to end: UnsafePointer<UInt8>?) -> String {
        guard let start, let end else { return "" }
        return String(decoding: UnsafeBufferPointer(start: start, count: end - start), as: UTF8.self)
    }
}
