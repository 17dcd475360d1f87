public import NetworkTypes
import Synchronization
public import UPnP

/// A service of a hosted device: its description, what its actions do, and its evented state.
public final class HostedService: Sendable {
    /// The type with its version.
    public let serviceType: String
    /// Such as `urn:upnp-org:serviceId:SwitchPower`; unique within its device.
    public let serviceID: String
    /// The description. Requests are checked against it before an action runs.
    public let scpd: SCPD

    private struct State {
        var values: [String: String]
        var publishing: EventPublishing?
    }

    private let actions: [String: Action]
    private let state: Mutex<State>

    /// What an action does: returns its out arguments, or throws a `UPnPFault` to be answered.
    ///
    /// Anything else that it throws is answered with 501, Action Failed.
    public typealias Action = @Sendable (ActionInvocation) async throws -> [ActionArgument]

    /// Makes a service.
    /// - Parameters:
    ///   - state: The values of evented variables; those left out start with their default.
    ///   - actions: By name. An action of the description that is missing here is answered with 602.
    public init(
        serviceType: String, serviceID: String, scpd: SCPD, state: [String: String] = [:],
        actions: [String: Action] = [:]
    ) {
        self.serviceType = serviceType
        self.serviceID = serviceID
        self.scpd = scpd
        self.actions = actions
        var values: [String: String] = [:]
        for variable in scpd.eventedVariables {
            values[variable.name] = state[variable.name] ?? variable.defaultValue ?? ""
        }
        self.state = Mutex(State(values: values, publishing: nil))
    }

    /// The value of an evented variable.
    public subscript(variable: String) -> String? { state.withLock { $0.values[variable] } }

    /// Takes new values of evented variables and tells the subscribers of those that differ.
    public func publish(_ changes: [EventProperty]) async {
        let (publishing, changed) = state.withLock { state in
            let changed = changes.filter { state.values[$0.name] != nil && state.values[$0.name] != $0.value }
            for change in changed { state.values[change.name] = change.value }
            return (state.publishing, changed)
        }
        if !changed.isEmpty { await publishing?.publish(changed) }
    }

    /// Connects the service with its subscribers; `nil` disconnects it.
    func attach(_ make: (([EventProperty]) -> EventPublishing)?) -> EventPublishing? {
        state.withLock { state in
            let variables = scpd.eventedVariables.map { EventProperty($0.name, state.values[$0.name] ?? "") }
            state.publishing = make?(variables)
            return state.publishing
        }
    }

    /// Runs an action for a request that has arrived.
    func invoke(
        _ request: ActionRequest, peer: SocketEndpoint, resourceURL: @escaping @Sendable (String) -> HTTPURL?
    ) async throws(UPnPFault) -> ActionResponse {
        guard Self.accepts(request.serviceType, as: serviceType) else { throw UPnPFault(.invalidAction) }
        let checked = try request.checked(against: scpd)
        guard let action = actions[request.action] else { throw UPnPFault(.optionalActionNotImplemented) }
        let results: [ActionArgument]
        do {
            results = try await action(
                ActionInvocation(service: self, request: checked, peer: peer, resourceURL: resourceURL)
            )
        } catch let fault as UPnPFault {
            throw fault
        } catch {
            throw UPnPFault(.actionFailed)
        }
        // UDA 2.0 §3.1.2: out arguments in the description's order.
        var ordered: [ActionArgument] = []
        for expected in checked.action.outArguments {
            guard let result = results.first(where: { $0.name == expected.name }) else {
                throw UPnPFault(.actionFailed)
            }
            ordered.append(result)
        }
        return ActionResponse(to: request, arguments: ordered)
    }

    /// A service of version 2 takes requests for version 1 (UDA 2.0 §3.1).
    private static func accepts(_ requested: String, as offered: String) -> Bool {
        if requested == offered { return true }
        guard case .type(let name, let version) = SearchTarget(requested),
            case .type(let ownName, let ownVersion) = SearchTarget(offered)
        else { return false }
        return name == ownName && version <= ownVersion
    }
}

/// A checked request for an action, and who asks.
public struct ActionInvocation: Sendable {
    /// The service that is asked: its state, and where to publish what changes.
    public let service: HostedService
    /// The action with its typed arguments.
    public let request: CheckedAction
    /// Who asks.
    public let peer: SocketEndpoint
    /// The URL of a resource of the device, by its name, as the asker reaches it.
    public let resourceURL: @Sendable (String) -> HTTPURL?

    /// The value of an argument.
    public subscript(name: String) -> UPnPValue? { request[name] }
}
