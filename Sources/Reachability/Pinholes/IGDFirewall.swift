import NIOUPnP
package import NetworkTypes
package import Traversal
import UPnP

/// WANIPv6FirewallControl:1 of an internet gateway device: opens its firewall for ports of this host, and closes it again.
///
/// A pinhole translates nothing. Without an identity that the router knows, a host may open them for its own address alone
/// (IGD:2, WANIPv6FirewallControl:1 §2.4), so requests have to come from that address.
package struct IGDFirewall: Sendable {
    /// What the firewall says of itself.
    package enum Status: Hashable, Sendable {
        /// Everything comes in.
        case off
        case allowsPinholes
        case forbidsPinholes
    }

    private let actions: any IGDActions
    private let service: String

    /// Nil where the device has no such service.
    package init?(_ actions: any IGDActions) {
        guard let service = actions.firewall else { return nil }
        self.actions = actions
        self.service = service
    }

    private func invoke(_ action: String, _ arguments: [(String, String)] = []) async throws -> [String: String] {
        try await actions.invoke(action, of: service, arguments)
    }

    package func status() async throws -> Status {
        let status = try await invoke("GetFirewallStatus")
        if status["FirewallEnabled"] == "0" { return .off }
        return status["InboundPinholeAllowed"] == "0" ? .forbidsPinholes : .allowsPinholes
    }

    /// Opens a pinhole for an own address, for everybody, and answers its number; one that is there already keeps its number
    /// and gets the lease (§2.5.4).
    package func open(_ target: MappingTarget, at address: IPAddress) async throws -> String {
        do {
            let answer = try await invoke(
                "AddPinhole",
                [
                    ("RemoteHost", ""), ("RemotePort", "0"), ("InternalClient", "\(address)"),
                    ("InternalPort", "\(target.port)"), ("Protocol", "\(target.transport.rawValue)"),
                    ("LeaseTime", "\(IGDRouter.lease)"),
                ])
            guard let id = answer["UniqueID"], !id.isEmpty else {
                throw IGDRouter.Refusal("the router tells no number of the pinhole")
            }
            return id
        } catch let fault as UPnPFault {
            throw IGDRouter.Refusal(Self.sentence(fault))
        }
    }

    /// Gives a pinhole another whole lease; false when the router does not know it.
    package func renew(_ id: String) async throws -> Bool {
        do {
            _ = try await invoke("UpdatePinhole", [("UniqueID", id), ("NewLeaseTime", "\(IGDRouter.lease)")])
            return true
        } catch is UPnPFault {
            return false
        }
    }

    /// Whether the router still has a pinhole; nil where it does not tell.
    package func has(_ id: String) async -> Bool? {
        do {
            _ = try await invoke("GetPinholePackets", [("UniqueID", id)])
            return true
        } catch let fault as UPnPFault where fault.code.rawValue == 704 {
            return false
        } catch {
            return nil
        }
    }

    package func close(_ id: String) async { _ = try? await invoke("DeletePinhole", [("UniqueID", id)]) }

    static func sentence(_ fault: UPnPFault) -> String {
        let code = fault.code.rawValue
        let meaning: String? =
            switch code {
            case 606: "the router does not let this host open pinholes"
            case 701: "the router has no room for another pinhole"
            case 702: "the router's IPv6 firewall is off"
            case 703: "the router allows no pinholes"
            case 705: "the router opens no pinholes for this protocol"
            default: nil
            }
        return "\(meaning ?? fault.description) (error \(code))"
    }
}
