import AccessPolicy
import NIOUPnP
import NetworkTypes
import TrustCore
import UPnP

/// `RATAConfig:1` of the gateway: what its tunnel can do, and who has credentials for it.
///
/// The one transport agent is Latchkey's own, a TLS tunnel, in the shape that the standard's documents have. Profiles
/// of others (OpenVPN, IPsec) are refused, because nothing here would run them. The errors are not published: 402 for
/// what is not a document, 701 for an unknown ProfileID, 501 for what is not done.
struct RATAConfigService: Sendable {
    static let serviceType = "urn:schemas-upnp-org:service:RATAConfig:1"
    /// The transport agent's name.
    static let agent = "Latchkey"
    /// The one profile's id.
    static let profileID: UInt32 = 1

    let trust: GatewayTrust
    /// The port where clients are waited for.
    let port: UInt16
    let authorizer: ServiceAuthorizer

    private let systemInfo = HostedVariable("SystemInfo", "")
    private let capabilities = HostedVariable("TransportAgentCapabilities", "")
    private let delivery = HostedVariable("CredentialDelivery", "")
    private let credentials = HostedVariable("CredentialsList", "", evented: true)
    private let profileList = HostedVariable("ProfileList", "")
    private let configInfo = HostedArgumentType<String>("ProfileConfigInfo")
    private let profile = HostedArgumentType<UInt32>("ProfileID")

    init(trust: GatewayTrust, port: UInt16, authorizer: ServiceAuthorizer) {
        self.trust = trust
        self.port = port
        self.authorizer = authorizer
    }

    func service() -> HostedService {
        HostedService(Self.serviceType) {
            systemInfo
            HostedAction(
                "GetTransportAgentCapabilities", out: capabilities.argument("TransportAgentCapabilities")
            ) { Self.capabilities.serialized() }
            HostedAction(
                "GetSupportedCredentialDelivery", out: delivery.argument("SupportedCredentialDelivery")
            ) { "PairingCode" }
            HostedAction("GetCredentialsList", out: credentials.argument("CurrentCredentialsList")) {
                (call: ActionInvocation) in
                try authorizer.require(.basic, call)
                return Self.list(try await trust.store.ledger(), detailed: true).serialized()
            }
            HostedAction("GetProfileList", out: profileList.argument("ProfileList")) { (call: ActionInvocation) in
                try authorizer.require(.basic, call)
                return TADSDocument(children: [Self.element("profileList", [], [info])]).serialized()
            }
            HostedAction("AddProfile", in: configInfo.argument("NewProfileConfigInfo")) {
                (call: ActionInvocation, text: String) in
                try authorizer.require(.admin, call)
                try refuse(text)
            }
            HostedAction(
                "EditProfile", in: profile.argument("ProfileID"), configInfo.argument("UpdatedProfileConfigInfo")
            ) { (call: ActionInvocation, id: UInt32, text: String) in
                try authorizer.require(.admin, call)
                try requireProfile(id)
                try refuse(text)
            }
            HostedAction("DeleteProfile", in: profile.argument("ProfileID")) {
                (call: ActionInvocation, id: UInt32) in
                try authorizer.require(.admin, call)
                try requireProfile(id)
                throw UPnPFault(.actionFailed, description: "The gateway's own profile is part of it.")
            }
            HostedAction(
                "GetProfileConfigInfo", in: profile.argument("ProfileID"), out: configInfo.argument("ProfileConfigInfo")
            ) { (call: ActionInvocation, id: UInt32) in
                try authorizer.require(.basic, call)
                try requireProfile(id)
                let document = TADSDocument(children: [config])
                return (authorizer.isAdmin(call) ? document : document.redacted).serialized()
            }
        }
    }

    /// Tells subscribers when clients are paired or revoked, until the task is cancelled. What everybody may hear has
    /// the clients' random ids alone: no names, no fingerprints.
    func run() async throws {
        for await _ in trust.store.changes() {
            await credentials.set(Self.list(try await trust.store.ledger(), detailed: false).serialized())
        }
    }

    private func requireProfile(_ id: UInt32) throws(UPnPFault) {
        guard id == Self.profileID else {
            throw UPnPFault(UPnPErrorCode(rawValue: 701), description: "There is no profile \(id).")
        }
    }

    private func refuse(_ text: String) throws(UPnPFault) {
        guard let document = try? TADSDocument(parsing: text.utf8),
            let profile = try? TransportProfile.all(in: document).first
        else { throw UPnPFault(.invalidArgs, description: "The argument is not a profileConfig.") }
        guard profile.transportAgentName == Self.agent else {
            throw UPnPFault(
                .actionFailed,
                description: "This gateway has the transport agent \(Self.agent) alone; "
                    + "it would not run the profile of another, so it does not keep it.")
        }
        throw UPnPFault(
            .actionFailed, description: "The profile of \(Self.agent) follows from the gateway's configuration.")
    }

    private static func element(
        _ name: String, _ attributes: [(String, String)] = [], _ children: [XMLElement] = []
    ) -> XMLElement {
        XMLElement(
            name, namespaceURI: TADSDocument.namespace,
            attributes: attributes.map { XMLAttribute($0.0, value: $0.1) }, children: children.map { .element($0) })
    }

    /// The namespace of what is Latchkey's own in these documents.
    private static let own = "urn:schemas-latchkey:ra:tacfg:tls"

    private static var capabilities: TADSDocument {
        let option = XMLElement(
            "tlsOPT", prefix: "tls", namespaceURI: own,
            attributes: [
                XMLAttribute("authenticationMethod", value: "mutual certificates"),
                XMLAttribute("credentialEncoding", value: "X.509"),
                XMLAttribute("keyExchangeProtocol", value: "TLS 1.3"),
            ])
        return TADSDocument(children: [
            element(
                "transportAgentCapability", [("transportAgentName", agent)],
                [element("transportAgentOptions", [], [option])])
        ])
    }

    private var info: XMLElement {
        var info = Self.element(
            "profileInfo", [("id", String(Self.profileID)), ("transportAgentName", Self.agent)])
        info.children = [.text("TLS tunnel of this gateway")]
        return info
    }

    private var config: XMLElement {
        let server = XMLElement(
            "tlsCFG", prefix: "tls", namespaceURI: Self.own,
            attributes: [
                XMLAttribute("protocol", value: "tcp"), XMLAttribute("listeningPort", value: String(port)),
                XMLAttribute("pin", value: "\(trust.identity.currentServerKey.pin)"),
            ])
        return Self.element(
            "profileConfig", [("dataStructureType", "server")],
            [info, Self.element("profileData", [], [server])])
    }

    /// The paired clients: a credential's name is its client's id, which outlives the certificates.
    private static func list(_ ledger: TrustLedger, detailed: Bool) -> TADSDocument {
        let entries = ledger.subjects.filter { $0.revokedAt == nil }.prefix(RemoteAccessDocumentLimits.devices).map {
            subject in
            let certificates = ledger.credentials.filter { $0.subject == subject.id }.map { credential in
                element("certificate", [("fingerprint", "\(credential.fingerprint)")])
            }
            return detailed
                ? element(
                    "credential", [("credentialID", subject.id.rawValue), ("name", subject.name)], certificates)
                : element("credential", [("credentialID", subject.id.rawValue)])
        }
        return TADSDocument(children: [element("credentialsList", [], Array(entries))])
    }
}
