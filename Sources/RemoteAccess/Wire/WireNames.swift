package import HTTPTypes

/// The paths of the session's own exchanges.
package enum WirePath {
    package static let session = "/v1/session"
    package static let events = "/v1/events"
    package static let subscriptions = "/v1/subscriptions"
    package static let pairing = "/v1/pair"
    package static let renewal = "/v1/renew"
    package static let audit = "/v1/audit"
    package static let addresses = "/v1/addresses"
    package static let role = "/v1/role"
    /// Where both ends tell each other their candidates.
    package static let path = "/v1/path"
    /// Where both ends tell each other what NAT is in front of them.
    package static let nat = "/v1/nat"
    /// Before the path of a mirrored description: bytes to and from the device's own TLS.
    package static let secure = "/v1/secure"
}

extension HTTPField.Name {
    /// The session that an exchange belongs to.
    package static let latchkeySession = Self.known("latchkey-session")
    /// Who asks: `own`, or a neighbour's address on the away network.
    package static let latchkeyVia = Self.known("latchkey-via")
    /// The id under which an action runs at most once.
    package static let latchkeyRequestID = Self.known("latchkey-request-id")
    /// Which stream this is that cannot be asked for again from its middle, and from where it goes on.
    package static let latchkeyStream = Self.known("latchkey-stream")
    /// SOAP's action header, as UDA 2.0 §3.2.1 spells it.
    package static let soapAction = Self.known("SOAPACTION")

    /// A field name that is a constant of the program; only letters and hyphens, so it is always valid.
    package static func known(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is not a field name") }
        return field
    }
}

/// The bounds of what one end accepts from the other.
package struct WireLimits: Hashable, Sendable {
    /// A session message, in bytes.
    package var messageBytes = 64 << 10
    /// A line of the event stream, in bytes.
    package var eventBytes = 4 << 20
    /// The body of an action, its answer, or a document, in bytes.
    package var documentBytes = 4 << 20

    package init() {}
}
