/// Why a SOAP message was refused.
public enum ControlError: Error, Hashable, Sendable {
    /// Not XML that we read.
    case xml(XMLError)
    /// Not an `Envelope` with one `Body` that holds exactly one element.
    case notAnEnvelope
    /// The body's element has no namespace, so that nobody knows the service.
    case missingServiceType
    /// An argument occurs twice; its name.
    case duplicateArgument(String)
    /// An argument of a request has elements in it; its name.
    case structuredArgument(String)
    /// More arguments than ``ActionRequest/maximumArguments``.
    case tooManyArguments
    /// The `SOAPACTION` header is not `"serviceType#action"`.
    case invalidSOAPAction
    /// The `SOAPACTION` header names another service or action than the body.
    case soapActionMismatch
    /// The message is not a fault.
    case notAFault
    /// The message is a fault, but a response was looked for.
    case unexpectedFault
    /// The element in the body is not a response; its name.
    case notAResponse(String)
    /// The message is not a question for exactly one state variable.
    case notAQuery
    /// An HTTP status that control does not use; the status.
    case unexpectedStatus(Int)

    /// What a service answers to such a request.
    public var fault: UPnPFault {
        switch self {
        case .duplicateArgument, .structuredArgument, .tooManyArguments:
            UPnPFault(.invalidArgs)
        case .xml, .notAnEnvelope, .missingServiceType, .invalidSOAPAction, .soapActionMismatch, .notAFault,
            .unexpectedFault, .notAResponse, .unexpectedStatus:
            UPnPFault(.invalidAction)
        case .notAQuery:
            UPnPFault(.invalidVar)
        }
    }
}

extension ControlError: CustomStringConvertible {
    /// What happened, in a sentence.
    public var description: String {
        switch self {
        case .xml(let error): error.description
        case .notAnEnvelope: "The message is not a SOAP envelope with exactly one element in its body."
        case .missingServiceType: "The action has no namespace, so its service type is not known."
        case .duplicateArgument(let name): "The argument `\(name)` occurs twice."
        case .structuredArgument(let name): "The argument `\(name)` holds elements; markup in a value must be escaped."
        case .tooManyArguments: "The message has more than \(ActionRequest.maximumArguments) arguments."
        case .invalidSOAPAction: "The SOAPACTION header is not \"serviceType#action\"."
        case .soapActionMismatch: "The SOAPACTION header and the message's body name different actions."
        case .notAFault: "The message is not a SOAP fault with a UPnPError."
        case .unexpectedFault: "The message is a fault."
        case .notAResponse(let name): "The message's body holds <\(name)>, which is not a response."
        case .notAQuery: "The message is not a QueryStateVariable with exactly one varName."
        case .unexpectedStatus(let status): "The service answered with HTTP status \(status)."
        }
    }
}
