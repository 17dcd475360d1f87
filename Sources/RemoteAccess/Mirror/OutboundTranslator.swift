package import UPnP

/// Why a document of the home's was not let out.
package enum TranslationError: Error, Hashable {
    /// An address of the home was left after translation. It is not in the message, which may leave.
    case addressLeak(AddressLeak.Form)
    /// The document is not what it should be.
    case unreadable(String)
}

extension TranslationError: CustomStringConvertible {
    /// What happened and what to do.
    package var description: String {
        switch self {
        case .addressLeak(let form):
            "a home address (\(form.rawValue)) was left in the answer, which was therefore not sent: report the device"
        case .unreadable(let reason): "the device's answer could not be translated: \(reason)"
        }
    }
}

/// Translates what the home says: home URLs become sealed ones, and home addresses are blanked.
///
/// Documents are translated by structure: parsed, walked, and written anew, and so are the documents that
/// are escaped inside them. What looks like XML and does not parse is scanned as text, with an eye for
/// character references (``TextTranslator``).
package struct OutboundTranslator: Sendable {
    let context: TranslationContext
    private let texts: TextTranslator

    /// Translates for one subject, device and authority.
    package init(_ context: TranslationContext) {
        self.context = context
        self.texts = TextTranslator(context)
    }

    // MARK: - Messages

    /// The answer to an action, each value translated.
    package func response(_ response: ActionResponse) -> ActionResponse {
        var response = response
        for index in response.arguments.indices {
            response.arguments[index].value = value(response.arguments[index].value)
        }
        return response
    }

    /// A fault, its description translated.
    package func fault(_ fault: UPnPFault) -> UPnPFault {
        UPnPFault(fault.code, description: value(fault.description))
    }

    /// An event's properties, each value translated.
    package func propertySet(_ set: PropertySet) -> PropertySet {
        PropertySet(set.properties.map { EventProperty($0.name, value($0.value)) })
    }

    /// Throws ``TranslationError/addressLeak(_:)`` when a home address is left in what is about to leave:
    /// the last line of defence for control-class bodies.
    package func checked(_ document: String) throws(TranslationError) -> String {
        if let leak = context.leakScanner.firstLeak(in: document.utf8) { throw .addressLeak(leak.form) }
        return document
    }

    // MARK: - Values

    /// A value translated: a URL, text with URLs in it, or a document, escaped however often.
    package func value(_ text: String) -> String { value(text, depth: 0) }

    private func value(_ text: String, depth: Int) -> String {
        guard TextHints.needsLook(text) else { return text }
        guard text.utf8.count <= context.limits.documentBytes else { return "" }
        let isXML = XMLFragment.isLikely(text)
        let isOverEscaped = !isXML && OverEscaped.isLikely(text)
        if isXML || isOverEscaped {
            guard depth < context.limits.nesting else { return "" }
            if isXML, var fragment = XMLFragment(text, limits: context.limits.xml) {
                walk(&fragment.root, depth: depth + 1)
                return fragment.serialized()
            }
            if isOverEscaped, let inner = OverEscaped.unescaped(text, limits: context.limits.xml) {
                return XMLElement.escaped(value(inner, depth: depth + 1))
            }
        }
        return texts.translated(text, isEscapedXML: isXML || isOverEscaped)
    }

    /// Translates every attribute and text below an element, and the element's own.
    func walk(_ element: inout XMLElement, depth: Int = 0) {
        walkAttributes(of: &element, depth: depth)
        guard !element.children.isEmpty else { return }
        var kept: [XMLNode] = []
        kept.reserveCapacity(element.children.count)
        for child in element.children {
            switch child {
            case .text(let text):
                kept.append(TextHints.needsLook(text) ? .text(value(text, depth: depth)) : child)
            case .element(var inner):
                let hadText = inner.name == "res" && !inner.trimmedText.isEmpty
                walk(&inner, depth: depth)
                // A player must not choose a resource whose URL could not be translated.
                if hadText, inner.trimmedText.isEmpty { continue }
                kept.append(.element(inner))
            }
        }
        element.children = kept
    }

    /// Translates an element's own attributes.
    func walkAttributes(of element: inout XMLElement, depth: Int = 0) {
        for index in element.attributes.indices {
            let attribute = element.attributes[index]
            // Where a schema stands is a name, not something a player fetches.
            if attribute.namespaceURI == "http://www.w3.org/2001/XMLSchema-instance",
                !context.leakScanner.finds(in: attribute.value)
            {
                continue
            }
            guard TextHints.needsLook(attribute.value) else { continue }
            element.attributes[index].value = value(attribute.value, depth: depth)
        }
    }
}
