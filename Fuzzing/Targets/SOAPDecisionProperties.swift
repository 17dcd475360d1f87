import UPnP

/// What holds for every call that a gateway decides about: what is forwarded is what was decided on, for our own parser
/// and for one of another kind.
enum SOAPDecisionProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        guard let decided = try? ActionRequest(parsing: input) else { return }
        let forwarded = decided.serialized()
        let names = decided.arguments.map(\.name)
        try expect(Set(names).count == names.count, "no argument is there twice: \(names)")
        try expectSame(decided, try? ActionRequest(parsing: forwarded.utf8, limits: limits), "our parser")
        var reader = PlainEnvelopeReader(forwarded)
        guard let read = reader.request() else {
            throw BrokenProperty("a strict reader cannot read what is forwarded: \(forwarded)")
        }
        try expect(read == decided, "a strict reader reads \(read) where \(decided) was decided on")
    }

    private static let limits = DescriptionProperties.again.xml
}

/// Reads the message of an action and nothing else, character by character: no comments, no CDATA, no instructions, no
/// entities but the five of XML and references to characters. It shares nothing with the parsers that are tested.
struct PlainEnvelopeReader {
    private struct Tag {
        var name = ""
        var attributes: [String: String] = [:]
        var isEmpty = false
    }

    private let text: [Unicode.Scalar]
    private var at = 0

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    mutating func request() -> ActionRequest? {
        if skip("<?xml ") {
            while at < text.count, !skip("?>") { at += 1 }
            skipSpace()
        }
        guard let envelope = open(), envelope.name.hasSuffix(":Envelope"), let body = open(),
            body.name.hasSuffix(":Body"), let action = open()
        else { return nil }
        let parts = action.name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let type = action.attributes["xmlns:\(parts[0])"] else { return nil }
        var request = ActionRequest(serviceType: type, action: String(parts[1]))
        if !action.isEmpty {
            while !skip("</\(action.name)>") {
                guard let tag = open(), tag.attributes.isEmpty else { return nil }
                var value = ""
                if !tag.isEmpty {
                    guard let read = characters(until: "<"), skip("</\(tag.name)>") else { return nil }
                    value = read
                }
                request.arguments.append(ActionArgument(tag.name, value))
            }
        }
        guard skip("</\(body.name)>"), skip("</\(envelope.name)>") else { return nil }
        skipSpace()
        return at == text.count ? request : nil
    }

    private mutating func open() -> Tag? {
        guard skip("<"), at < text.count, text[at] != "/", text[at] != "!", text[at] != "?" else { return nil }
        var tag = Tag(name: word())
        while true {
            skipSpace()
            if skip(">") { return tag }
            if skip("/>") {
                tag.isEmpty = true
                return tag
            }
            let name = word()
            guard !name.isEmpty, skip("=\""), let value = characters(until: "\""), skip("\""),
                tag.attributes.updateValue(value, forKey: name) == nil
            else { return nil }
        }
    }

    private mutating func word() -> String {
        var word = String.UnicodeScalarView()
        while at < text.count, !" \t\r\n=/><\"&".unicodeScalars.contains(text[at]) {
            word.append(text[at])
            at += 1
        }
        return String(word)
    }

    private mutating func characters(until end: Unicode.Scalar) -> String? {
        var value = String.UnicodeScalarView()
        while at < text.count, text[at] != end {
            // A parser would read another character for these: XML 1.0 §2.11, §3.3.3.
            if text[at] == "\r" || (end == "\"" && (text[at] == "\n" || text[at] == "\t")) || text[at] == "<" {
                return nil
            }
            guard text[at] == "&" else {
                value.append(text[at])
                at += 1
                continue
            }
            at += 1
            guard let close = text[at...].prefix(12).firstIndex(of: ";") else { return nil }
            let name = String(String.UnicodeScalarView(text[at..<close]))
            guard let scalar = Self.reference(name) else { return nil }
            value.append(scalar)
            at = close + 1
        }
        return at < text.count ? String(value) : nil
    }

    private static func reference(_ name: String) -> Unicode.Scalar? {
        switch name {
        case "amp": "&"
        case "lt": "<"
        case "gt": ">"
        case "quot": "\""
        case "apos": "'"
        default:
            if name.hasPrefix("#x") {
                UInt32(name.dropFirst(2), radix: 16).flatMap(Unicode.Scalar.init)
            } else if name.hasPrefix("#") {
                UInt32(name.dropFirst()).flatMap(Unicode.Scalar.init)
            } else {
                nil
            }
        }
    }

    private mutating func skip(_ word: String) -> Bool {
        let word = Array(word.unicodeScalars)
        guard at + word.count <= text.count, text[at..<at + word.count].elementsEqual(word) else { return false }
        at += word.count
        return true
    }

    private mutating func skipSpace() {
        while at < text.count, " \t\r\n".unicodeScalars.contains(text[at]) { at += 1 }
    }
}
