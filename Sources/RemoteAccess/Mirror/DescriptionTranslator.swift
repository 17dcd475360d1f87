package import UPnP

/// What of a description the subject may see.
package struct DescriptionFilter: Sendable {
    /// Whether presentation pages are reachable.
    package var allowsPresentation: Bool
    /// Whether a device of this type (root or embedded) is described.
    package var includesDevice: @Sendable (_ deviceType: String) -> Bool
    /// Whether a service of this type is described.
    package var includesService: @Sendable (_ serviceType: String) -> Bool

    /// By default everything but presentation pages is described.
    package init(
        allowsPresentation: Bool = false,
        includesDevice: @escaping @Sendable (String) -> Bool = { _ in true },
        includesService: @escaping @Sendable (String) -> Bool = { _ in true }
    ) {
        self.allowsPresentation = allowsPresentation
        self.includesDevice = includesDevice
        self.includesService = includesService
    }
}

extension OutboundTranslator {
    /// A device description as the away side may see it, as text that is ready to serve.
    ///
    /// The URLs of services and icons become absolute paths on the away client; `URLBase` goes. A service
    /// whose control or SCPD URL is not on the device itself is left out, and so is an icon of nobody's.
    /// Throws ``TranslationError/addressLeak(_:)`` when an address is left.
    package func description(
        _ description: RootDescription, from location: HTTPURL, filter: DescriptionFilter = .init()
    ) throws(TranslationError) -> String {
        var root = description.element
        let declared = description.base(from: location)
        let isOwn = declared.endpoint.flatMap { context.home.owner(of: $0, speaking: context.udn) } == context.udn
        let rewriter = DescriptionRewriter(
            translator: self, base: isOwn ? declared : location, filter: filter)
        rewriter.rewrite(&root)
        return try checked(root.serialized())
    }

    /// A service description with the actions that may be seen: default and allowed values that carry URLs or
    /// addresses translated.
    package func serviceDescription(
        _ document: XMLElement, includesAction: (String) -> Bool = { _ in true }
    ) throws(TranslationError) -> String {
        guard document.name == "scpd" else { throw .unreadable("the root element is <\(document.name)>, not <scpd>") }
        var document = document
        document.keepActions(where: includesAction)
        walk(&document)
        return try checked(document.serialized())
    }
}

private struct DescriptionRewriter {
    let translator: OutboundTranslator
    let base: HTTPURL
    let filter: DescriptionFilter

    func rewrite(_ element: inout XMLElement) {
        translator.walkAttributes(of: &element)
        element.children = element.children.compactMap { node in
            switch node {
            case .text(let text): .text(translator.value(text))
            case .element(let child): rewritten(child).map(XMLNode.element)
            }
        }
    }

    private func rewritten(_ element: XMLElement) -> XMLElement? {
        var element = element
        switch element.name {
        case "URLBase":
            return nil
        case "presentationURL":
            return filter.allowsPresentation ? issued(element, as: .media) : nil
        case "icon" where element.first("url") != nil:
            guard let url = element.first("url").flatMap({ issued($0, as: .media) }) else { return nil }
            rewrite(&element)
            replace("url", with: url, in: &element)
            return element
        case "service" where element.first("serviceType") != nil:
            return service(element)
        case "device":
            guard filter.includesDevice(element.first("deviceType")?.trimmedText ?? "") else { return nil }
        default: break
        }
        let wasList = ["iconList", "serviceList", "deviceList"].contains(element.name) && !element.elements.isEmpty
        rewrite(&element)
        // An empty list would not be valid, UDA 2.0 §2.3.
        return wasList && element.elements.isEmpty ? nil : element
    }

    private func service(_ element: XMLElement) -> XMLElement? {
        guard filter.includesService(element.first("serviceType")?.trimmedText ?? "") else { return nil }
        var result = element
        rewrite(&result)
        for (name, kind) in [
            ("SCPDURL", ResourceKind.serviceDescription), ("controlURL", .control), ("eventSubURL", .event),
        ] {
            guard var url = element.first(name), !url.trimmedText.isEmpty else { continue }
            if let own = issued(url, as: kind) {
                url = own
            } else if kind == .event {
                // No eventing is a thing that a service may have; no control is not.
                url.children = []
            } else {
                return nil
            }
            replace(name, with: url, in: &result)
        }
        return result
    }

    /// The element with the path for its URL, or nil when the URL is not one of the device's own.
    private func issued(_ element: XMLElement, as kind: ResourceKind) -> XMLElement? {
        let text = element.trimmedText
        guard !text.isEmpty, let url = base.resolving(text) ?? base.resolving(PercentCoding.encodingIllegal(text)),
            let endpoint = url.endpoint,
            kind == .media
                || translator.context.home.owner(of: endpoint, speaking: translator.context.udn)
                    == translator.context.udn,
            let path = translator.context.issuePath(url, as: kind)
        else { return nil }
        var element = element
        element.attributes = []
        element.children = [.text(path.description)]
        return element
    }

    private func replace(_ name: String, with replacement: XMLElement, in element: inout XMLElement) {
        for index in element.children.indices {
            if case .element(let child) = element.children[index], child.name == name {
                element.children[index] = .element(replacement)
            }
        }
    }
}
