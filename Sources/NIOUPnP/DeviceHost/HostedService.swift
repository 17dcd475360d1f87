public import NetworkTypes
public import UPnP

/// A service of a hosted device: its description, what its actions do, and its evented state.
public final class HostedService: Sendable {
    /// The type with its version.
    public let serviceType: String
    /// Such as `urn:upnp-org:serviceId:SwitchPower`; unique within its device.
    public let serviceID: String
    /// The description. Requests are checked against it before an action runs.
    public let scpd: SCPD

    /// What is told of the variables' changes.
    let events = ServiceEvents()

    private let actions: [String: Action]
    private let resultsAreTyped: Bool
    /// The variables that keep a value, in the description's order.
    private let stores: [VariableStore]

    /// What an action does: returns its out arguments, or throws a `UPnPFault` to be answered.
    ///
    /// Anything else that it throws is answered with 501, Action Failed.
    public typealias Action = @Sendable (ActionInvocation) async throws -> [ActionArgument]

    /// Makes a service whose description exists already, such as one read from a file.
    /// - Parameters:
    ///   - state: The values of variables; those left out start with their default.
    ///   - moderation: How seldom subscribers hear of variables that change fast.
    ///   - actions: By name. An action of the description that is missing here is answered with 602.
    public convenience init(
        serviceType: String, serviceID: String, scpd: SCPD, state: [String: String] = [:],
        moderation: [String: EventModeration] = [:], actions: [String: Action] = [:]
    ) {
        let stores = scpd.stateVariables.map { variable in
            let text = state[variable.name] ?? variable.defaultValue ?? ""
            return VariableStore(
                variable, UPnPValue(text, as: variable.dataType) ?? .string(text),
                moderation: moderation[variable.name], multicast: variable.multicast ? .general : nil
            )
        }
        self.init(
            serviceType: serviceType, serviceID: serviceID, scpd: scpd, stores: stores, actions: actions,
            resultsAreTyped: false
        )
    }

    convenience init(
        serviceType: String, serviceID: String, stores: [VariableStore], actionDescriptions: [ActionDescription],
        actions: [String: Action]
    ) {
        let scpd = SCPD(
            specVersion: SpecVersion(major: 2, minor: 0), actions: actionDescriptions,
            stateVariables: stores.map(\.declaration)
        )
        self.init(
            serviceType: serviceType, serviceID: serviceID, scpd: scpd, stores: stores, actions: actions,
            resultsAreTyped: true
        )
        for store in stores { store.bind(events) }
    }

    private init(
        serviceType: String, serviceID: String, scpd: SCPD, stores: [VariableStore], actions: [String: Action],
        resultsAreTyped: Bool
    ) {
        self.resultsAreTyped = resultsAreTyped
        self.serviceType = serviceType
        self.serviceID = serviceID
        self.scpd = scpd
        self.stores = stores.filter(\.hasState)
        self.actions = actions
    }

    /// The rules of variables that change fast, by their names.
    var moderation: [String: EventModeration] {
        var moderation: [String: EventModeration] = [:]
        for store in stores { moderation[store.declaration.name] = store.moderation }
        return moderation
    }

    /// The value of a variable, as text.
    public subscript(variable: String) -> String? { store(variable)?.value.text }

    private func store(_ name: String) -> VariableStore? { stores.first { $0.declaration.name == name } }

    /// Takes new values of variables and tells the subscribers of those that are evented and differ, in one event.
    ///
    /// Values are taken as they are; variables that the service does not have are left out.
    public func publish(_ changes: [EventProperty]) async {
        await events.publish(
            changes.compactMap { change in
                store(change.name).map { store in
                    (store, UPnPValue(change.value, as: store.declaration.dataType) ?? .string(change.value))
                }
            }
        )
    }

    /// The evented variables with their values.
    var eventedState: [EventProperty] {
        stores.filter(\.declaration.sendEvents).map { EventProperty($0.declaration.name, $0.value.text) }
    }

    /// Whether some variable is multicast.
    var multicasts: Bool { stores.contains { $0.multicast != nil } }

    /// The answer to an old control point's question for a variable (UDA 1.0 §3.3); 404 when there is none.
    func answer(to query: StateVariableQuery) throws(UPnPFault) -> StateVariableAnswer {
        let variable = try scpd.variable(for: query)
        guard let store = store(variable.name) else { throw UPnPFault(.invalidVar) }
        return StateVariableAnswer(value: store.value.text)
    }

    /// Runs an action for a request that has arrived, on whatever way: the tunnel's services are called so, too.
    package func invoke(
        _ request: ActionRequest, peer: SocketEndpoint, udn: String = "", connection: SecureConnection? = nil,
        authorizes: ActionAuthorization? = nil, resourceURL: @escaping @Sendable (String) -> HTTPURL?
    ) async throws(UPnPFault) -> ActionResponse {
        guard Self.accepts(request.serviceType, as: serviceType) else { throw UPnPFault(.invalidAction) }
        let checked = try request.checked(against: scpd)
        guard let action = actions[request.action] else { throw UPnPFault(.optionalActionNotImplemented) }
        let results: [ActionArgument]
        do {
            let invocation = ActionInvocation(
                service: self, request: checked, peer: peer, udn: udn, connection: connection, resourceURL: resourceURL
            )
            try await authorizes?(invocation)
            results = try await action(invocation)
        } catch let fault as UPnPFault {
            throw fault
        } catch {
            throw UPnPFault(.actionFailed)
        }
        // UDA 2.0 §3.1.2: out arguments in the description's order.
        var ordered: [ActionArgument] = []
        for expected in checked.action.outArguments {
            guard let result = results.first(where: { $0.name == expected.name }), isValue(result.value, of: expected)
            else { throw UPnPFault(.actionFailed) }
            ordered.append(result)
        }
        return ActionResponse(to: request, arguments: ordered)
    }

    /// Whether a result is what the description promises; typed actions have made sure of it themselves.
    private func isValue(_ text: String, of argument: ArgumentDescription) -> Bool {
        guard !resultsAreTyped, let variable = scpd.stateVariable(named: argument.relatedStateVariable) else {
            return true
        }
        return (try? variable.value(of: text)) != nil
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

/// Decides about an action before it runs: throws a `UPnPFault`, such as 606, to refuse it.
public typealias ActionAuthorization = @Sendable (ActionInvocation) async throws -> Void

/// A checked request for an action, and who asks.
public struct ActionInvocation: Sendable {
    /// The service that is asked: its state, and where to publish what changes.
    public let service: HostedService
    /// The action with its typed arguments.
    public let request: CheckedAction
    /// Who asks.
    public let peer: SocketEndpoint
    /// The UDN of the device that has the service.
    public let udn: String
    /// The TLS connection that the request came over; nil for one in clear.
    public let connection: SecureConnection?
    /// The URL of a resource of the device, by its name, as the asker reaches it.
    public let resourceURL: @Sendable (String) -> HTTPURL?

    /// The value of an argument.
    public subscript(name: String) -> UPnPValue? { request[name] }
}
