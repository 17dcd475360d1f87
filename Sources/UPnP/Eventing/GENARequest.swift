/// Why a GENA request was refused, as the HTTP status to answer with (UDA 2.0 §4.1).
public struct GENAError: Error, Hashable, Sendable {
    /// 400, 412 or 503.
    public var status: Int
    /// What was wrong, in a sentence; for logs, and harmless to send.
    public var reason: String

    /// Makes an error.
    public init(status: Int, reason: String) {
        self.status = status
        self.reason = reason
    }

    static func badRequest(_ reason: String) -> GENAError { GENAError(status: 400, reason: reason) }
    static func preconditionFailed(_ reason: String) -> GENAError { GENAError(status: 412, reason: reason) }
    static func unavailable(_ reason: String) -> GENAError { GENAError(status: 503, reason: reason) }
}

extension GENAError: CustomStringConvertible {
    /// Status and reason.
    public var description: String { "\(status): \(reason)" }
}

/// `SUBSCRIBE`: a new subscription, or the renewal of one.
///
/// Headers come through a look-up by name, which must not distinguish upper and lower case.
public enum SubscriptionRequest: Hashable, Sendable {
    /// A new subscription.
    case subscribe(SubscribeRequest)
    /// A renewal.
    case renew(RenewRequest)

    /// Reads the headers of `SUBSCRIBE`.
    public init(header: (String) -> String?) throws(GENAError) {
        if header("SID") != nil {
            self = .renew(try RenewRequest(header: header))
        } else {
            self = .subscribe(try SubscribeRequest(header: header))
        }
    }
}

/// `SUBSCRIBE` with `NT` and `CALLBACK` (UDA 2.0 §4.1.2).
public struct SubscribeRequest: Hashable, Sendable {
    /// The most variables that are read from `STATEVAR`.
    public static let maximumStateVariables = 256

    /// Where events are sent.
    public var callbacks: [HTTPURL]
    /// How long the subscriber asks for; nil when it did not say, or not clearly.
    public var timeout: SubscriptionTimeout?
    /// The variables that the subscriber wants to hear of; empty for all.
    public var stateVariables: [String]

    /// Makes a request.
    public init(callbacks: [HTTPURL], timeout: SubscriptionTimeout? = nil, stateVariables: [String] = []) {
        self.callbacks = callbacks
        self.timeout = timeout
        self.stateVariables = stateVariables
    }

    /// Reads the headers; 400 when there is a `SID`, 412 when `NT` or `CALLBACK` is missing or wrong.
    public init(header: (String) -> String?) throws(GENAError) {
        guard header("SID") == nil else { throw .badRequest("SID together with NT or CALLBACK.") }
        guard header("NT").map(XMLText.trimmed) == "upnp:event" else {
            throw .preconditionFailed("NT is not upnp:event.")
        }
        guard let callback = header("CALLBACK"), let list = CallbackList(callback) else {
            throw .preconditionFailed("CALLBACK is missing or has a URL that events cannot be sent to.")
        }
        callbacks = list.urls
        timeout = header("TIMEOUT").flatMap { SubscriptionTimeout($0) }
        let names = header("STATEVAR")?.split(separator: ",").map(XMLText.trimmed).filter { !$0.isEmpty } ?? []
        stateVariables = names.count <= Self.maximumStateVariables ? names : []
    }

    /// The headers of such a request, without `HOST`.
    public var headers: [(name: String, value: String)] {
        var headers = [(name: "CALLBACK", value: callbacks.map { "<\($0)>" }.joined()), ("NT", "upnp:event")]
        if let timeout { headers.append(("TIMEOUT", timeout.description)) }
        if !stateVariables.isEmpty { headers.append(("STATEVAR", stateVariables.joined(separator: ","))) }
        return headers
    }
}

/// `SUBSCRIBE` with `SID` (UDA 2.0 §4.1.3).
public struct RenewRequest: Hashable, Sendable {
    /// The subscription's identifier.
    public var sid: String
    /// How long the subscriber asks for.
    public var timeout: SubscriptionTimeout?

    /// Makes a request.
    public init(sid: String, timeout: SubscriptionTimeout? = nil) {
        self.sid = sid
        self.timeout = timeout
    }

    /// Reads the headers; 400 when there is `NT` or `CALLBACK`, 412 without a `SID`.
    public init(header: (String) -> String?) throws(GENAError) {
        sid = try GENAHeaders.sid(header)
        timeout = header("TIMEOUT").flatMap { SubscriptionTimeout($0) }
    }

    /// The headers of such a request, without `HOST`.
    public var headers: [(name: String, value: String)] {
        [(name: "SID", value: sid)] + (timeout.map { [(name: "TIMEOUT", value: $0.description)] } ?? [])
    }
}

/// `UNSUBSCRIBE` (UDA 2.0 §4.1.4).
public struct UnsubscribeRequest: Hashable, Sendable {
    /// The subscription's identifier.
    public var sid: String

    /// Makes a request.
    public init(sid: String) { self.sid = sid }

    /// Reads the headers; 400 when there is `NT` or `CALLBACK`, 412 without a `SID`.
    public init(header: (String) -> String?) throws(GENAError) { sid = try GENAHeaders.sid(header) }

    /// The headers of such a request, without `HOST`.
    public var headers: [(name: String, value: String)] { [(name: "SID", value: sid)] }
}

/// The headers of an event message (UDA 2.0 §4.3.2).
public struct NotifyRequest: Hashable, Sendable {
    /// The subscription's identifier.
    public var sid: String
    /// The event's number: 0 for the first, and 1 after 4294967295.
    public var sequence: UInt32

    /// Makes the headers' values.
    public init(sid: String, sequence: UInt32) {
        self.sid = sid
        self.sequence = sequence
    }

    /// Reads the headers; 400 when `NT`, `NTS` or `SEQ` is missing or `SEQ` is no number, 412 when the `SID`
    /// is missing or `NT` or `NTS` is another.
    public init(header: (String) -> String?) throws(GENAError) {
        guard let type = header("NT"), let subtype = header("NTS") else { throw .badRequest("NT or NTS is missing.") }
        guard XMLText.trimmed(type) == "upnp:event", XMLText.trimmed(subtype) == "upnp:propchange" else {
            throw .preconditionFailed("NT is not upnp:event, or NTS is not upnp:propchange.")
        }
        guard let sid = header("SID").flatMap(GENAHeaders.identifier) else {
            throw .preconditionFailed("SID is missing.")
        }
        guard let digits = header("SEQ").map(XMLText.trimmed), digits.utf8.allSatisfy(URLText.isDigit),
            let sequence = UInt32(digits)
        else { throw .badRequest("SEQ is missing or no number of 32 bits.") }
        self.init(sid: sid, sequence: sequence)
    }

    /// The headers of such a message, without `HOST` and those of its body.
    public var headers: [(name: String, value: String)] {
        [("NT", "upnp:event"), ("NTS", "upnp:propchange"), ("SID", sid), ("SEQ", String(sequence))]
    }
}

enum GENAHeaders {
    /// The `SID` of a renewal or an end.
    static func sid(_ header: (String) -> String?) throws(GENAError) -> String {
        guard header("NT") == nil, header("CALLBACK") == nil else {
            throw .badRequest("SID together with NT or CALLBACK.")
        }
        guard let sid = header("SID").flatMap(identifier) else { throw .preconditionFailed("SID is missing.") }
        return sid
    }

    /// A subscription identifier: 1 to 256 printable bytes.
    static func identifier(_ text: String) -> String? {
        let sid = XMLText.trimmed(text)
        return (1...256).contains(sid.utf8.count) && sid.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? sid : nil
    }
}
