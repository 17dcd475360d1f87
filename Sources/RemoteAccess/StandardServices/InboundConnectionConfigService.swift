import AccessPolicy
import NIOUPnP
import NetworkTypes
import UPnP

/// `InboundConnectionConfig:1` of the gateway: how it is found from outside.
///
/// What is set is kept for whoever makes the gateway reachable; the topology is `Unknown` as long as nobody has found
/// it out, which is no value of the standard's, whose list is not published.
struct InboundConnectionConfigService: Sendable {
    static let serviceType = "urn:schemas-upnp-org:service:InboundConnectionConfig:1"
    /// The protocols for which a dynamic name can be set.
    static let protocols = ["dyndns2"]

    let desk: RemoteAccessDesk
    let authorizer: ServiceAuthorizer

    private let supported = HostedVariable("DynamicDNSSupportedProtocols", Self.protocols.joined(separator: ","))
    private let topology = HostedVariable("NetworkTopologyInfo", "Unknown")
    /// Never has the document as its value: it has a password in it.
    private let dynamicDNS = HostedVariable("DynamicDNSConfigInfo", "")
    private let stunServer = HostedVariable("STUNServerAddress", "", maximumLength: 253)

    init(desk: RemoteAccessDesk, authorizer: ServiceAuthorizer) {
        self.desk = desk
        self.authorizer = authorizer
    }

    func service() -> HostedService {
        HostedService(Self.serviceType) {
            HostedAction(
                "GetDynamicDNSSupportedProtocols", out: supported.argument("DynamicDNSSupportedProtocols")
            ) { supported.value }
            HostedAction("GetNetworkTopologyInfo", out: topology.argument("CurrentNetworkTopologyInfo")) {
                topology.value
            }
            HostedAction("SetDynamicDNSConfigInfo", in: dynamicDNS.argument("NewDynamicDNSConfigInfo")) {
                (call: ActionInvocation, text: String) in
                try authorizer.require(.admin, call)
                try await setDynamicDNS(text)
            }
            HostedAction("SetSTUNServerAddress", in: stunServer.argument("NewSTUNServerAddress")) {
                (call: ActionInvocation, text: String) in
                try authorizer.require(.admin, call)
                guard Self.isHost(text) else {
                    throw UPnPFault(.argumentValueInvalid, description: "This is neither a host's name nor an address.")
                }
                try await desk.setSTUNServer(text)
            }
        }
    }

    private func setDynamicDNS(_ text: String) async throws {
        let configuration: DynamicDNSConfiguration
        do throws(RemoteAccessDocumentError) {
            configuration = try DynamicDNSConfiguration(parsing: text.utf8)
        } catch {
            // Nothing of the document is repeated: it has a password in it.
            throw UPnPFault(.argumentValueInvalid, description: "The argument is not a dynamicDNSConfiguration.")
        }
        guard Self.protocols.contains(configuration.dynamicDNSProtocol.lowercased()) else {
            throw UPnPFault(
                .argumentValueInvalid,
                description: "The protocols are \(Self.protocols.joined(separator: ", ")).")
        }
        guard Self.isHost(configuration.server), Self.isHost(configuration.domain) else {
            throw UPnPFault(.argumentValueInvalid, description: "server and domain are names of hosts.")
        }
        try await desk.set(configuration)
    }

    /// A name of a host (RFC 1123 §2.1) or an address.
    static func isHost(_ text: String) -> Bool {
        if IPAddress(text) != nil { return true }
        guard (1...253).contains(text.utf8.count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { byte in
                    byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                        || (0x61...0x7A).contains(byte)
                }
        }
    }
}
