/// What a service answers when it does not do what it was asked: the `UPnPError` of a SOAP fault.
public struct UPnPFault: Error, Hashable, Sendable {
    /// The namespace of the fault's detail.
    public static let namespace = "urn:schemas-upnp-org:control-1-0"

    /// The code.
    public var code: UPnPErrorCode
    /// The description for people, as sent; at most 256 characters by the standard, which is not enforced.
    public var description: String

    /// Makes a fault; without a description it has the code's standard one.
    public init(_ code: UPnPErrorCode, description: String? = nil) {
        self.code = code
        self.description = description ?? code.standardDescription ?? "Error \(code.rawValue)"
    }

    /// Parses a SOAP message with a fault.
    public init(parsing body: some Sequence<UInt8>, limits: XMLLimits = XMLLimits()) throws(ControlError) {
        guard let fault = try SOAPEnvelope.fault(in: SOAPEnvelope.content(of: body, limits: limits)) else {
            throw .notAFault
        }
        self = fault
    }

    /// The SOAP message, to be sent with HTTP status 500.
    public func serialized() -> String {
        let error = XMLElement(
            "UPnPError", namespaceURI: Self.namespace,
            children: [
                .element(XMLElement("errorCode", namespaceURI: Self.namespace, text: String(code.rawValue))),
                .element(XMLElement("errorDescription", namespaceURI: Self.namespace, text: description)),
            ])
        let fault = XMLElement(
            "Fault", prefix: "s", namespaceURI: SOAPEnvelope.namespace,
            children: [
                .element(XMLElement("faultcode", text: "s:Client")),
                .element(XMLElement("faultstring", text: "UPnPError")),
                .element(XMLElement("detail", children: [.element(error)])),
            ])
        return SOAPEnvelope.serialized(fault)
    }
}
