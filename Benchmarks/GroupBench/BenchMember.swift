import NIOCore
import NIOSUPnP
import NetworkTypes
import SUPnP
import Synchronization

/// A member that loses some of what it receives, by a dice of its own: on one host the system hands the same copy of a
/// multicast to every socket, so that a loss that its filters make hits all members or none.
struct LossyMember: ~Copyable, DatagramMachine {
    typealias Input = Member<Random>.Input
    typealias Effect = Member<Random>.Effect

    var member: Member<Random>
    let percent: Int
    /// Whether the group's multicasts reach it. Many clients stand for one host: it needs many because each may have 64
    /// open requests, and the system would hand every multicast to each of them, in the forwarder's time.
    let hearsGroup: Bool

    static func datagram(_ bytes: [UInt8], from source: SocketEndpoint) -> Input { .datagram(bytes, from: source) }
    static var wake: Input { .wake }

    mutating func handle(_ input: Input, now: ContinuousClock.Instant) {
        if percent > 0, case .datagram = input, Int.random(in: 0..<100) < percent { return }
        member.handle(input, now: now)
    }

    mutating func batchEnded(now: ContinuousClock.Instant) { member.batchEnded(now: now) }

    mutating func nextAction() -> MachineAction<Effect>? {
        while let action = member.nextAction() {
            if case .joinMulticast = action, !hearsGroup { continue }
            return action
        }
        return nil
    }
}

/// A member with its sockets. What it tells is handed on, on the event loop.
final class BenchMember: Sendable {
    let name: String
    private let configuration: MemberConfiguration
    private let links: [InterfaceAddress]
    private let eventLoop: any EventLoop
    private let percent: Int
    private let event: @Sendable (BenchMember, MemberEvent) -> Void
    private let made = Mutex<MachineHost<LossyMember>?>(nil)

    init(
        _ name: String, code: SetupCode, isServer: Bool, links: [InterfaceAddress], eventLoop: any EventLoop,
        percent: Int, event: @escaping @Sendable (BenchMember, MemberEvent) -> Void
    ) throws {
        guard let id = DeviceID(name) else { throw BenchFailure("the roster has a name that is none") }
        var device = DeviceEngine.Configuration(id: id, code: code.bytes)
        device.roles = isServer ? .server : .client
        device.takesTestDerivation = true
        var configuration = MemberConfiguration(device: device)
        if isServer, let service = ServiceName(ControllerRole.service) {
            configuration.offers = [ServiceOffer(service)]
        }
        self.name = name
        self.configuration = configuration
        self.links = links
        self.eventLoop = eventLoop
        self.percent = percent
        self.event = event
    }

    var host: MachineHost<LossyMember> {
        made.withLock { made in
            if let made { return made }
            let host = MachineHost<LossyMember>(MachineSockets(links: links), eventLoop: eventLoop, logger: quiet) {
                [configuration, percent, name] _ in
                LossyMember(
                    member: Member(configuration, random: Random()), percent: percent,
                    hearsGroup: name.hasPrefix("server") || name == "client-0")
            } effect: { effect in
                switch effect {
                case .derive(let work): self.host.tell(.derived(work.run()))
                case .keep(let state, let number): if state != nil { self.host.tell(.kept(number)) }
                case .event(let event): self.event(self, event)
                }
            }
            made = host
            return host
        }
    }
}
