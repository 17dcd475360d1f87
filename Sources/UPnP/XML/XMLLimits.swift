/// What a document from the network may cost before it is refused.
public struct XMLLimits: Hashable, Sendable {
    /// Bytes that are read, at most.
    public var bytes: Int
    /// How deep elements may nest; the root is at depth 1. Values above 256 count as 256.
    public var depth: Int
    /// Attributes and namespace declarations of one element, together. Twice as many namespace
    /// declarations may be in scope at any place.
    public var attributes: Int
    /// Elements in the document.
    public var elements: Int
    /// Bytes of text and attribute values in the document, as UTF-8.
    public var text: Int
    /// Bytes of one tag, comment or processing instruction.
    ///
    /// libxml2 compares each attribute of a tag with all the others before it reports any, so that an
    /// unlimited tag costs quadratic time.
    public var markup: Int

    /// Makes limits; the defaults are those of upnp.md §4.2 rule 10 and hold for any UPnP document.
    public init(
        bytes: Int = 1 << 20, depth: Int = 64, attributes: Int = 128, elements: Int = 100_000,
        text: Int = 1 << 20, markup: Int = 64 << 10
    ) {
        self.bytes = bytes
        self.depth = depth
        self.attributes = attributes
        self.elements = elements
        self.text = text
        self.markup = markup
    }
}

/// Why a document was refused.
public enum XMLError: Error, Hashable, Sendable {
    /// Nothing but white space, or nothing at all.
    case empty
    /// The first character is not `<`.
    case notXML
    /// The document ends before its root element does.
    case truncated
    /// A DOCTYPE, which is never read: it is where entities are declared.
    case documentType
    /// A character that XML 1.0 forbids, such as NUL, before the root element ended.
    case forbiddenCharacter
    /// Not well-formed; libxml2's error number (`xmlParserErrors`) and the line it was found in.
    case malformed(code: Int, line: Int)
    /// More than a limit of ``XMLLimits`` allows.
    case limit(Limit)

    /// A limit of ``XMLLimits``.
    public enum Limit: String, Hashable, Sendable {
        /// ``XMLLimits/bytes``.
        case bytes
        /// ``XMLLimits/depth``.
        case depth
        /// ``XMLLimits/attributes``.
        case attributes
        /// ``XMLLimits/elements``.
        case elements
        /// ``XMLLimits/text``.
        case text
        /// ``XMLLimits/markup``.
        case markup
    }
}

extension XMLError: CustomStringConvertible {
    /// What happened, in a sentence.
    public var description: String {
        switch self {
        case .empty: "The document is empty."
        case .notXML: "The document does not start with `<`: this is not XML."
        case .truncated: "The document ends before its root element does; it may have been cut off on the way."
        case .documentType: "The document has a DOCTYPE, which UPnP documents must not have."
        case .forbiddenCharacter: "The document holds a character that XML 1.0 forbids."
        case .malformed(let code, let line):
            "The document is not well-formed XML (libxml2 error \(code), line \(line))."
        case .limit(let limit): "The document exceeds the limit on \(limit.rawValue)."
        }
    }
}
