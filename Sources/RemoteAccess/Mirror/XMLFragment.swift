import UPnP

/// XML inside a value: one document or a few elements in a row, as `Result`, `CurrentURIMetaData` and
/// `LastChange` carry it.
struct XMLFragment {
    private static let wrapper = "latchkey-fragment"

    /// A declaration where there was one: what is written is UTF-8, whatever the old one said.
    private let declaration: String
    /// A made-up element around the content, so that text beside the first element is not lost.
    var root: XMLElement

    /// Whether a value is meant as XML: the first character that is not a space is `<`, and what follows
    /// starts a tag.
    static func isLikely(_ text: some StringProtocol) -> Bool {
        let start = text.utf8.drop(while: \.isASCIISpace)
        guard start.first == UInt8(ascii: "<"), let next = start.dropFirst().first else { return false }
        return next.isASCIILetter || next == UInt8(ascii: "?") || next == UInt8(ascii: "!")
            || next == UInt8(ascii: "_") || next >= 0x80
    }

    /// Parses a value; nil when it is not well-formed, has a DOCTYPE or exceeds the limits.
    init?(_ text: String, limits: XMLLimits) {
        let name = Self.wrapper
        var body = Array(text.utf8)[...].drop(while: \.isASCIISpace)
        let isDeclared = body.starts(with: "<?xml ".utf8)
        if isDeclared { body = body.drop { $0 != UInt8(ascii: ">") }.dropFirst() }
        declaration = isDeclared ? "<?xml version=\"1.0\" encoding=\"utf-8\"?>" : ""
        // A value that closes the wrapper itself would hide what follows from the parser.
        guard body.count <= limits.bytes, !body.holds(Array(name.utf8)) else { return nil }
        var parser = XMLPushParser(limits: limits)
        do {
            try parser.feed("<\(name)>".utf8)
            try parser.feed(body)
            try parser.feed("</\(name)>".utf8)
            root = try parser.finish()
        } catch {
            return nil
        }
        guard root.name == name else { return nil }
    }

    /// The content, written strictly.
    func serialized() -> String { declaration + root.innerSerialized }
}

extension ArraySlice<UInt8> {
    /// Whether `needle` stands somewhere in the bytes.
    func holds(_ needle: [UInt8]) -> Bool {
        guard let first = needle.first else { return true }
        var rest = self
        while let start = rest.firstIndex(of: first) {
            rest = rest[start...]
            if rest.starts(with: needle) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}

/// Text that is still escaped once too often: `&lt;DIDL-Lite …`.
enum OverEscaped {
    static func isLikely(_ text: some StringProtocol) -> Bool {
        text.utf8.drop(while: \.isASCIISpace).starts(with: "&lt;".utf8)
    }

    /// One layer of escapes taken off, by the parser; nil when it is not text.
    static func unescaped(_ text: String, limits: XMLLimits) -> String? {
        guard let fragment = XMLFragment(text, limits: limits), fragment.root.elements.isEmpty else { return nil }
        return fragment.root.text
    }
}
