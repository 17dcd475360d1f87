/// An error code of UPnP control (UDA 2.0 §3.2.3); codes that are not named here are kept as they are.
public struct UPnPErrorCode: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    public var rawValue: Int

    /// Makes a code from its number.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// 401: the service has no such action.
    public static let invalidAction = UPnPErrorCode(rawValue: 401)
    /// 402: arguments are missing, too many, in the wrong order or of the wrong type.
    public static let invalidArgs = UPnPErrorCode(rawValue: 402)
    /// 404: the service has no such variable (UDA 1.0 `QueryStateVariable`).
    public static let invalidVar = UPnPErrorCode(rawValue: 404)
    /// 501: the service cannot do it in its present state.
    public static let actionFailed = UPnPErrorCode(rawValue: 501)
    /// 600: an argument's value is not allowed.
    public static let argumentValueInvalid = UPnPErrorCode(rawValue: 600)
    /// 601: an argument's value is outside its range.
    public static let argumentValueOutOfRange = UPnPErrorCode(rawValue: 601)
    /// 602: the action is optional and not implemented.
    public static let optionalActionNotImplemented = UPnPErrorCode(rawValue: 602)
    /// 603: the device is out of memory.
    public static let outOfMemory = UPnPErrorCode(rawValue: 603)
    /// 604: a person has to do something first.
    public static let humanInterventionRequired = UPnPErrorCode(rawValue: 604)
    /// 605: a string is too long for the device.
    public static let stringArgumentTooLong = UPnPErrorCode(rawValue: 605)
    /// 606: not allowed, as devices use the code that DeviceSecurity reserved.
    public static let actionNotAuthorized = UPnPErrorCode(rawValue: 606)

    /// The code's standard description; nil where there is none.
    public var standardDescription: String? {
        switch self {
        case .invalidAction: "Invalid Action"
        case .invalidArgs: "Invalid Args"
        case .invalidVar: "Invalid Var"
        case .actionFailed: "Action Failed"
        case .argumentValueInvalid: "Argument Value Invalid"
        case .argumentValueOutOfRange: "Argument Value Out of Range"
        case .optionalActionNotImplemented: "Optional Action Not Implemented"
        case .outOfMemory: "Out of Memory"
        case .humanInterventionRequired: "Human Intervention Required"
        case .stringArgumentTooLong: "String Argument Too Long"
        case .actionNotAuthorized: "Action not authorized"
        default: nil
        }
    }
}

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
