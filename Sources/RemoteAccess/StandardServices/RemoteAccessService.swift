import AccessPolicy
import Foundation
import NIOUPnP
import NetworkTypes
import TrustCore
import Tunnel
import UPnP

/// `urn:schemas-upnp-org:service:RemoteAccess:1`, this product's own service: what the gateway does, for whom, and the
/// administration of it.
///
/// Counts are everybody's. Who is paired and connected is a matter of administrators, and so is every change.
struct RemoteAccessService: Sendable {
    static let serviceType = "urn:schemas-upnp-org:service:RemoteAccess:1"
    /// The service's error for a ClientID that nobody has.
    static let unknownClient = 701
    /// The service's error for a control point that no pairing code waits for.
    static let noPairingCode = 702
    /// For a text that is no policy; the description tells its faults by line.
    static let invalidPolicy = 703
    /// For a policy that somebody else changed meanwhile.
    static let policyConflict = 704
    static let namespace = "urn:schemas-latchkey:ra:status"

    /// What the server is doing.
    enum Status: String, CaseIterable, UPnPConvertible {
        case running = "Running"
        /// Every place for a session is taken; another client is refused.
        case full = "Full"
    }

    let administration: GatewayAdministration
    let server: RemoteAccessServer
    let authorizer: ServiceAuthorizer
    private let startedAt = ContinuousClock.now

    private let status = HostedVariable("ServerStatus", Status.running, evented: true)
    private let sessionCount = HostedVariable<UInt32>("SessionCount", 0, evented: true)
    private let clientCount = HostedVariable<UInt32>("ClientCount", 0, evented: true)
    private let maximumSessions: HostedVariable<UInt32>
    private let uptime = HostedArgumentType<UInt32>("Uptime")
    private let addressList = HostedArgumentType<String>("AddressList")
    private let sessionList = HostedArgumentType<String>("SessionList")
    private let clientList = HostedArgumentType<String>("ClientList")
    private let clientID = HostedArgumentType<String>("ClientID", maximumLength: 64)
    private let name = HostedArgumentType<String>("Name", maximumLength: 64)
    private let preset = HostedArgumentType<String>("Preset", maximumLength: 32)
    private let sharing = HostedArgumentType<Bool>("Sharing")
    private let validity = HostedArgumentType<UInt32>("Validity", in: 1...GatewayAdministration.longestPairing)
    private let pairingID = HostedArgumentType<String>("PairingID", maximumLength: 64)
    private let pairingCode = HostedArgumentType<String>("PairingCode")
    private let pairingList = HostedArgumentType<String>("PairingList")
    private let count = HostedArgumentType<UInt32>("Count")
    let policy = HostedArgumentType<String>("Policy")
    let policyVersion = HostedArgumentType<UInt32>("PolicyVersion")
    let policyVersionList = HostedArgumentType<String>("PolicyVersionList")

    init(administration: GatewayAdministration, server: RemoteAccessServer, authorizer: ServiceAuthorizer) {
        self.administration = administration
        self.server = server
        self.authorizer = authorizer
        maximumSessions = HostedVariable<UInt32>("MaximumSessions", UInt32(clamping: server.maximumSessions))
    }

    func service() -> HostedService {
        HostedService(Self.serviceType) {
            for action in statusActions + sessionActions + pairingActions + grantActions + policyActions { action }
        }
    }

    private var statusActions: [HostedAction] {
        [
            HostedAction(
                "GetServerStatus", out: status.argument("ServerStatus"), sessionCount.argument("SessionCount"),
                maximumSessions.argument("MaximumSessions"), clientCount.argument("ClientCount"),
                uptime.argument("UptimeSeconds")
            ) {
                (
                    status.value, sessionCount.value, maximumSessions.value, clientCount.value,
                    UInt32(clamping: startedAt.duration(to: .now).components.seconds)
                )
            },
            HostedAction("GetServerAddresses", out: addressList.argument("AddressList")) { (call: ActionInvocation) in
                try authorizer.require(.basic, call)
                return administration.publicAddresses.joined(separator: ",")
            },
        ]
    }

    private var sessionActions: [HostedAction] {
        [
            HostedAction("GetSessions", out: sessionList.argument("SessionList")) { (call: ActionInvocation) in
                try authorizer.require(.admin, call)
                return sessions
            },
            HostedAction(
                "EndSessions", in: clientID.argument("ClientID"), out: count.argument("SessionsEnded")
            ) { (call: ActionInvocation, id: String) in
                try authorizer.require(.admin, call)
                let client = try await administration.client(id)
                return UInt32(clamping: await server.endSessions(of: client.subject.id))
            },
            HostedAction("GetClients", out: clientList.argument("ClientList")) { (call: ActionInvocation) in
                try authorizer.require(.admin, call)
                return Self.document("clientList", try await administration.clients().map(Self.element))
            },
            HostedAction("RevokeClient", in: clientID.argument("ClientID")) { (call: ActionInvocation, id: String) in
                try authorizer.require(.admin, call)
                try await administration.revoke(id)
            },
        ]
    }

    private var pairingActions: [HostedAction] {
        [
            HostedAction(
                "StartPairing", in: name.argument("Name"), preset.argument("Preset"), sharing.argument("Sharing"),
                validity.argument("ValidSeconds"), out: pairingID.argument("PairingID"),
                pairingCode.argument("PairingCode")
            ) { (call: ActionInvocation, name: String, preset: String, sharing: Bool, seconds: UInt32) in
                try authorizer.require(.admin, call)
                return try await administration.startPairing(
                    name: name, preset: preset, sharing: sharing, seconds: seconds)
            },
            HostedAction("GetPairingCode", out: pairingCode.argument("PairingCode")) { (call: ActionInvocation) in
                try authorizer.require(.basic, call)
                return try administration.pairingCode(forCertificate: call.connection?.peerCertificateDER)
            },
            HostedAction("GetPairings", out: pairingList.argument("PairingList")) { (call: ActionInvocation) in
                try authorizer.require(.admin, call)
                return Self.document("pairingList", try await administration.pairings().map(Self.element))
            },
            HostedAction("CancelPairing", in: pairingID.argument("PairingID")) {
                (call: ActionInvocation, id: String) in
                try authorizer.require(.admin, call)
                try await administration.cancelPairing(id)
            },
        ]
    }

    private var grantActions: [HostedAction] {
        [
            HostedAction(
                "GetClientPolicy", in: clientID.argument("ClientID"), out: preset.argument("Preset"),
                sharing.argument("Sharing")
            ) { (call: ActionInvocation, id: String) in
                try authorizer.require(.admin, call)
                let grant = try await administration.client(id).grant
                // A list of device types is no preset; it is kept by the command line.
                guard case .preset(let preset)? = grant?.scope else { return ("", grant?.sharing ?? false) }
                return (preset, grant?.sharing ?? false)
            },
            HostedAction(
                "SetClientPolicy", in: clientID.argument("ClientID"), preset.argument("Preset"),
                sharing.argument("Sharing")
            ) { (call: ActionInvocation, id: String, preset: String, sharing: Bool) in
                try authorizer.require(.admin, call)
                try await administration.setPolicy(of: id, preset: preset, sharing: sharing)
            },
        ]
    }

    /// Keeps the evented counts true until the task is cancelled.
    func run() async throws {
        while true {
            let sessions = server.sessions.count
            await sessionCount.set(UInt32(clamping: sessions))
            await status.set(sessions >= server.maximumSessions ? .full : .running)
            await clientCount.set(UInt32(clamping: try await administration.clients().count))
            try await Task.sleep(for: .seconds(1))
        }
    }

    // MARK: Documents

    private var sessions: String {
        Self.document(
            "sessionList",
            server.sessions.map { session in
                Self.element(
                    "session",
                    [
                        ("id", session.id), ("clientID", session.subject.rawValue), ("client", session.name),
                        ("path", session.paths.joined(separator: ", ")), ("devices", String(session.devices)),
                        ("seconds", String(session.openedAt.duration(to: .now).components.seconds)),
                        ("bytesIn", String(session.table.bytesIn)), ("bytesOut", String(session.table.bytesOut)),
                    ])
            })
    }

    private static func text(_ scope: Grant.Scope?) -> String {
        switch scope {
        case .preset(let preset): preset
        case .deviceTypes(let types): types.joined(separator: ",")
        case nil: ""
        }
    }

    private static func element(_ pairing: PendingPairing) -> XMLElement {
        element(
            "pairing",
            [
                ("id", pairing.id.description), ("name", pairing.name), ("grant", text(pairing.scope)),
                ("sharing", pairing.sharing ? "1" : "0"), ("expires", pairing.expiresAt.formatted(.iso8601)),
            ])
    }

    private static func element(_ client: GatewayAdministration.Client) -> XMLElement {
        element(
            "client",
            [
                ("id", client.subject.id.rawValue), ("name", client.subject.name), ("grant", text(client.grant?.scope)),
                ("sharing", client.grant?.sharing == true ? "1" : "0"),
                ("since", client.subject.createdAt.formatted(.iso8601)),
            ])
    }

    static func document(_ name: String, _ children: [XMLElement]) -> String {
        XMLElement(name, namespaceURI: namespace, children: children.map { .element($0) })
            .serialized(declaration: false)
    }

    static func element(_ name: String, _ attributes: [(String, String)]) -> XMLElement {
        XMLElement(
            name, namespaceURI: namespace, attributes: attributes.map { XMLAttribute($0.0, value: $0.1) })
    }
}
