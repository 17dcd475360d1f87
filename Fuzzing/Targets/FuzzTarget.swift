/// A parser that reads what strangers send, and what must hold for every input.
///
/// The fuzzer and the replay test call the same ``check(_:)``.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// A datagram of discovery.
    case ssdp
    /// A message head: requests, answers, GENA's headers and URLs.
    case http
    /// A device description.
    case description
    /// A service description.
    case scpd
    /// A call of an action.
    case soapRequest = "soap-request"
    /// A call that a gateway decides about: what it forwards.
    case soapDecision = "soap-decision"
    /// The answer to one.
    case soapResponse = "soap-response"
    /// An event's body.
    case propertySet = "property-set"
    /// A media server's page, and criteria to search and sort it by.
    case didlLite = "didl-lite"
    /// A document of Remote Access: filters, device lists, profiles, dynamic names.
    case remoteAccess = "remote-access"
    /// An ACL of DeviceProtection, and the protocols that a device supports.
    case protectionACL = "protection-acl"
    /// Identities to add to an ACL, and one to change.
    case protectionIdentities = "protection-identities"
    /// A message of an introduction by Wi-Fi Protected Setup.
    case wps
    /// The beginning of a connection to a relay.
    case relayHello = "relay-hello"
    /// What a gateway reads of a relay.
    case relayPeer = "relay-peer"
    /// A policy's text.
    case policy
    /// A datagram on SUPnP's port: what it is.
    case supnpHeader = "supnp-header"
    /// The body of a control message.
    case supnpControl = "supnp-control"
    /// A conversation of a device and a registrar.
    case supnpRegistration = "supnp-registration"
    /// A rekey packet, at the members of a small tree.
    case supnpRekey = "supnp-rekey"
    /// A sealed datagram, and the window of counters.
    case supnpChannel = "supnp-channel"
    /// The segments of messages.
    case supnpSegments = "supnp-segments"
    /// A data message.
    case supnpPayload = "supnp-payload"
    /// A datagram of STUN.
    case stun
    /// What a peer tells of itself, and a check.
    case ice
    /// What a TURN server sends.
    case turn
    /// What a name server answers.
    case dns
    /// What a router answers to PCP and NAT-PMP.
    case portControl = "port-control"
    /// A gateway's address record, or changes of one.
    case addressRecord = "address-record"

    /// Reads `input`; throws when a property does not hold that holds for every input. Refusing is no fault.
    public func check(_ input: [UInt8]) throws(BrokenProperty) {
        switch self {
        case .ssdp: try SSDPProperties.check(input)
        case .http: try HTTPProperties.check(input)
        case .description: try DescriptionProperties.check(input)
        case .scpd: try SCPDProperties.check(input)
        case .soapRequest: try ControlProperties.checkRequest(input)
        case .soapDecision: try SOAPDecisionProperties.check(input)
        case .soapResponse: try ControlProperties.checkResponse(input)
        case .propertySet: try PropertySetProperties.check(input)
        case .didlLite: try DIDLProperties.check(input)
        case .remoteAccess: try RemoteAccessProperties.check(input)
        case .protectionACL: try ProtectionProperties.checkACL(input)
        case .protectionIdentities: try ProtectionProperties.checkIdentities(input)
        case .wps: try WPSProperties.check(input)
        case .relayHello: try RelayHelloProperties.check(input)
        case .relayPeer: try RelayPeerProperties.check(input)
        case .policy: try PolicyProperties.check(input)
        case .supnpHeader: try SUPnPHeaderProperties.check(input)
        case .supnpControl: try SUPnPControlProperties.check(input)
        case .supnpRegistration: try SUPnPRegistrationProperties.check(input)
        case .supnpRekey: try SUPnPRekeyProperties.check(input)
        case .supnpChannel: try SUPnPChannelProperties.check(input)
        case .supnpSegments: try SUPnPSegmentProperties.check(input)
        case .supnpPayload: try SUPnPPayloadProperties.check(input)
        case .stun: try STUNProperties.check(input)
        case .ice: try ICEProperties.check(input)
        case .turn: try TURNProperties.check(input)
        case .dns: try DNSProperties.check(input)
        case .portControl: try PortControlProperties.check(input)
        case .addressRecord: try AddressRecordProperties.check(input)
        }
    }
}

/// A property that an input broke.
public struct BrokenProperty: Error, CustomStringConvertible {
    /// What should have held, and what was found.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Requires a property of the input.
func expect(
    _ holds: @autoclosure () -> Bool, _ property: @autoclosure () -> String
) throws(BrokenProperty) {
    if !holds() { throw BrokenProperty(property()) }
}

/// Requires that what was written reads back as the same value.
func expectSame<Value: Equatable>(
    _ value: Value, _ again: Value?, _ what: @autoclosure () -> String
) throws(BrokenProperty) {
    guard let again else { throw BrokenProperty("\(what()): what was written is refused: \(value)") }
    if again != value { throw BrokenProperty("\(what()): \(value) reads back as \(again)") }
}
