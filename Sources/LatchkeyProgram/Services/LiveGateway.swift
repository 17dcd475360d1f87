package import AccessPolicy
package import Logging
package import NIOCore
package import NIOUPnP
package import RemoteAccess
package import ServiceLifecycle
import Synchronization
package import Traversal
package import TrustCore

/// The running gateway, as the program needs it.
///
/// `run()` serves until graceful shutdown: then it says goodbye to the clients and drains.
package protocol LiveGateway: Service {
    /// Who is connected.
    func sessions() async -> [SessionReport]
    /// What was found at home.
    func devices() async -> [DeviceReport]
    /// The same with their services, as policies see them.
    func deviceFacts() async -> [DeviceFacts]
    /// What it is doing.
    func status() async -> StatusReport
    /// How it is reached, and what would improve that.
    func doctor() async -> DoctorReport
    /// Takes over what was just written to the store, without waiting until the store tells it.
    func storeChanged() async
    /// Does something about consents; answers the questions that are open after it.
    func consent(_ order: ConsentOrder) async throws -> [ConsentReport]
    /// Opens the time in which who knows the PIN that is returned is handed a code on the home's own network.
    /// `local`: made with the address at which the gateway is reached there.
    func introduce(
        _ code: @Sendable (_ local: GatewayAddress?) async throws -> PairingCode
    ) async throws -> String
    /// Ends every session of a subject whose rights ended, beneath TLS, and says how many there were.
    func endSessions(of subject: SubjectID) async -> Int
}

extension LiveGateway {
    /// Nothing is known of it.
    package func doctor() async -> DoctorReport { DoctorReport(role: "gateway") }

    /// None: the devices that were seen before have to do.
    package func deviceFacts() async -> [DeviceFacts] { [] }

    /// It hosts nothing by which anybody could be introduced.
    package func introduce(
        _ code: @Sendable (_ local: GatewayAddress?) async throws -> PairingCode
    ) async throws -> String {
        throw ProgramError.failure("this gateway cannot introduce anybody; make a code without --lan")
    }

    /// Nobody is asked for one.
    package func consent(_ order: ConsentOrder) async throws -> [ConsentReport] { [] }
}

/// What a gateway is made of.
package struct GatewayContext: Sendable {
    package let configuration: GatewayConfiguration
    package let store: any GatewayStore
    /// Where the gateway's DeviceProtection identities are; without it, protected devices are called as by a stranger.
    package var deviceProtection: (any DeviceProtectionStore)?
    package let identity: GatewayIdentity
    /// Nil when no interface can speak UPnP: pairing and tools are served all the same.
    package let interface: NetworkInterface?
    /// Where clients reach the gateway at the moment.
    package let addresses: ReachableAddressBook
    /// What a client is told of how the gateway is found.
    package let addressAnswers: AddressDesk.Answers
    /// What is known of the way in.
    package let diagnosis: @Sendable (NATBehavior?) -> DoctorReport
    /// Finds the home's devices; nil without an interface.
    package let controlPoint: ControlPoint?
    /// How UPnP is spoken at home. What the process sends itself is known to all that have this value, so that the
    /// gateway finds nothing of its own.
    package let ssdp: SSDPConfiguration
    package let eventLoopGroup: any EventLoopGroup
    package let logger: Logger
    /// Prints an event.
    package let report: @Sendable (ProgramEvent) -> Void
    /// To be called once, when clients are served.
    package let serving: @Sendable () -> Void
}

/// Answers control requests while the gateway runs.
package struct LiveGatewayHandler: ControlRequestHandler {
    private let gateway: any LiveGateway
    private let store: StoreControlHandler
    private let pid: Int32

    package init(gateway: any LiveGateway, store: StoreControlHandler, pid: Int32) {
        self.gateway = gateway
        self.store = store
        self.pid = pid
    }

    package func handle(_ request: ControlRequest) async throws -> ControlReply {
        switch request {
        case .ping: return .pong(ProgramIdentity(role: "gateway", pid: pid))
        case .status:
            var status = await gateway.status()
            status.details.merge(await store.groupDetails()) { own, _ in own }
            return .status(status)
        case .sessions: return .sessions(await gateway.sessions())
        case .doctor: return .doctor(await gateway.doctor())
        case .devices: return .devices(await gateway.devices())
        case .clients, .group: return try await store.handle(request)
        case .policy(let request):
            let devices = if case .explain = request { await gateway.deviceFacts() } else { [DeviceFacts]() }
            let reply = try await store.policy(request, devices: devices)
            if case .stored = reply { await gateway.storeChanged() }
            return .policy(reply)
        case .consent(let order): return .consents(try await gateway.consent(order))
        case .pair(let order) where order.lan: return .introduction(try await introduce(order))
        case .role: return try await store.handle(request)
        case .pair, .rotateKey, .protection:
            let reply = try await store.handle(request)
            await gateway.storeChanged()
            return reply
        case .revoke(let name):
            let report = try await store.revoke(name) { [gateway] subject in
                let ended = await gateway.endSessions(of: subject)
                await gateway.storeChanged()
                return ended
            }
            return .revoked(report)
        }
    }

    private func introduce(_ order: PairingOrder) async throws -> IntroductionReport {
        var order = order
        // The time for an introduction is no longer.
        order.expiresIn = min(order.expiresIn, 600)
        let made = Mutex<PairingReport?>(nil)
        let pin = try await gateway.introduce { [order] local in
            let report = try await store.pair(order, reachedAlsoAt: local)
            made.withLock { $0 = report }
            await gateway.storeChanged()
            return try PairingCode(report.code)
        }
        guard let report = made.withLock({ $0 }) else { throw ProgramError.failure("no pairing code was made") }
        return IntroductionReport(pin: pin, id: report.id, expires: report.expires)
    }
}
