import NIOUPnP
package import NetworkTypes
package import Traversal
import UPnP

/// The actions of one internet gateway device, apart from how they travel.
package protocol IGDActions: Sendable {
    /// The connection's service type, with its version.
    var connection: String { get }
    /// The type of its firewall's service; nil where it has none.
    var firewall: String? { get }
    /// Invokes an action; arguments are in the standard's order. Throws `UPnPFault`, or what kept it from being answered.
    func invoke(_ action: String, of service: String, _ arguments: [(String, String)]) async throws -> [String: String]
}

/// WANIPConnection, versions 1 and 2, for one host: makes, checks and removes its mappings.
package struct IGDRouter: Sendable {
    /// A mapping that was made.
    package struct Mapping: Hashable, Sendable {
        package let externalPort: UInt16
        /// Zero where the router makes permanent mappings only: such a one has to be removed by who made it.
        package let lease: Duration
    }

    /// Why a router does not map, in a sentence without a full stop.
    package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String

        package init(_ description: String) { self.description = description }

        /// Routers behind another NAT say so, as they have nothing to map to (miniupnpd does).
        package static let noAddress = Refusal("the router has no external address")
    }

    /// What mappings are called in the router's list.
    package static let purpose = "Latchkey"
    /// IGD:2 recommends an hour.
    package static let lease = 3_600
    /// Ports that are tried when one is taken.
    private static let attempts = 10

    private let actions: any IGDActions
    private let own: IPAddress
    private let router: String

    package init(_ actions: any IGDActions, own: IPAddress) {
        self.actions = actions
        self.own = own
        router = actions.connection
    }

    private var isVersion2: Bool { actions.connection.hasSuffix(":WANIPConnection:2") }

    private func invoke(_ action: String, _ arguments: [(String, String)] = []) async throws -> [String: String] {
        try await actions.invoke(action, of: router, arguments)
    }

    /// The external address; a router without one is refused.
    package func externalAddress() async throws -> IPAddress {
        let status = try? await invoke("GetStatusInfo")["NewConnectionStatus"]
        if let status, status != "Connected" { throw Refusal("the router's connection is \(status)") }
        let text: String
        do {
            text = try await invoke("GetExternalIPAddress")["NewExternalIPAddress"] ?? ""
        } catch let fault as UPnPFault {
            throw Refusal("the router tells no external address: \(Self.sentence(fault))")
        }
        guard let address = IPAddress(text), !address.isUnspecified else {
            throw Refusal.noAddress
        }
        return address
    }

    /// Maps a port, on the preferred external one if that is free; a mapping of this host's that is there is renewed.
    package func map(
        _ target: MappingTarget, preferred: UInt16, using random: inout some RandomNumberGenerator
    ) async throws -> Mapping {
        if isVersion2 {
            do {
                let answer = try await invoke("AddAnyPortMapping", arguments(target, external: preferred, Self.lease))
                if let port = answer["NewReservedPort"].flatMap({ UInt16($0) }), port != 0 {
                    return Mapping(externalPort: port, lease: .seconds(Self.lease))
                }
            } catch let fault as UPnPFault where Self.meansUnknownAction.contains(fault.code.rawValue) {
                // Some call themselves version 2 and have the actions of version 1.
            } catch let fault as UPnPFault where fault.code.rawValue == 725 {
                // Below with a permanent lease.
            } catch let fault as UPnPFault {
                throw Refusal(Self.sentence(fault))
            }
        }
        var port = preferred
        var lease = Self.lease
        for _ in 0..<Self.attempts {
            do {
                _ = try await invoke("AddPortMapping", arguments(target, external: port, lease))
                return Mapping(externalPort: port, lease: .seconds(lease))
            } catch let fault as UPnPFault {
                switch fault.code.rawValue {
                case 718 where port != target.port && port == preferred: port = target.port
                case 718, 729: port = UInt16.random(in: 49_152...65_535, using: &random)
                case 724 where port != target.port: port = target.port
                case 725 where lease != 0: lease = 0
                default: throw Refusal(Self.sentence(fault))
                }
            }
        }
        throw Refusal("every port that was tried is taken")
    }

    private static let meansUnknownAction: Set<Int> = [401, 501, 602]

    /// The standard's order, which some routers insist on.
    private func arguments(_ target: MappingTarget, external: UInt16, _ lease: Int) -> [(String, String)] {
        [
            ("NewRemoteHost", ""), ("NewExternalPort", "\(external)"), ("NewProtocol", target.transport.name),
            ("NewInternalPort", "\(target.port)"), ("NewInternalClient", "\(own)"), ("NewEnabled", "1"),
            ("NewPortMappingDescription", Self.purpose), ("NewLeaseDuration", "\(lease)"),
        ]
    }

    /// Whether the router still has a mapping of this host; nil where it does not tell.
    package func has(_ target: MappingTarget, external: UInt16) async -> Bool? {
        do {
            let entry = try await invoke(
                "GetSpecificPortMappingEntry",
                [("NewRemoteHost", ""), ("NewExternalPort", "\(external)"), ("NewProtocol", target.transport.name)])
            return entry["NewInternalClient"] == "\(own)" && entry["NewInternalPort"] == "\(target.port)"
        } catch let fault as UPnPFault where fault.code.rawValue == 714 {
            return false
        } catch {
            return nil
        }
    }

    /// Removes a mapping of one of our own names, also one that was made for an address that this host had before.
    package func remove(_ target: MappingTarget, external: UInt16, madeFor former: String) async {
        let key = [
            ("NewRemoteHost", ""), ("NewExternalPort", "\(external)"), ("NewProtocol", target.transport.name),
        ]
        // Somebody else may have the port by now.
        guard let entry = try? await invoke("GetSpecificPortMappingEntry", key),
            entry["NewInternalClient"] == former, entry["NewInternalPort"] == "\(target.port)"
        else { return }
        _ = try? await invoke("DeletePortMapping", key)
    }

    /// What an error of WANIPConnection means for who reads the log.
    static func sentence(_ fault: UPnPFault) -> String {
        let code = fault.code.rawValue
        let meaning: String? =
            switch code {
            case 401, 602: "the router has no such action"
            case 402: "the router does not understand the request"
            case 501: "the router could not do it"
            case 606: "the router does not let this host map ports"
            case 715, 716, 732: "the router takes no wildcards"
            case 718: "the port is taken by another host"
            case 724: "the router maps a port to the same port only"
            case 725: "the router makes permanent mappings only"
            case 726, 727: "the router takes wildcards only"
            case 728: "the router has no room for another mapping"
            case 729: "the port is taken by another rule of the router"
            default: nil
            }
        return "\(meaning ?? fault.description) (error \(code))"
    }
}

extension MappingTarget.Transport {
    /// `TCP` or `UDP`, as IGD writes it, and people do.
    package var name: String { self == .tcp ? "TCP" : "UDP" }
}
