package import Logging
package import NIOUPnP
import NetworkTypes
import Synchronization
package import UPnP

/// How a discovery agent reaches the one at the other end of a tunnel.
package protocol RADAPeerAccess: Sendable {
    /// Calls an action of the peer's RADASync. Throws when there is no answer in time.
    func call(_ request: ActionRequest) async throws -> ControlResult
    /// The UDN of the RADiscoveryAgent that is described there; nil when there is none.
    func discoveryAgent(at location: String) async throws -> String?
}

/// One end of RADASync over one tunnel: the service that the peer calls, and the calls to the peer's.
///
/// The same at both ends; `introduces` says which one begins. Runs until its task is cancelled, which is the end of
/// the tunnel.
package actor RADASyncAgent {
    /// The service's type.
    package static let serviceType = "urn:schemas-upnp-org:service:RADASync:2"
    /// The type of the device that has it.
    package static let deviceType = "urn:schemas-upnp-org:device:RADiscoveryAgent:2"

    /// The service as it is described.
    package nonisolated let service: HostedService
    private let access: any RADAPeerAccess
    private let changed: @Sendable (RADASyncPeer, _ removed: [String]) -> Void
    private let logger: Logger
    private var machine: RADASyncPeer
    private var pending: RADASyncPeer.Call?
    private var waiter: CheckedContinuation<Void, Never>?
    private var leaving: [CheckedContinuation<Void, Never>] = []

    /// - Parameters:
    ///   - changed: Told the state after each change, and which remote devices went with it.
    package init(
        _ machine: RADASyncPeer, access: any RADAPeerAccess, logger: Logger,
        changed: @escaping @Sendable (RADASyncPeer, _ removed: [String]) -> Void
    ) {
        self.machine = machine
        self.access = access
        self.logger = logger
        self.changed = changed
        let door = Door()
        service = Self.describe(door)
        door.agent.withLock { $0 = Weak(self) }
    }

    /// The devices that the peer may know of from now on.
    package func export(_ devices: [RADADeviceInfo]) { take(machine.export(devices, now: .now)) }

    /// Takes back at the peer what was told, as an orderly end does; returns when it has answered, or would not, or
    /// the task is cancelled.
    package func sayFarewell() async {
        take(machine.beginFarewell(now: .now))
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if machine.hasSaidFarewell || Task.isCancelled { return continuation.resume() }
                leaving.append(continuation)
            }
        } onCancel: {
            // Unstructured: a cancelled task must be woken from outside of it.
            Task { await self.left() }
        }
    }

    private func left() {
        for continuation in leaving { continuation.resume() }
        leaving = []
    }

    /// What the peer has told.
    package var state: RADASyncPeer { machine }

    /// Answers a request for the service: the HTTP status and the SOAP message.
    package nonisolated func answer(_ body: some Sequence<UInt8>, soapAction: String?) async -> (Int, String) {
        do throws(UPnPFault) {
            let request: ActionRequest
            do throws(ControlError) {
                guard let soapAction else { throw .invalidSOAPAction }
                request = try ActionRequest(parsing: Array(body), soapActionHeader: soapAction)
            } catch { throw error.fault }
            let here = SocketEndpoint(.v4(.loopback), port: 0)
            return (200, try await service.invoke(request, peer: here) { _ in nil }.serialized())
        } catch { return (500, error.serialized()) }
    }

    /// Calls the peer, and watches over its silence, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            if let call = pending {
                pending = nil
                let succeeded = await perform(call)
                take(machine.callEnded(succeeded: succeeded, now: .now))
            } else if let deadline = machine.nextDeadline, deadline <= .now {
                take(machine.timerFired(now: .now))
            } else {
                await wait(until: machine.nextDeadline)
            }
        }
        take(machine.disconnected())
    }

    private func take(_ outputs: [RADASyncPeer.Output]) {
        var removed: [String] = []
        var isChanged = false
        for output in outputs {
            switch output {
            case .call(let call): pending = call
            case .added: isChanged = true
            case .removed(let uuids):
                removed += uuids
                isChanged = true
            case .systemInfoChanged: isChanged = true
            }
        }
        if isChanged { changed(machine, removed) }
        if machine.hasSaidFarewell { left() }
        // Something that waits for work looks again: deadlines may have moved, too.
        wake()
    }

    private func wake() {
        waiter?.resume()
        waiter = nil
    }

    private func wait(until deadline: ContinuousClock.Instant?) async {
        // Unstructured and short: it ends with the waiting that it limits.
        let timer = deadline.map { deadline in
            Task {
                do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return }
                self.wake()
            }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { return continuation.resume() }
                waiter = continuation
            }
        } onCancel: {
            // Unstructured: a cancelled task must be woken from outside of it.
            Task { await self.wake() }
        }
        timer?.cancel()
    }

    private func perform(_ call: RADASyncPeer.Call) async -> Bool {
        let (action, arguments): (String, [ActionArgument]) =
            switch call {
            case .setDDDLocation(let location): ("SetDDDLocation", [ActionArgument("DDDLocation", location)])
            case .add(let devices): ("AddRemoteDevices", [Self.list(devices)])
            case .remove(let devices): ("RemoveRemoteDevices", [Self.list(devices)])
            case .heartbeat: ("HeartbeatUpdate", [])
            }
        let request = ActionRequest(
            serviceType: Self.serviceType, action: action, arguments: arguments + [ActionArgument("ID", machine.own)])
        do {
            switch try await access.call(request) {
            case .response: return true
            case .fault(let fault):
                logger.debug(
                    "the peer's RADASync refused", metadata: ["soap.action": "\(action)", "error": "\(fault)"])
                return false
            }
        } catch {
            logger.debug("the peer's RADASync did not answer", metadata: ["soap.action": "\(action)"])
            return false
        }
    }

    private static func list(_ devices: [RADADeviceInfo]) -> ActionArgument {
        ActionArgument("DeviceList", DADSDocument.deviceInfoList(devices).serialized())
    }

    // MARK: What the peer calls

    private func located(_ location: String, id: String) async throws -> Void {
        let found: String?
        do { found = try await access.discoveryAgent(at: location) } catch { found = nil }
        try run { (machine) throws(RADASyncPeer.Failure) in
            try machine.setDDDLocation(location, id: id, found: found, now: .now)
        }
    }

    private func listed(_ text: String, id: String, adds: Bool) throws {
        guard case .deviceInfoList(let devices)? = try? DADSDocument(parsing: text.utf8) else {
            throw Self.fault(.invalidDeviceList)
        }
        try run { (machine) throws(RADASyncPeer.Failure) in
            adds
                ? try machine.addRemoteDevices(devices, id: id, now: .now)
                : try machine.removeRemoteDevices(devices, id: id, now: .now)
        }
    }

    private func beat(id: String) throws {
        try run { (machine) throws(RADASyncPeer.Failure) in
            try machine.heartbeatUpdate(id: id, now: .now)
            return []
        }
    }

    private func run(
        _ change: (inout RADASyncPeer) throws(RADASyncPeer.Failure) -> [RADASyncPeer.Output]
    ) throws {
        do throws(RADASyncPeer.Failure) { take(try change(&machine)) } catch { throw Self.fault(error) }
    }

    private static func fault(_ failure: RADASyncPeer.Failure) -> UPnPFault {
        let sentence =
            switch failure {
            case .unknownID: "Unknown ID"
            case .invalidDeviceList: "Invalid DeviceList"
            case .dddNotFound: "DDD Not Found"
            }
        return UPnPFault(UPnPErrorCode(rawValue: failure.rawValue), description: sentence)
    }

    // MARK: The description

    private struct Weak: Sendable {
        weak var agent: RADASyncAgent?
        init(_ agent: RADASyncAgent) { self.agent = agent }
    }

    /// The service's way to its agent, which holds the service.
    private final class Door: Sendable {
        let agent = Mutex<Weak?>(nil)

        func open() throws(UPnPFault) -> RADASyncAgent {
            guard let agent = agent.withLock({ $0?.agent }) else {
                throw UPnPFault(.actionFailed, description: "The tunnel has ended.")
            }
            return agent
        }
    }

    private static func describe(_ door: Door) -> HostedService {
        let location = HostedArgumentType<String>("DDDLocation", maximumLength: 2_048)
        let list = HostedArgumentType<String>("DeviceInfoList")
        let uuid = HostedArgumentType<String>("UUID", maximumLength: 256)
        let network = HostedArgumentType<String>("NetworkAddressInfo")
        return HostedService(serviceType) {
            HostedVariable("SystemInfo", "")
            HostedAction("AddRemoteDevices", in: list.argument("DeviceList"), uuid.argument("ID")) {
                (list: String, id: String) in try await door.open().listed(list, id: id, adds: true)
            }
            HostedAction("RemoveRemoteDevices", in: list.argument("DeviceList"), uuid.argument("ID")) {
                (list: String, id: String) in try await door.open().listed(list, id: id, adds: false)
            }
            HostedAction("SetDDDLocation", in: location.argument("DDDLocation"), uuid.argument("ID")) {
                (location: String, id: String) in try await door.open().located(location, id: id)
            }
            HostedAction("HeartbeatUpdate", in: uuid.argument("ID")) { (id: String) in
                try await door.open().beat(id: id)
            }
            HostedAction("GetLocalNetworkAddressInfo", out: network.argument("LocalNetworkAddress")) {
                () async throws -> String in
                throw UPnPFault(
                    .actionFailed,
                    description: "Addresses are translated at the gateway: none leaves the home, and none can collide.")
            }
        }
    }
}
