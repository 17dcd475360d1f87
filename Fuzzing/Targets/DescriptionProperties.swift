import UPnP

/// What holds for every device description, and for every document: the XML is looked at here.
enum DescriptionProperties {
    /// A document of ours may nest deeper than the one that was read, by the leaves that it left out.
    static let again = DescriptionLimits(xml: XMLLimits(bytes: 8 << 20, depth: 256, text: 8 << 20))

    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        let element: XMLElement
        do {
            element = try XMLElement(parsing: input)
        } catch {
            return try checkPieces(input, .failure(error))
        }
        try checkPieces(input, .success(element))
        try expectSame(
            element, try? XMLElement(parsing: element.serialized().utf8, limits: again.xml), "element")
        guard let root = try? RootDescription(element) else { return }
        guard let second = try? RootDescription(parsing: root.serialized().utf8, limits: again) else {
            throw BrokenProperty("a description that was read is refused when it is written: \(root.serialized())")
        }
        try expectSame(root.device.asWritten, second.device.asWritten, "device")
        try expect(
            root.specVersion == second.specVersion && root.configID == second.configID
                && root.urlBase == second.urlBase, "version, configId and URLBase read back the same")
        let limits = DescriptionLimits()
        let devices = root.device.allDevices
        try expect(devices.count <= limits.devices, "devices are bounded")
        try expect(devices.reduce(0) { $0 + $1.services.count } <= limits.services, "services are bounded")
        try expect(devices.reduce(0) { $0 + $1.icons.count } <= limits.icons, "icons are bounded")
        guard let location = HTTPURL("http://192.0.2.1:8200/device/description.xml") else { return }
        let base = root.base(from: location)
        for service in devices.flatMap(\.services) {
            for reference in [service.scpdURL, service.controlURL, service.eventSubURL] {
                guard let url = base.resolving(reference) else { continue }
                try expectSame(url, HTTPURL(url.description), "URL")
            }
        }
    }

    /// A document means the same however the network cuts it.
    private static func checkPieces(
        _ input: [UInt8], _ whole: Result<XMLElement, XMLError>
    ) throws(BrokenProperty) {
        let size = 1 + Int(input.first ?? 0) % 7 + input.count / 3
        var parser = XMLPushParser()
        var pieces: Result<XMLElement, XMLError>
        do {
            for start in stride(from: 0, to: input.count, by: size) {
                try parser.feed(input[start..<min(start + size, input.count)])
            }
            pieces = .success(try parser.finish())
        } catch {
            pieces = .failure(error)
        }
        try expect(pieces == whole, "in pieces of \(size): \(pieces), as a whole: \(whole)")
    }
}

/// What holds for every service description.
enum SCPDProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        guard let scpd = try? SCPD(parsing: input) else { return }
        try expectSame(
            scpd, try? SCPD(parsing: scpd.serialized().utf8, limits: DescriptionProperties.again), "service")
        let limits = DescriptionLimits()
        try expect(scpd.actions.count <= limits.actions, "actions are bounded")
        try expect(scpd.stateVariables.count <= limits.stateVariables, "state variables are bounded")
        try expect(scpd.actions.allSatisfy { $0.arguments.count <= limits.arguments }, "arguments are bounded")
        for variable in scpd.stateVariables {
            var samples = variable.allowedValues
            if let value = variable.defaultValue { samples.append(value) }
            if let range = variable.allowedRange { samples += [range.minimum, range.maximum, range.step ?? ""] }
            for sample in samples { try check(sample, variable) }
        }
        // Whatever a description says, checking a request against it answers or refuses.
        for action in scpd.actions.prefix(4) {
            let arguments = action.inArguments.map { argument in
                ActionArgument(
                    argument.name, scpd.stateVariable(named: argument.relatedStateVariable)?.defaultValue ?? "1")
            }
            _ = try? ActionRequest(serviceType: "s", action: action.name, arguments: arguments).checked(against: scpd)
        }
    }

    /// A value means the same when it has been sent, in every type that reads it.
    private static func check(_ text: String, _ variable: StateVariable) throws(BrokenProperty) {
        _ = try? variable.value(of: text)
        for type in UPnPDataType.allCases {
            guard let value = UPnPValue(text, as: type) else { continue }
            try expectSame(value, UPnPValue(value.text, as: type), "\(type.rawValue)")
        }
    }
}

extension DeviceDescription {
    /// The device with vendors' elements as they are written, see ``XMLElement/asWritten``.
    fileprivate var asWritten: DeviceDescription {
        var device = self
        device.extensions = extensions.map(\.asWritten)
        device.devices = devices.map(\.asWritten)
        return device
    }
}

extension XMLElement {
    /// The element without what its prefixes stand for, which depends on the document around it.
    var asWritten: XMLElement {
        var element = self
        element.modifyAll { element in
            element.namespaceDeclarations = []
            element.namespaceURI = nil
            for attribute in element.attributes.indices { element.attributes[attribute].namespaceURI = nil }
        }
        return element
    }
}
