extension SCPD {
    /// Parses a document.
    public init(
        parsing bytes: some Sequence<UInt8>, limits: DescriptionLimits = DescriptionLimits()
    ) throws(DescriptionError) {
        let element: XMLElement
        do { element = try XMLElement(repairing: bytes, limits: limits.xml) } catch { throw .xml(error) }
        try self.init(element, limits: limits)
    }

    /// Reads a document that is parsed already.
    public init(_ element: XMLElement, limits: DescriptionLimits = DescriptionLimits()) throws(DescriptionError) {
        guard element.name == "scpd" else { throw .unexpectedRoot(element.name) }
        let version = element.first("specVersion")
        let actions = element.first("actionList")?.all("action") ?? []
        guard actions.count <= limits.actions else { throw .tooMany("actions", limit: limits.actions) }
        let variables = element.first("serviceStateTable")?.all("stateVariable") ?? []
        guard variables.count <= limits.stateVariables else {
            throw .tooMany("state variables", limit: limits.stateVariables)
        }
        self.init(
            specVersion: SpecVersion(
                major: version?.first("major").flatMap { Int($0.trimmedText) } ?? 1,
                minor: version?.first("minor").flatMap { Int($0.trimmedText) } ?? 0),
            configID: element.attribute("configId").flatMap { Int(XMLText.trimmed($0)) }.flatMap { $0 < 0 ? nil : $0 },
            stateVariables: variables.compactMap(StateVariable.init(reading:)))
        for action in actions {
            if let action = try ActionDescription(reading: action, limits: limits) { self.actions.append(action) }
        }
    }

    /// The document.
    public func serialized() -> String {
        var root = XMLElement("scpd", namespaceURI: Self.namespace)
        if let configID { root.attributes = [XMLAttribute("configId", value: String(configID))] }
        root.children = [
            .parent(
                "specVersion", [.leaf("major", String(specVersion.major)), .leaf("minor", String(specVersion.minor))])
        ]
        if !actions.isEmpty { root.children.append(.parent("actionList", actions.map(\.node))) }
        root.children.append(.parent("serviceStateTable", stateVariables.map(\.node)))
        return root.serialized()
    }
}

extension XMLNode {
    fileprivate static func leaf(_ name: String, _ text: String) -> XMLNode {
        .element(XMLElement(name, namespaceURI: SCPD.namespace, text: text))
    }

    fileprivate static func parent(
        _ name: String, attributes: [XMLAttribute] = [], _ children: [XMLNode]
    ) -> XMLNode {
        .element(XMLElement(name, namespaceURI: SCPD.namespace, attributes: attributes, children: children))
    }
}

extension ActionDescription {
    fileprivate init?(reading element: XMLElement, limits: DescriptionLimits) throws(DescriptionError) {
        guard let name = element.first("name")?.trimmedText, !name.isEmpty else { return nil }
        let list = element.first("argumentList")
        var arguments = list?.all("argument") ?? []
        // Some emulators of switches write an action's only argument right into the list.
        if arguments.isEmpty, let list, list.first("name") != nil { arguments = [list] }
        guard arguments.count <= limits.arguments else { throw .tooMany("arguments", limit: limits.arguments) }
        self.init(name: name, arguments: arguments.compactMap(ArgumentDescription.init(reading:)))
    }

    fileprivate var node: XMLNode {
        var children = [XMLNode.leaf("name", name)]
        if !arguments.isEmpty {
            children.append(.parent("argumentList", arguments.map(\.node)))
        }
        return .parent("action", children)
    }
}

extension ArgumentDescription {
    fileprivate init?(reading element: XMLElement) {
        guard let name = element.first("name")?.trimmedText, !name.isEmpty else { return nil }
        let direction = Direction(rawValue: element.first("direction")?.trimmedText.lowercased() ?? "")
        self.init(
            name: name, direction: direction ?? .in,
            relatedStateVariable: element.first("relatedStateVariable")?.trimmedText ?? "",
            isReturnValue: element.first("retval") != nil)
    }

    fileprivate var node: XMLNode {
        var children = [XMLNode.leaf("name", name), .leaf("direction", direction.rawValue)]
        if isReturnValue { children.append(.parent("retval", [])) }
        children.append(.leaf("relatedStateVariable", relatedStateVariable))
        return .parent("argument", children)
    }
}

extension StateVariable {
    fileprivate init?(reading element: XMLElement) {
        guard let name = element.first("name")?.trimmedText, !name.isEmpty else { return nil }
        let type = element.first("dataType")
        let written = type?.trimmedText ?? ""
        let dataType = UPnPDataType(reading: written)
        // UDA 2.0 §2.5: `sendEvents` is yes and `multicast` is no when they are left out. The first templates of
        // service types had an element where UDA has the attribute.
        let sendEvents = element.attribute("sendEvents") ?? element.first("sendEventsAttribute")?.trimmedText
        self.init(
            name: name, dataType: dataType ?? .string,
            sendEvents: Self.flag(sendEvents) ?? true,
            multicast: Self.flag(element.attribute("multicast")) ?? false,
            defaultValue: element.first("defaultValue")?.trimmedText,
            allowedValues: element.first("allowedValueList")?.all("allowedValue").map(\.trimmedText) ?? [],
            allowedRange: element.first("allowedValueRange").map { range in
                AllowedValueRange(
                    minimum: range.first("minimum")?.trimmedText ?? "",
                    maximum: range.first("maximum")?.trimmedText ?? "",
                    step: range.first("step")?.trimmedText)
            },
            extendedType: type?.attribute("type").map(XMLText.trimmed),
            misspelledType: dataType?.rawValue == written ? nil : written)
    }

    private static func flag(_ text: String?) -> Bool? {
        guard let text else { return nil }
        if case .boolean(let value)? = UPnPValue(text, as: .boolean) { return value }
        return nil
    }

    fileprivate var node: XMLNode {
        let attributes = [
            XMLAttribute("sendEvents", value: sendEvents ? "yes" : "no"),
            XMLAttribute("multicast", value: multicast ? "yes" : "no"),
        ]
        let type = XMLElement(
            "dataType", namespaceURI: SCPD.namespace,
            attributes: extendedType.map { [XMLAttribute("type", value: $0)] } ?? [],
            children: [.text(dataType.rawValue)])
        var children = [XMLNode.leaf("name", name), .element(type)]
        if let defaultValue { children.append(.leaf("defaultValue", defaultValue)) }
        if !allowedValues.isEmpty {
            children.append(.parent("allowedValueList", allowedValues.map { .leaf("allowedValue", $0) }))
        }
        if let allowedRange {
            var range = [
                XMLNode.leaf("minimum", allowedRange.minimum), .leaf("maximum", allowedRange.maximum),
            ]
            if let step = allowedRange.step { range.append(.leaf("step", step)) }
            children.append(.parent("allowedValueRange", range))
        }
        return .parent("stateVariable", attributes: attributes, children)
    }
}
