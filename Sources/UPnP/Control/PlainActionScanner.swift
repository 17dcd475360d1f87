/// Reads the requests that control points really send without building a tree: an envelope, a body, one action,
/// arguments of plain text.
///
/// It knows a small part of XML and gives up on everything else: comments, CDATA, references, other attributes,
/// bytes that are not ASCII, anything that is not well-formed. What it gives up on is read by libxml2; what
/// it reads means the same there, which is tested with damaged requests.
struct PlainActionScanner {
    private static let largestMessage = 64 * 1024
    private static let mostDeclarations = 8

    private struct Tag {
        var name: Range<Int>
        /// Where the local name begins within `name`.
        var local: Int
        var isEmpty = false
        var declarations: [(prefix: Range<Int>, uri: Range<Int>)] = []
        /// Prefixes of attributes, which have to be declared.
        var attributePrefixes: [Range<Int>] = []
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// The request; nil when it has to be read by the real parser, which then also knows what is wrong with it.
    static func request(in bytes: UnsafeBufferPointer<UInt8>, limits: XMLLimits) -> ActionRequest? {
        let size = bytes.count
        guard size <= largestMessage, limits.bytes >= size, limits.text >= size, limits.markup >= size,
            limits.elements >= size, limits.depth >= 4, limits.attributes >= 2 * mostDeclarations
        else { return nil }
        var scanner = PlainActionScanner(bytes)
        return scanner.message()
    }

    private mutating func message() -> ActionRequest? {
        skipSpace()
        guard skipDeclaration() else { return nil }
        skipSpace()
        guard let envelope = openTag(), !envelope.isEmpty, isText(envelope.local..<envelope.name.upperBound, "Envelope")
        else { return nil }
        skipSpace()
        guard let body = openTag(), !body.isEmpty, isText(body.local..<body.name.upperBound, "Body") else { return nil }
        skipSpace()
        guard let action = openTag() else { return nil }
        let scopes = [action, body, envelope]
        guard let serviceType = namespace(of: action.name.lowerBound..<action.local, in: scopes[...]),
            namespace(of: body.name.lowerBound..<body.local, in: scopes[1...]) != nil,
            namespace(of: envelope.name.lowerBound..<envelope.local, in: scopes[2...]) != nil,
            scopes.indices.allSatisfy({ index in
                scopes[index].attributePrefixes.allSatisfy { namespace(of: $0, in: scopes[index...]) != nil }
            }), !isText(action.local..<action.name.upperBound, "Fault")
        else { return nil }
        var request = ActionRequest(
            serviceType: text(serviceType), action: text(action.local..<action.name.upperBound))
        if !action.isEmpty { guard arguments(of: action, into: &request) else { return nil } }
        skipSpace()
        guard closeTag(body) else { return nil }
        skipSpace()
        guard closeTag(envelope) else { return nil }
        return request
    }

    private mutating func arguments(of action: Tag, into request: inout ActionRequest) -> Bool {
        while true {
            skipSpace()
            if closeTag(action) { return true }
            guard request.arguments.count < ActionRequest.maximumArguments, let tag = openTag(),
                tag.local == tag.name.lowerBound, tag.declarations.isEmpty, tag.attributePrefixes.isEmpty
            else { return false }
            let name = text(tag.name)
            guard !request.arguments.contains(where: { $0.name == name }) else { return false }
            let start = at
            if !tag.isEmpty {
                while at < bytes.count, isPlain(bytes[at]) || bytes[at] == 0x0A || bytes[at] == 0x09 { at += 1 }
            }
            request.arguments.append(ActionArgument(name, text(start..<at)))
            guard tag.isEmpty || closeTag(tag) else { return false }
        }
    }

    /// Nothing, or an XML declaration of version 1.0 and UTF-8.
    private mutating func skipDeclaration() -> Bool {
        guard skip("<?xml ") else { return true }
        guard skip("version=\"1.0\"") || skip("version='1.0'") else { return false }
        if skip(" encoding=\"utf-8\"") || skip(" encoding=\"UTF-8\"") || skip(" encoding='utf-8'") {}
        skipSpace()
        return skip("?>")
    }

    /// A start tag with declarations of namespaces and `encodingStyle` only.
    private mutating func openTag() -> Tag? {
        guard skip("<"), let (name, local) = name() else { return nil }
        var tag = Tag(name: name, local: local)
        var hasStyle = false
        while true {
            let before = at
            skipSpace()
            if skip(">") { return tag }
            if skip("/>") {
                tag.isEmpty = true
                return tag
            }
            guard at > before, let (attribute, local) = self.name(), skip("="), let value = quoted() else { return nil }
            let prefix = attribute.lowerBound..<max(attribute.lowerBound, local - 1)
            if isText(attribute, "xmlns") || isText(prefix, "xmlns") {
                let declared =
                    prefix.isEmpty ? attribute.lowerBound..<attribute.lowerBound : local..<attribute.upperBound
                guard !value.isEmpty, tag.declarations.count < Self.mostDeclarations,
                    !text(declared).lowercased().hasPrefix("xml"),
                    !tag.declarations.contains(where: { isSame($0.prefix, declared) })
                else { return nil }
                tag.declarations.append((declared, value))
            } else {
                guard !prefix.isEmpty, !hasStyle, isText(local..<attribute.upperBound, "encodingStyle") else {
                    return nil
                }
                hasStyle = true
                tag.attributePrefixes.append(attribute.lowerBound..<local)
            }
        }
    }

    private mutating func closeTag(_ tag: Tag) -> Bool {
        let start = at
        if skip("</"), at + tag.name.count <= bytes.count, isSame(at..<at + tag.name.count, tag.name) {
            at += tag.name.count
            skipSpace()
            if skip(">") { return true }
        }
        at = start
        return false
    }

    /// A name with at most one prefix, and where its local part begins.
    private mutating func name() -> (name: Range<Int>, local: Int)? {
        let start = at
        var local = at
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: ":"), local == start, at > start {
                local = at + 1
            } else if !isNameByte(byte, isFirst: at == local) {
                break
            }
            at += 1
        }
        return at > local ? (start..<at, local) : nil
    }

    private mutating func quoted() -> Range<Int>? {
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") || bytes[at] == UInt8(ascii: "'") else { return nil }
        let quote = bytes[at]
        at += 1
        let start = at
        while at < bytes.count, bytes[at] != quote, isPlain(bytes[at]) { at += 1 }
        guard at < bytes.count, bytes[at] == quote else { return nil }
        at += 1
        return start..<at - 1
    }

    /// The namespace of a prefix with its colon, or of none; the innermost scope comes first.
    private func namespace(of prefix: Range<Int>, in scopes: ArraySlice<Tag>) -> Range<Int>? {
        let prefix = prefix.lowerBound..<max(prefix.lowerBound, prefix.upperBound - 1)
        for scope in scopes {
            for declaration in scope.declarations where isSame(declaration.prefix, prefix) { return declaration.uri }
        }
        return nil
    }
}

extension PlainActionScanner {
    private mutating func skipSpace() {
        while at < bytes.count, XMLText.isWhiteSpace(bytes[at]) { at += 1 }
    }

    private mutating func skip(_ text: StaticString) -> Bool {
        let size = text.utf8CodeUnitCount
        guard at + size <= bytes.count, isText(at..<at + size, text) else { return false }
        at += size
        return true
    }

    private func isText(_ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<range.count where bytes[range.lowerBound + index] != text.utf8Start[index] { return false }
        return true
    }

    private func isSame(_ one: Range<Int>, _ other: Range<Int>) -> Bool {
        one.count == other.count
            && (0..<one.count).allSatisfy { bytes[one.lowerBound + $0] == bytes[other.lowerBound + $0] }
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    }

    /// Printable ASCII that stands for itself in text and in attributes.
    private func isPlain(_ byte: UInt8) -> Bool {
        (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "<") && byte != UInt8(ascii: "&")
            && byte != UInt8(ascii: ">")
    }

    private func isNameByte(_ byte: UInt8, isFirst: Bool) -> Bool {
        URLText.isLetter(byte) || byte == UInt8(ascii: "_")
            || !isFirst && (URLText.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "."))
    }
}
