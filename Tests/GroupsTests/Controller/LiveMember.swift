import Groups
import Logging
import NIOPosix
import NIOSUPnP
import NetworkTypes
import SUPnP
import Synchronization
import Testing

/// A member on sockets of its own.
final class LiveMember: Sendable {
    typealias Machine = Member<SystemRandomNumberGenerator>

    let name: String
    let events = Happenings<MemberEvent>()
    private let host: MachineHost<Machine>

    init(
        _ name: String, code: SetupCode, roles: DeviceRoles, offers: [String] = [], links: [InterfaceAddress],
        answer: (@Sendable ([UInt8]) -> [UInt8])? = nil
    ) throws {
        let id = try #require(DeviceID(name))
        self.name = name
        var device = DeviceEngine.Configuration(id: id, code: code.bytes)
        device.roles = roles
        device.takesTestDerivation = true
        var configuration = MemberConfiguration(device: device)
        configuration.offers = offers.compactMap { ServiceName($0).map { ServiceOffer($0) } }
        let events = events
        let box = Mutex<MachineHost<Machine>?>(nil)
        let own = Shared(box)
        let setUp = configuration
        host = MachineHost(
            MachineSockets(links: links), eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: ControllerNetwork.quiet
        ) { _ in
            Machine(setUp, random: SystemRandomNumberGenerator())
        } effect: { effect in
            switch effect {
            case .derive(let work): own.host?.tell(.derived(work.run()))
            case .keep(_, let number): own.host?.tell(.kept(number))
            case .event(let event):
                events.add(event)
                if case .request(let request) = event, let answer {
                    own.host?.tell(.answer(request.id, payload: answer(request.payload), isLast: true))
                }
            }
        }
        own.host = host
    }

    /// Works until cancelled.
    func run(controller: SocketEndpoint) async throws {
        try await host.run { [host] _ in host.tell(.start(controller: controller)) }
    }

    func leave() { host.tell(.leave) }

    /// Asks, and gives the answers once the request is over.
    func ask(_ service: String, _ payload: [UInt8], window: Duration = .seconds(2)) async throws -> [[UInt8]] {
        let name = try #require(ServiceName(service))
        let start = events.all.count
        let number = try await host.perform { machine, now in
            machine.request(name, payload: payload, window: window, lowestSuite: nil, now: now)
        }
        let id = try #require(number)
        try await events.first("end of the request", after: start) { event in
            switch event {
            case .completed(id, _, _), .refused(id, _), .timedOut(id): true
            default: false
            }
        }
        return events.all.dropFirst(start).compactMap { event in
            if case .answer(id, _, _, let payload) = event { payload } else { nil }
        }
    }

    func isRegistered() async throws {
        try await events.first("registration of \(name)") { if case .registered = $0 { true } else { false } }
    }

    func isInEpoch(_ epoch: UInt32) async throws {
        try await events.first("epoch \(epoch) of \(name)") { if case .epoch(let e) = $0 { e >= epoch } else { false } }
    }
}

private final class Shared: Sendable {
    private let box: Mutex<MachineHost<LiveMember.Machine>?>

    init(_ box: consuming Mutex<MachineHost<LiveMember.Machine>?>) { self.box = box }

    var host: MachineHost<LiveMember.Machine>? {
        get { box.withLock { $0 } }
        set { box.withLock { $0 = newValue } }
    }
}
