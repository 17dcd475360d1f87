package import UPnP

/// Why a message from the away side was refused: it names something that was not issued to its sender.
package struct RefusedURL: Error, Hashable {
    /// What is wrong with the URI.
    package enum Reason: String, Hashable, Sendable {
        /// A local path whose token this gateway did not issue to this subject, or for another purpose.
        case notIssued
        /// A home, private, loopback or link-local address, or a name that is none of the public DNS.
        case localAddress
        /// An internet URL where policy allows none.
        case publicNotAllowed
        /// A scheme that is never translated, such as `rtsp` or `file`.
        case scheme
        /// Something that some reader could take for a URI and that no strict one can read.
        case unreadable
        /// The value is larger, or nested deeper, than is looked through.
        case tooLarge
    }

    /// The argument that holds the URI.
    package var argument: String
    /// What is wrong with it.
    package var reason: Reason

    /// Makes a refusal.
    package init(argument: String, reason: Reason) {
        self.argument = argument
        self.reason = reason
    }
}

extension RefusedURL: CustomStringConvertible {
    /// What happened and what to do; the URI itself is not repeated.
    package var description: String {
        let what =
            switch reason {
            case .notIssued: "a URL that this gateway did not issue to this client"
            case .localAddress: "an address or name of a local network"
            case .publicNotAllowed: "an internet URL, which policy does not allow"
            case .scheme: "a URI of a scheme that is not supported; use http"
            case .unreadable: "a URI that cannot be read safely"
            case .tooLarge: "more than can be checked"
            }
        return "the argument \(argument) holds \(what); use the URLs of the mirrored devices"
    }
}

/// Translates what the away side says: sealed URLs become the home URLs that they stand for, and any
/// other URI is refused.
///
/// A URL is trusted only because its token opens for this subject, never because of its host and never
/// because a device repeated it. The reading is lax and the judgement strict: whatever any reader could
/// take for a URI must be one that a strict reader takes for one that is allowed.
package struct InboundTranslator: Sendable {
    private let context: TranslationContext

    /// Translates for one subject and device.
    package init(_ context: TranslationContext) {
        self.context = context
    }

    /// The call with its arguments translated; throws when an argument holds a URI that is not allowed.
    package func request(_ request: ActionRequest) throws(RefusedURL) -> ActionRequest {
        var request = request
        for index in request.arguments.indices {
            let argument = request.arguments[index]
            request.arguments[index].value = try value(argument.value, of: argument.name)
        }
        return request
    }

    /// One argument's value translated.
    package func value(_ text: String, of argument: String) throws(RefusedURL) -> String {
        guard text.utf8.count <= context.limits.documentBytes else {
            throw RefusedURL(argument: argument, reason: .tooLarge)
        }
        do {
            return try value(text, field: argument, depth: 0)
        } catch {
            throw RefusedURL(argument: argument, reason: error.reason)
        }
    }

    // MARK: - Structure

    private func value(_ text: String, field: String, depth: Int) throws(URIRefusal) -> String {
        let isField = URIField.isURI(field)
        guard isField || TextHints.needsLook(text) || text.utf8.contains(where: { $0 < 0x20 }) else { return text }
        let judge = URIJudge(context)
        guard XMLFragment.isLikely(text) else {
            if OverEscaped.isLikely(text) {
                guard depth < context.limits.nesting,
                    let inner = OverEscaped.unescaped(text, limits: context.limits.xml)
                else { return try judge.text(text, isEscapedXML: true) }
                return XMLElement.escaped(try value(inner, field: "", depth: depth + 1))
            }
            return isField ? try judge.field(text) : try judge.text(text, isEscapedXML: false)
        }
        guard depth < context.limits.nesting else { throw URIRefusal(.tooLarge) }
        guard var fragment = XMLFragment(text, limits: context.limits.xml) else {
            return try judge.text(text, isEscapedXML: true)
        }
        try walk(&fragment.root, depth: depth + 1)
        return fragment.serialized()
    }

    private func walk(_ element: inout XMLElement, depth: Int) throws(URIRefusal) {
        let judge = URIJudge(context)
        for declaration in element.namespaceDeclarations { try judge.name(declaration.uri) }
        for index in element.attributes.indices {
            let attribute = element.attributes[index]
            if attribute.namespaceURI == "http://www.w3.org/2001/XMLSchema-instance" {
                try judge.name(attribute.value)
                continue
            }
            element.attributes[index].value = try value(attribute.value, field: attribute.name, depth: depth)
        }
        // Text that other elements interrupt is one value to whoever reads the element's content.
        let isLeaf = element.children.allSatisfy { if case .text = $0 { true } else { false } }
        if !isLeaf, URIField.isURI(element.name), !element.trimmedText.isEmpty { throw URIRefusal(.unreadable) }
        for index in element.children.indices {
            switch element.children[index] {
            case .text(let text):
                let field = isLeaf ? element.name : ""
                element.children[index] = .text(try value(text, field: field, depth: depth))
            case .element(var child):
                try walk(&child, depth: depth)
                element.children[index] = .element(child)
            }
        }
    }
}

/// A refusal before it is known which argument it concerns.
struct URIRefusal: Error, Equatable {
    var reason: RefusedURL.Reason

    init(_ reason: RefusedURL.Reason) { self.reason = reason }
}

/// Which arguments, elements and attributes hold a URI and nothing else.
enum URIField {
    static func isURI(_ name: String) -> Bool {
        let name = name.lowercased()
        if name.hasSuffix("metadata") { return false }
        return name == "res" || name.hasSuffix("uri") || name.hasSuffix("url") || name.hasSuffix("uris")
            || name.hasSuffix("urls") || name.hasSuffix("location")
    }
}
