/// A named value of an action's request or response.
public struct ActionArgument: Hashable, Sendable {
    /// The argument's name.
    public var name: String
    /// The value as text, unescaped, white space kept.
    public var value: String

    /// Makes an argument.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A call of an action (UDA 2.0 §3.2.1).
public struct ActionRequest: Hashable, Sendable {
    /// The most arguments that are read.
    public static let maximumArguments = 256
    /// The longest `SOAPACTION` header that is read, in bytes (upnp.md §4.2 rule 14).
    public static let maximumSOAPActionLength = 256

    /// The service's type with its version, which is the action's namespace.
    public var serviceType: String
    /// The action's name.
    public var action: String
    /// The arguments, in the order of the service's description.
    public var arguments: [ActionArgument]

    /// Makes a request.
    public init(serviceType: String, action: String, arguments: [ActionArgument] = []) {
        self.serviceType = serviceType
        self.action = action
        self.arguments = arguments
    }

    /// Parses a SOAP message; strict about one element in the body, each argument once, and no elements
    /// within arguments, so that what was decided about is what is sent on.
    public init(parsing body: some Sequence<UInt8>, limits: XMLLimits = XMLLimits()) throws(ControlError) {
        let plain = body.withContiguousStorageIfAvailable { PlainActionScanner.request(in: $0, limits: limits) }
        if let plain = plain ?? nil {
            self = plain
            return
        }
        let content = try SOAPEnvelope.content(of: body, limits: limits)
        guard content.name != "Fault" else { throw .unexpectedFault }
        guard let serviceType = content.namespaceURI, !serviceType.isEmpty else { throw .missingServiceType }
        self.init(
            serviceType: serviceType, action: content.name,
            arguments: try SOAPEnvelope.arguments(of: content, isRequest: true))
    }

    /// Parses a SOAP message and compares it with the `SOAPACTION` header, with or without quotes.
    public init(
        parsing body: some Sequence<UInt8>, soapActionHeader: String, limits: XMLLimits = XMLLimits()
    ) throws(ControlError) {
        guard let header = Self.splitSOAPAction(soapActionHeader) else { throw .invalidSOAPAction }
        try self.init(parsing: body, header: header, limits: limits)
    }

    init(
        parsing body: some Sequence<UInt8>, header: (serviceType: String, action: String), limits: XMLLimits
    ) throws(ControlError) {
        try self.init(parsing: body, limits: limits)
        guard header.serviceType == serviceType, header.action == action else { throw .soapActionMismatch }
    }

    /// The SOAP message.
    public func serialized() -> String {
        SOAPEnvelope.serializedAction(action, serviceType: serviceType, arguments: arguments)
    }

    /// The value of the `SOAPACTION` header, quotes included.
    public var soapActionHeader: String { "\"\(serviceType)#\(action)\"" }

    /// The value of the first argument of that name.
    public subscript(name: String) -> String? { arguments.first { $0.name == name }?.value }

    /// Splits a `SOAPACTION` header; nil for a lone quote, a missing `#`, empty parts or more than
    /// ``maximumSOAPActionLength`` bytes.
    public static func splitSOAPAction(_ header: String) -> (serviceType: String, action: String)? {
        guard header.utf8.count <= maximumSOAPActionLength else { return nil }
        var text = header.utf8[...]
        while let first = text.first, XMLText.isWhiteSpace(first) { text.removeFirst() }
        while let last = text.last, XMLText.isWhiteSpace(last) { text.removeLast() }
        let quote = UInt8(ascii: "\"")
        if text.first == quote {
            guard text.count >= 2, text.last == quote else { return nil }
            text = text.dropFirst().dropLast()
        }
        guard !text.contains(quote), let hash = text.lastIndex(of: UInt8(ascii: "#")) else { return nil }
        let serviceType = text[..<hash]
        let action = text[text.index(after: hash)...]
        guard !serviceType.isEmpty, !action.isEmpty else { return nil }
        return (String(Substring(serviceType)), String(Substring(action)))
    }
}

/// The answer to an action (UDA 2.0 §3.2.2).
public struct ActionResponse: Hashable, Sendable {
    /// The namespace of the answer: the same version as in the request.
    public var serviceType: String
    /// The action's name, without `Response`.
    public var action: String
    /// The values, in the order of the service's description.
    public var arguments: [ActionArgument]

    /// Makes a response.
    public init(serviceType: String, action: String, arguments: [ActionArgument] = []) {
        self.serviceType = serviceType
        self.action = action
        self.arguments = arguments
    }

    /// Makes the response to a request.
    public init(to request: ActionRequest, arguments: [ActionArgument] = []) {
        self.init(serviceType: request.serviceType, action: request.action, arguments: arguments)
    }

    /// Parses a SOAP message.
    ///
    /// Lenient: devices answer in the namespace of another version or in none, which is then empty.
    public init(parsing body: some Sequence<UInt8>, limits: XMLLimits = XMLLimits()) throws(ControlError) {
        try self.init(SOAPEnvelope.content(of: body, limits: limits))
    }

    init(_ content: XMLElement) throws(ControlError) {
        guard content.name != "Fault" else { throw .unexpectedFault }
        guard content.name.hasSuffix("Response"), content.name != "Response" else {
            throw .notAResponse(content.name)
        }
        self.init(
            serviceType: content.namespaceURI ?? "", action: String(content.name.dropLast("Response".count)),
            arguments: try SOAPEnvelope.arguments(of: content, isRequest: false))
    }

    /// The SOAP message.
    public func serialized() -> String {
        SOAPEnvelope.serializedAction("\(action)Response", serviceType: serviceType, arguments: arguments)
    }

    /// The value of the first argument of that name.
    public subscript(name: String) -> String? { arguments.first { $0.name == name }?.value }
}

/// What a service answered.
public enum ControlResult: Hashable, Sendable {
    /// It did what it was asked.
    case response(ActionResponse)
    /// It did not.
    case fault(UPnPFault)

    /// Reads an answer by its HTTP status and body.
    ///
    /// A fault is taken for one with whatever status it comes, because devices send it with 200 too; a
    /// SOAP fault without a UPnP error becomes ``UPnPErrorCode/actionFailed``.
    public static func parse(
        status: Int, body: some Sequence<UInt8>, limits: XMLLimits = XMLLimits()
    ) throws(ControlError) -> ControlResult {
        let content: XMLElement
        do {
            content = try SOAPEnvelope.content(of: body, limits: limits)
        } catch {
            if status != 200 { throw .unexpectedStatus(status) }
            throw error
        }
        if content.name == "Fault" {
            let text = content.first("faultstring")?.trimmedText
            return .fault(SOAPEnvelope.fault(in: content) ?? UPnPFault(.actionFailed, description: text))
        }
        guard status == 200 else { throw .unexpectedStatus(status) }
        return .response(try ActionResponse(content))
    }
}
