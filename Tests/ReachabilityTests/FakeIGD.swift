import NetworkTypes
import Synchronization
import Traversal
import UPnP

@testable import Reachability

/// A gateway device in memory, with the manners of one router or another.
final class FakeIGD: IGDActions {
    struct Entry: Hashable {
        var client: String
        var port: UInt16
        var lease: String
    }

    struct State {
        /// Of TCP.
        var mappings: [UInt16: Entry] = [:]
        var udp: [UInt16: Entry] = [:]
        var external = "203.0.113.5"
        var status = "Connected"
        /// Actions that are answered with an error, such as `AddPortMapping`, or `AddPortMapping UDP`.
        var refusals: [String: Int] = [:]
        /// Whether a lease other than 0 is refused (725).
        var isPermanentOnly = false
        /// Whether another external port than the internal one is refused (724).
        var wantsSamePort = false
        var calls: [String] = []
        /// Whether an action is carried out and then not answered, until its caller gives up.
        var stopsAnswering: @Sendable (String) -> Bool = { _ in false }
        var hasFirewall = true
        var allowsPinholes = true
        /// By number: address, protocol and port.
        var pinholes: [String: String] = [:]
        /// How many were opened: no number is given twice.
        var opened = 0
    }

    let connection: String
    let firewall: String?
    let state: Mutex<State>

    init(version: Int, firewall: Bool = false, _ state: State = State()) {
        connection = "urn:schemas-upnp-org:service:WANIPConnection:\(version)"
        self.firewall = firewall ? "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1" : nil
        self.state = Mutex(state)
    }

    func invoke(
        _ action: String, of service: String, _ arguments: [(String, String)]
    ) async throws -> [String: String] {
        let (answer, isSilent) = try state.withLock { state in
            (
                try Self.answer(action, Dictionary(arguments) { first, _ in first }, &state),
                state.stopsAnswering(action)
            )
        }
        while isSilent { try await Task.sleep(for: .seconds(3_600)) }
        return answer
    }

    var mappings: [UInt16: Entry] { state.withLock { $0.mappings } }
    var udp: [UInt16: Entry] { state.withLock { $0.udp } }
    var pinholes: [String: String] { state.withLock { $0.pinholes } }
    var calls: [String] { state.withLock { $0.calls } }

    private static func fault(_ code: Int) -> UPnPFault { UPnPFault(UPnPErrorCode(rawValue: code)) }

    private static func answer(
        _ action: String, _ values: [String: String], _ state: inout State
    ) throws -> [String: String] {
        state.calls.append(action)
        if let code = state.refusals[action] { throw fault(code) }
        let port = values["NewExternalPort"].flatMap { UInt16($0) } ?? 0
        let table: WritableKeyPath<State, [UInt16: Entry]> = values["NewProtocol"] == "UDP" ? \.udp : \.mappings
        if let code = state.refusals["\(action) \(values["NewProtocol"] ?? "")"] { throw fault(code) }
        switch action {
        case "GetStatusInfo": return ["NewConnectionStatus": state.status]
        case "GetExternalIPAddress": return ["NewExternalIPAddress": state.external]
        case "AddPortMapping":
            try check(values, port, state)
            if let other = state[keyPath: table][port], other.client != values["NewInternalClient"] { throw fault(718) }
            state[keyPath: table][port] = entry(values)
            return [:]
        case "AddAnyPortMapping":
            try check(values, port, state)
            var given = port
            while let other = state[keyPath: table][given], other.client != values["NewInternalClient"] { given += 1 }
            state[keyPath: table][given] = entry(values)
            return ["NewReservedPort": "\(given)"]
        case "GetSpecificPortMappingEntry":
            guard let found = state[keyPath: table][port] else { throw fault(714) }
            return ["NewInternalClient": found.client, "NewInternalPort": "\(found.port)"]
        case "DeletePortMapping":
            guard state[keyPath: table].removeValue(forKey: port) != nil else { throw fault(714) }
            return [:]
        case "GetFirewallStatus":
            return [
                "FirewallEnabled": state.hasFirewall ? "1" : "0",
                "InboundPinholeAllowed": state.allowsPinholes ? "1" : "0",
            ]
        case "AddPinhole":
            let hole = ["InternalClient", "Protocol", "InternalPort"].map { values[$0] ?? "" }.joined(separator: " ")
            // The same pinhole keeps its number.
            let known = state.pinholes.first { $0.value == hole }?.key
            if known == nil { state.opened += 1 }
            let id = known ?? "\(state.opened)"
            state.pinholes[id] = hole
            return ["UniqueID": id]
        case "UpdatePinhole", "GetPinholePackets", "DeletePinhole":
            guard let id = values["UniqueID"], state.pinholes[id] != nil else { throw fault(704) }
            if action == "DeletePinhole" { state.pinholes[id] = nil }
            return action == "GetPinholePackets" ? ["PinholePackets": "0"] : [:]
        default: throw fault(401)
        }
    }

    private static func check(_ values: [String: String], _ port: UInt16, _ state: State) throws {
        if state.isPermanentOnly, values["NewLeaseDuration"] != "0" { throw fault(725) }
        if state.wantsSamePort, values["NewInternalPort"] != "\(port)" { throw fault(724) }
    }

    private static func entry(_ values: [String: String]) -> Entry {
        Entry(
            client: values["NewInternalClient"] ?? "", port: values["NewInternalPort"].flatMap { UInt16($0) } ?? 0,
            lease: values["NewLeaseDuration"] ?? "")
    }
}
