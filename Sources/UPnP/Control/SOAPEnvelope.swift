/// The SOAP 1.1 envelope, as far as UPnP uses it (UDA 2.0 §3.1).
enum SOAPEnvelope {
    static let namespace = "http://schemas.xmlsoap.org/soap/envelope/"
    static let encoding = "http://schemas.xmlsoap.org/soap/encoding/"

    /// The one element in the envelope's body. Headers are ignored, namespaces of the envelope not compared.
    static func content(of body: some Sequence<UInt8>, limits: XMLLimits) throws(ControlError) -> XMLElement {
        let envelope: XMLElement
        do { envelope = try XMLElement(parsing: body, limits: limits) } catch { throw .xml(error) }
        let bodies = envelope.all("Body")
        guard envelope.name == "Envelope", bodies.count == 1, bodies[0].elements.count == 1 else {
            throw .notAnEnvelope
        }
        return bodies[0].elements[0]
    }

    /// The arguments in an action's element.
    ///
    /// A request is read strictly. In a response a value with elements in it is taken for one that the
    /// device forgot to escape.
    static func arguments(of action: XMLElement, isRequest: Bool) throws(ControlError) -> [ActionArgument] {
        var names: Set<String> = []
        var arguments: [ActionArgument] = []
        for element in action.elements {
            guard arguments.count < ActionRequest.maximumArguments else { throw .tooManyArguments }
            guard names.insert(element.name).inserted else { throw .duplicateArgument(element.name) }
            let isPlain = element.elements.isEmpty
            guard isPlain || !isRequest else { throw .structuredArgument(element.name) }
            arguments.append(ActionArgument(element.name, isPlain ? element.text : element.innerSerialized))
        }
        return arguments
    }

    /// The UPnP fault in a body's element; nil when it is no fault, or a fault of another kind.
    static func fault(in element: XMLElement) -> UPnPFault? {
        guard element.name == "Fault" else { return nil }
        let error = element.first("detail")?.first("UPnPError") ?? element.first("Detail")?.first("UPnPError")
        guard let code = error?.first("errorCode").flatMap({ Int($0.trimmedText) }) else { return nil }
        return UPnPFault(UPnPErrorCode(rawValue: code), description: error?.first("errorDescription")?.trimmedText)
    }

    /// An action or its response.
    static func action(_ name: String, serviceType: String, arguments: [ActionArgument]) -> XMLElement {
        XMLElement(
            name, prefix: "u", namespaceURI: serviceType,
            namespaceDeclarations: [XMLNamespaceDeclaration(prefix: "u", uri: serviceType)],
            children: arguments.map { .element(XMLElement($0.name, text: $0.value)) })
    }

    /// The message with an action or its response: what ``serialized(_:)`` makes of ``action(_:serviceType:arguments:)``,
    /// without the tree, because this is the message that there is most of.
    static func serializedAction(_ name: String, serviceType: String, arguments: [ActionArgument]) -> String {
        let tag = XMLText.name(name)
        var output: [UInt8] = []
        output.reserveCapacity(512)
        output +=
            """
            <?xml version="1.0" encoding="utf-8"?>
            <s:Envelope xmlns:s="\(namespace)" s:encodingStyle="\(encoding)"><s:Body><u:
            """.utf8
        output += tag.utf8
        if !serviceType.isEmpty {
            output += " xmlns:u=\"".utf8
            XMLText.escape(serviceType, attribute: true, into: &output)
            output.append(UInt8(ascii: "\""))
        }
        if arguments.isEmpty {
            output += "/>".utf8
        } else {
            output.append(UInt8(ascii: ">"))
            for argument in arguments { append(argument, to: &output) }
            output += "</u:".utf8
            output += tag.utf8
            output.append(UInt8(ascii: ">"))
        }
        output += "</s:Body></s:Envelope>".utf8
        return String(decoding: output, as: UTF8.self)
    }

    private static func append(_ argument: ActionArgument, to output: inout [UInt8]) {
        let tag = XMLText.name(argument.name)
        output.append(UInt8(ascii: "<"))
        output += tag.utf8
        if argument.value.isEmpty {
            output += "/>".utf8
        } else {
            output.append(UInt8(ascii: ">"))
            XMLText.escape(argument.value, attribute: false, into: &output)
            output += "</".utf8
            output += tag.utf8
            output.append(UInt8(ascii: ">"))
        }
    }

    static func serialized(_ content: XMLElement) -> String {
        XMLElement(
            "Envelope", prefix: "s", namespaceURI: namespace,
            attributes: [
                XMLAttribute("encodingStyle", prefix: "s", namespaceURI: namespace, value: encoding)
            ],
            children: [
                .element(XMLElement("Body", prefix: "s", namespaceURI: namespace, children: [.element(content)]))
            ]
        ).serialized()
    }
}
