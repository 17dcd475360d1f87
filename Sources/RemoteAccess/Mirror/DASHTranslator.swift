import UPnP

/// Translates a DASH manifest whose segments are listed or are one file (ISO/IEC 23009-1 §5.3.9).
///
/// `BaseURL` is inherited: each reference is resolved against the bases above it and sealed by itself, and
/// a base stays only where it is itself what is fetched. Templates are refused, because a sealed URL has no
/// part that could be filled in.
struct DASHTranslator {
    private static let references: Set<String> = [
        "media", "index", "sourceURL", "initialization", "bitstreamSwitching", "href",
    ]

    private let playlist: PlaylistTranslator
    private let values: OutboundTranslator

    init(_ playlist: PlaylistTranslator) {
        self.playlist = playlist
        self.values = OutboundTranslator(playlist.context)
    }

    func translated(_ bytes: [UInt8]) throws(PlaylistError) -> String {
        var document: XMLElement
        do { document = try XMLElement(parsing: bytes, limits: playlist.context.limits.xml) } catch {
            throw .unreadable
        }
        guard document.name == "MPD" else { throw .unreadable }
        try rewrite(&document, base: playlist.documentURL)
        return document.serialized()
    }

    private func rewrite(_ element: inout XMLElement, base: HTTPURL) throws(PlaylistError) {
        guard element.name != "SegmentTemplate" else { throw .template }
        var base = base
        if let own = element.first("BaseURL") {
            guard let resolved = base.resolving(own.trimmedText) else { throw .unreadable }
            base = resolved
        }
        for index in element.attributes.indices {
            let attribute = element.attributes[index]
            element.attributes[index].value =
                Self.references.contains(attribute.name)
                ? playlist.reference(attribute.value, base: base) ?? "" : values.value(attribute.value)
        }
        let isOneFile = element.name == "Representation" && element.first("SegmentList") == nil
        var kept: [XMLNode] = []
        for child in element.children {
            switch child {
            case .text(let text):
                kept.append(
                    .text(element.name == "Location" ? playlist.reference(text, base: base) ?? "" : values.value(text)))
            case .element(var inner) where inner.name == "BaseURL":
                guard isOneFile, let issued = playlist.reference(base.description) else { continue }
                inner.children = [.text(issued)]
                kept.append(.element(inner))
            case .element(var inner):
                try rewrite(&inner, base: base)
                kept.append(.element(inner))
            }
        }
        if isOneFile, element.first("BaseURL") == nil, let issued = playlist.reference(base.description) {
            let inherited = XMLElement(
                "BaseURL", prefix: element.prefix, namespaceURI: element.namespaceURI, text: issued)
            kept.insert(.element(inherited), at: 0)
        }
        element.children = kept
    }
}
