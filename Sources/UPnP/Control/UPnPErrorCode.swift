/// An error code of UPnP control (UDA 2.0 §3.2.3, table 3-3); codes that are not named here are kept as they are.
public struct UPnPErrorCode: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    public var rawValue: Int

    /// Makes a code from its number.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// 401: the service has no such action.
    public static let invalidAction = UPnPErrorCode(rawValue: 401)
    /// 402: arguments are missing, too many, in the wrong order or of the wrong type.
    public static let invalidArgs = UPnPErrorCode(rawValue: 402)
    /// 403: the service and the control point disagree about its state (UDA 1.0; not to be sent any more).
    public static let outOfSync = UPnPErrorCode(rawValue: 403)
    /// 404: the service has no such variable (QueryStateVariable of UDA 1.0).
    public static let invalidVar = UPnPErrorCode(rawValue: 404)
    /// 501: the service cannot do it in its present state.
    public static let actionFailed = UPnPErrorCode(rawValue: 501)
    /// 600: an argument's value is not allowed.
    public static let argumentValueInvalid = UPnPErrorCode(rawValue: 600)
    /// 601: an argument's value is outside its range or list.
    public static let argumentValueOutOfRange = UPnPErrorCode(rawValue: 601)
    /// 602: the action is optional, and this device does not have it.
    public static let optionalActionNotImplemented = UPnPErrorCode(rawValue: 602)
    /// 603: the device has not enough memory for it; it may have later.
    public static let outOfMemory = UPnPErrorCode(rawValue: 603)
    /// 604: a person has to do something at the device first.
    public static let humanInterventionRequired = UPnPErrorCode(rawValue: 604)
    /// 605: a text is too long for the device.
    public static let stringArgumentTooLong = UPnPErrorCode(rawValue: 605)
    /// 606: the control point may not do this.
    public static let actionNotAuthorized = UPnPErrorCode(rawValue: 606)
    /// 607: the request's signature does not fit it (DeviceSecurity).
    public static let signatureFailure = UPnPErrorCode(rawValue: 607)
    /// 608: the action must be signed (DeviceSecurity).
    public static let signatureMissing = UPnPErrorCode(rawValue: 608)
    /// 609: the action must be encrypted (DeviceSecurity).
    public static let notEncrypted = UPnPErrorCode(rawValue: 609)
    /// 610: the request's sequence number is not the expected one (DeviceSecurity).
    public static let invalidSequence = UPnPErrorCode(rawValue: 610)
    /// 611: the request was made for another control URL (DeviceSecurity).
    public static let invalidControlURL = UPnPErrorCode(rawValue: 611)
    /// 612: the device does not know the session of the request (DeviceSecurity).
    public static let noSuchSession = UPnPErrorCode(rawValue: 612)

    /// The code's standard description, as a fault carries it; nil where there is none.
    public var standardDescription: String? { Self.named[rawValue]?.description }

    /// Who gave the code its meaning.
    public enum Origin: Hashable, Sendable {
        /// UDA itself, or its technical committee: 401 to 699.
        case standard
        /// The service's type: 700 to 799.
        case serviceType
        /// The device's maker: 800 to 899.
        case vendor
        /// Nobody: outside 401 to 899.
        case unknown
    }

    /// Who gave the code its meaning (UDA 2.0 table 3-3).
    public var origin: Origin {
        switch rawValue {
        case 401...699: .standard
        case 700...799: .serviceType
        case 800...899: .vendor
        default: .unknown
        }
    }

    /// What the code means, in a sentence for people; never empty.
    ///
    /// - Parameter serviceType: The type of the service that sent it. Codes from 701 on mean something else
    ///   for each type; the commonest types are known here.
    public func meaning(serviceType: String? = nil) -> String {
        if let named = Self.named[rawValue] { return named.meaning }
        if let serviceType, let meaning = ServiceErrorMeanings.meaning(of: rawValue, serviceType: serviceType) {
            return meaning
        }
        return switch origin {
        case .standard: "An error that is the same for all services, but has no name yet."
        case .serviceType: "An error of this type of service."
        case .vendor: "An error of this device's maker."
        case .unknown: "An error with a number that the standard does not have."
        }
    }

    private static let named: [Int: (description: String, meaning: String)] = [
        401: ("Invalid Action", "The service has no such action."),
        402: ("Invalid Args", "Arguments are missing, too many, in the wrong order or of the wrong type."),
        403: (
            "Out of Sync",
            "The service and the control point disagree about its state (UDA 1.0; not to be sent any more)."
        ),
        404: ("Invalid Var", "The service has no such variable (QueryStateVariable of UDA 1.0)."),
        501: ("Action Failed", "The service cannot do it in its present state."),
        600: ("Argument Value Invalid", "An argument's value is not allowed."),
        601: ("Argument Value Out of Range", "An argument's value is outside its range or list."),
        602: ("Optional Action Not Implemented", "The action is optional, and this device does not have it."),
        603: ("Out of Memory", "The device has not enough memory for it; it may have later."),
        604: ("Human Intervention Required", "A person has to do something at the device first."),
        605: ("String Argument Too Long", "A text is too long for the device."),
        606: ("Action not authorized", "The control point may not do this."),
        607: ("Signature Failure", "The request's signature does not fit it (DeviceSecurity)."),
        608: ("Signature Missing", "The action must be signed (DeviceSecurity)."),
        609: ("Not Encrypted", "The action must be encrypted (DeviceSecurity)."),
        610: ("Invalid Sequence", "The request's sequence number is not the expected one (DeviceSecurity)."),
        611: ("Invalid Control URL", "The request was made for another control URL (DeviceSecurity)."),
        612: ("No Such Session", "The device does not know the session of the request (DeviceSecurity)."),
    ]
}

extension UPnPErrorCode: CustomStringConvertible {
    /// The number and, where there is one, the standard description.
    public var description: String { standardDescription.map { "\(rawValue) \($0)" } ?? String(rawValue) }
}
