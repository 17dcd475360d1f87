/// The question for one variable's value, `QueryStateVariable` of UDA 1.0 §3.3.
///
/// UDA 1.1 discouraged and UDA 2.0 ended it; control points from before still ask, and a few devices answer
/// nothing else about their state.
public struct StateVariableQuery: Hashable, Sendable {
    /// The namespace of question and answer.
    public static let namespace = "urn:schemas-upnp-org:control-1-0"
    /// The value of the question's `SOAPACTION` header, quotes included.
    public static let soapActionHeader = "\"\(namespace)#\(name)\""

    static let name = "QueryStateVariable"

    /// The variable's name.
    public var variable: String

    /// Makes a question.
    public init(variable: String) { self.variable = variable }

    /// Parses a SOAP message; namespaces are not compared.
    public init(parsing body: some Sequence<UInt8>, limits: XMLLimits = XMLLimits()) throws(ControlError) {
        try self.init(SOAPEnvelope.content(of: body, limits: limits))
    }

    init(_ content: XMLElement) throws(ControlError) {
        guard content.name == Self.name, content.elements.count == 1,
            let variable = content.first("varName"), variable.elements.isEmpty
        else { throw .notAQuery }
        self.init(variable: variable.trimmedText)
    }

    /// The SOAP message.
    public func serialized() -> String {
        let variable = XMLElement("varName", prefix: "u", namespaceURI: Self.namespace, text: variable)
        return SOAPEnvelope.serialized(
            XMLElement(
                Self.name, prefix: "u", namespaceURI: Self.namespace,
                namespaceDeclarations: [XMLNamespaceDeclaration(prefix: "u", uri: Self.namespace)],
                children: [.element(variable)]))
    }
}

/// The answer to a ``StateVariableQuery``; a service that has no such variable answers with the fault
/// ``UPnPErrorCode/invalidVar``.
public struct StateVariableAnswer: Hashable, Sendable {
    /// The value as text, unescaped.
    public var value: String

    /// Makes an answer.
    public init(value: String) { self.value = value }

    /// Parses a SOAP message; namespaces are not compared, and a value with elements in it is taken for one
    /// that the device forgot to escape.
    public init(parsing body: some Sequence<UInt8>, limits: XMLLimits = XMLLimits()) throws(ControlError) {
        let content = try SOAPEnvelope.content(of: body, limits: limits)
        guard content.name != "Fault" else { throw .unexpectedFault }
        guard content.name == StateVariableQuery.name + "Response", let value = content.first("return") else {
            throw .notAResponse(content.name)
        }
        self.init(value: value.elements.isEmpty ? value.text : value.innerSerialized)
    }

    /// The SOAP message.
    public func serialized() -> String {
        SOAPEnvelope.serialized(
            SOAPEnvelope.action(
                StateVariableQuery.name + "Response", serviceType: StateVariableQuery.namespace,
                arguments: [ActionArgument("return", value)]))
    }
}

/// What may be posted to a service's control URL.
public enum ControlRequest: Hashable, Sendable {
    /// A call of an action.
    case action(ActionRequest)
    /// The question for a variable, as control points from before UDA 1.1 ask it.
    case query(StateVariableQuery)

    /// Parses a SOAP message and compares it with the `SOAPACTION` header, with or without quotes.
    public init(
        parsing body: some Sequence<UInt8>, soapActionHeader: String, limits: XMLLimits = XMLLimits()
    ) throws(ControlError) {
        guard let header = ActionRequest.splitSOAPAction(soapActionHeader) else { throw .invalidSOAPAction }
        if header.serviceType == StateVariableQuery.namespace {
            guard header.action == StateVariableQuery.name else { throw .soapActionMismatch }
            self = .query(try StateVariableQuery(parsing: body, limits: limits))
        } else {
            self = .action(try ActionRequest(parsing: body, header: header, limits: limits))
        }
    }
}

extension SCPD {
    /// The variable that a question is about; the fault is 404 when there is none, or it only types arguments.
    public func variable(for query: StateVariableQuery) throws(UPnPFault) -> StateVariable {
        guard let variable = stateVariable(named: query.variable), !variable.name.hasPrefix("A_ARG_TYPE_") else {
            throw UPnPFault(.invalidVar)
        }
        return variable
    }
}
