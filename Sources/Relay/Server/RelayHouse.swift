internal import Logging
internal import NIOCore
internal import NIOSSL
internal import NetworkTypes
internal import RelayProtocol

/// What a relay has on its event loop: the switchboard, the connections that it names, and the counters.
final class RelayHouse {
    typealias ID = Switchboard.ConnectionID

    let configuration: RelayConfiguration
    /// Who may register; nil everybody.
    var invited: InviteList?
    let context: NIOSSLContext
    /// The relay's own pin, as registrations must name it.
    let audience: [UInt8]
    let logger: Logger
    private let loop: any EventLoop
    private(set) var switchboard: Switchboard
    var counters = RelayCounters()
    private var random = SystemRandomNumberGenerator()
    private var lastID: ID = 0
    private var newcomers = 0
    private var standbys: [ID: StandbyHandler] = [:]
    private var waiting: [ID: FrontDoorHandler] = [:]
    private var splices: [ID: SpliceHandler] = [:]
    private var chores: RepeatedTask?
    private var turns = 0
    private var emptied: EventLoopPromise<Void>?

    init(
        _ configuration: RelayConfiguration, context: NIOSSLContext, audience: [UInt8], logger: Logger,
        loop: any EventLoop
    ) {
        self.configuration = configuration
        self.invited = configuration.invited
        self.context = context
        self.audience = audience
        self.logger = logger
        self.loop = loop
        self.switchboard = Switchboard(limits: configuration.limits)
    }

    /// The counters with what is there at the moment.
    var current: RelayCounters {
        var counters = counters
        counters.gateways = switchboard.gatewayCount
        counters.sessions = switchboard.sessionCount
        counters.newcomers = newcomers
        return counters
    }

    // MARK: Newcomers

    /// A handler for a connection that has just come; nil when there are too many that have said nothing yet.
    func open(_ channel: any Channel) -> FrontDoorHandler? {
        counters.connections += 1
        guard newcomers < configuration.maximumNewcomers, let remote = SocketEndpoint(channel.remoteAddress) else {
            counters.refuse(.busy)
            return nil
        }
        newcomers += 1
        lastID += 1
        return FrontDoorHandler(house: self, id: lastID, remote: remote)
    }

    /// It has said what it is for, or gone.
    func settled() { newcomers -= 1 }

    // MARK: Gateways

    func registrationArrived(from source: IPAddress) -> RelayRefusal? {
        switchboard.registrationArrived(from: source, now: .now)
    }

    func registrationEnded(from source: IPAddress) { switchboard.registrationEnded(from: source) }

    /// A gateway has proved its key.
    func register(_ request: RegistrationRequest?, pin: [UInt8], from source: IPAddress) -> RegistrationAnswer {
        guard let request, let name = RelayName(keyDigest: pin) else { return refuse(.malformed) }
        guard request.audience == audience else { return refuse(.wrongAudience) }
        if let invited, !invited.admits(name, request) { return refuse(.notInvited) }
        let answer = switchboard.register(name, from: source, now: .now, using: &random)
        if case .refused(let refusal) = answer { counters.refuse(refusal) }
        return answer
    }

    private func refuse(_ refusal: RelayRefusal) -> RegistrationAnswer {
        counters.refuse(refusal)
        return .refused(refusal)
    }

    func key(of ticket: RelayTicket) -> StandbyKey? { switchboard.key(of: ticket) }

    /// A standby connection has proved its key; false when its ticket is over.
    func stand(_ handler: StandbyHandler, _ ticket: RelayTicket) -> Bool {
        guard let replaced = switchboard.standbyProved(ticket, connection: handler.id, now: .now) else { return false }
        standbys[handler.id] = handler
        counters.registrations += 1
        if let replaced, let old = standbys.removeValue(forKey: replaced) {
            counters.replacements += 1
            old.close(saying: .replaced)
        }
        return true
    }

    func heard(_ id: ID) { switchboard.heard(id, now: .now) }

    func standbyEnded(_ id: ID) {
        standbys[id] = nil
        for session in switchboard.standbyEnded(id) { waiting[session]?.refuse(.unanswered) }
    }

    func declined(_ call: RelayTicket, by id: ID) {
        guard let session = switchboard.declined(call, by: id) else { return }
        waiting[session]?.refuse(.unanswered)
    }

    // MARK: Clients

    /// A client asks for a gateway: nil when that is called, and the client has to wait.
    func arrived(_ door: FrontDoorHandler, for name: RelayName) -> RelayRefusal? {
        let arrival = switchboard.clientArrived(
            door.id, for: name, from: door.remote.address, now: .now, using: &random)
        switch arrival {
        case .refused(let refusal): return refusal
        case .call(let gateway, let call):
            counters.calls += 1
            waiting[door.id] = door
            standbys[gateway]?.send(.call(call))
            return nil
        }
    }

    /// A connection answers a call: the client that has waited for it.
    func answered(_ ticket: RelayTicket) -> FrontDoorHandler? {
        switchboard.answered(ticket).flatMap { waiting.removeValue(forKey: $0) }
    }

    func began(_ splice: SpliceHandler, _ id: ID) {
        counters.joined += 1
        splices[id] = splice
    }

    func sessionEnded(_ id: ID) {
        waiting[id] = nil
        splices[id] = nil
        switchboard.sessionEnded(id)
        if switchboard.sessionCount == 0 { emptied?.succeed() }
    }

    // MARK: Time

    func start() {
        let house = NIOLoopBound(self, eventLoop: loop)
        chores = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in house.value.chore() }
    }

    private func chore() {
        turns += 1
        let expired = switchboard.expire(now: .now)
        for session in expired.unanswered { waiting[session]?.refuse(.unanswered) }
        for id in expired.silent { standbys[id]?.close(saying: nil) }
        guard turns.isMultiple(of: 30) else { return }
        switchboard.sweep(now: .now)
        let quiet = NIODeadline.now() - configuration.idleTime
        for splice in splices.values where splice.lastUse < quiet { splice.close() }
    }

    // MARK: The end

    /// Takes nobody new and tells the gateways; answers how many sessions go on.
    func drain() -> Int {
        switchboard.drain()
        let seconds = UInt16(clamping: configuration.drainTime.nanoseconds / 1_000_000_000)
        for standby in standbys.values { standby.send(.draining(seconds)) }
        return switchboard.sessionCount
    }

    func whenEmpty(_ promise: EventLoopPromise<Void>, within time: TimeAmount) {
        guard switchboard.sessionCount > 0 else { return promise.succeed() }
        emptied = promise
        loop.assumeIsolated().scheduleTask(in: time) { promise.succeed() }
    }

    func giveUp() { emptied?.succeed() }

    func close() {
        chores?.cancel()
        for splice in splices.values { splice.close() }
        for door in waiting.values { door.refuse(.draining) }
        for standby in standbys.values { standby.close(saying: nil) }
    }
}
