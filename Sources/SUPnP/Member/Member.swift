package import GroupKeys
package import NetworkTypes

/// A device in a group, as client, as server or as both (group keys specification 3.5 to 3.10, the device's side).
///
///     idle ──start──▶ registering ──REG_DONE──▶ member ──leave, evicted──▶ idle
///                                               member ──lost──▶ registering
///
/// It starts with an id and a code. By default it keeps no key across a restart: it registers again, so that no counter of
/// before is ever continued. A hardened one can keep its keys instead (``KeptMember``). After each ``handle``, ``nextOutput()`` is drained to nil.
package struct Member<Random: RandomNumberGenerator>: ~Copyable {
    /// What comes in.
    package enum Input: Sendable {
        /// Register with the controller that was discovered here.
        case start(controller: SocketEndpoint)
        /// A datagram of the network, unicast or of the group.
        case datagram([UInt8], from: SocketEndpoint)
        /// Stretching of ``Output/derive(_:)`` is done.
        case derived(PasswordDerivationWork.Result)
        /// Offer these services from here on.
        case offer([ServiceOffer])
        /// Answer a request.
        case answer(DataPayload.ForwardID, payload: [UInt8], isLast: Bool)
        /// What ``Output/keep(_:number:)`` has given is written, under this number.
        case kept(UInt64)
        /// Nobody waits for the answers to this request any more.
        case abandon(UInt64)
        /// Be a member no longer.
        case leave
        /// Get fresh pairwise secrets.
        case refresh
        /// The time that ``Output/wake(at:)`` named has come.
        case wake
    }

    /// What goes out.
    package enum Output: Sendable {
        /// A datagram to a controller.
        case transmit([UInt8], to: SocketEndpoint)
        /// Stretching to do, here or elsewhere.
        case derive(PasswordDerivationWork)
        /// Receive what is sent to the group's multicast address.
        case joinMulticast(SocketEndpoint)
        /// Receive it no longer.
        case leaveMulticast(SocketEndpoint)
        /// Write this in the place of what is stored, then tell with ``Input/kept(_:)``; nil: erase it.
        case keep(KeptMember?, number: UInt64)
        /// ``Input/wake`` is wanted then.
        case wake(at: ContinuousClock.Instant)
        /// Something for the application.
        case event(MemberEvent)
    }

    let configuration: MemberConfiguration
    var registration: DeviceEngine
    var session: MemberSession?
    var requests: ClientRequests
    var offers: [ServiceOffer]
    var outputs = OutputQueue<Output>()
    var random: Random
    private var controller: SocketEndpoint?
    private var startAgainAt: ContinuousClock.Instant?

    /// A device that has not begun.
    package init(_ configuration: MemberConfiguration, random: Random) {
        self.configuration = configuration
        self.random = random
        registration = DeviceEngine(configuration.device)
        requests = ClientRequests(using: &self.random)
        offers = configuration.offers
    }

    /// A device that goes on with what it had kept. `controller` is where it registers if it is a member no longer.
    package init(
        _ configuration: MemberConfiguration, resuming kept: KeptMember, controller: SocketEndpoint,
        now: ContinuousClock.Instant, random: Random
    ) {
        self.init(configuration, random: random)
        self.controller = controller
        guard let session = MemberSession(resuming: kept, at: controller, now: now, using: &self.random) else {
            startAgain(after: .zero, now: now)
            return
        }
        self.session = session
        if let multicast = session.identity.multicast { outputs.append(.joinMulticast(multicast)) }
        queryDirectory(now: now)
        registerServices(now: now)
        keepChanges()
        outputs.append(.wake(at: now))
    }

    /// Its number in the group; nil when it is no member.
    package var id: MemberID? { session?.id }
    /// Whether it answers requests, which its credential decides; false when it is no member.
    package var isServer: Bool { session?.isServer ?? false }
    /// The epoch that it is in; nil for a client, and when it is no member.
    package var epoch: UInt32? { session?.tree?.epoch }
    /// That epoch's secret: for tests, which compare it.
    package var epochSecret: SecretBytes? { session?.tree?.epochSecret }
    /// What a member holds of the tree: for tests, which show what a seized member has.
    package var path: MemberPath? { session?.tree?.path }
    /// The number of a classic server's traffic key.
    package var trafficKeyID: UInt16? { session?.classic?.trafficKeyID }
    /// The services that can be asked for.
    package var services: [ServiceName] { session?.directory.services ?? [] }

    /// Takes an input.
    package mutating func handle(_ input: Input, now: ContinuousClock.Instant) {
        switch input {
        case .start(let controller):
            self.controller = controller
            register(now: now)
        case .datagram(let bytes, let source): receive(bytes, from: source, now: now)
        case .derived(let result):
            registration.handle(.derived(result), now: now, using: &random)
            serveRegistration(now: now)
        case .offer(let offers):
            self.offers = offers
            registerServices(now: now)
        case .answer(let id, let payload, let isLast): answer(id, payload: payload, isLast: isLast)
        case .kept(let number): kept(number, now: now)
        case .abandon(let id): _ = requests.ended(id)
        case .leave: session?.tasks.leave = .control(at: now, attempts: 4)
        case .refresh: beginRefresh(now: now)
        case .wake: break
        }
        advance(now: now)
        keepChanges()
    }

    /// The next thing to do; nil when all is done.
    package mutating func nextOutput() -> Output? { outputs.next() }

    // MARK: Registration

    private mutating func register(now: ContinuousClock.Instant) {
        guard let controller, session == nil else { return }
        startAgainAt = nil
        registration = DeviceEngine(configuration.device, after: registration)
        registration.handle(.start(controller: controller), now: now, using: &random)
        serveRegistration(now: now)
    }

    private mutating func serveRegistration(now: ContinuousClock.Instant) {
        while let output = registration.nextOutput() {
            switch output {
            case .transmit(let bytes, let address): outputs.append(.transmit(bytes, to: address))
            case .derive(let work): outputs.append(.derive(work))
            case .wake(let instant): outputs.append(.wake(at: instant))
            case .registered(let registered): begin(registered, now: now)
            case .failed(let failure):
                outputs.append(.event(.registrationFailed(failure)))
                startAgain(after: .seconds(2), now: now)
            }
        }
    }

    private mutating func begin(_ registered: Registered, now: ContinuousClock.Instant) {
        guard session == nil,
            let session = MemberSession(
                registered, at: controller, keepsKeys: configuration.keepsKeys, now: now, using: &random)
        else { return }
        self.session = session
        outputs.append(.event(.registered(session.id.rawValue)))
        if let multicast = session.identity.multicast { outputs.append(.joinMulticast(multicast)) }
        if session.store == nil, let epoch = session.tree?.epoch { outputs.append(.event(.epoch(epoch))) }
        queryDirectory(now: now)
        registerServices(now: now)
    }

    /// The member is none any more.
    mutating func end(_ event: MemberEvent, now: ContinuousClock.Instant) {
        guard let session else { return }
        if let multicast = session.identity.multicast { outputs.append(.leaveMulticast(multicast)) }
        for service in session.directory.services { outputs.append(.event(.directory(.vanished(service)))) }
        if session.store != nil { outputs.append(.keep(nil, number: 0)) }
        self.session = nil
        outputs.append(.event(event))
        if event == .lost { startAgain(after: .zero, now: now) }
    }

    private mutating func startAgain(after wait: Duration, now: ContinuousClock.Instant) {
        guard configuration.persists else { return }
        startAgainAt = now + wait
        outputs.append(.wake(at: now + wait))
    }

    // MARK: Dispatch

    private mutating func receive(_ bytes: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant) {
        switch DatagramClass(bytes) {
        case .refused(.clearData): takeClear(bytes, now: now)
        case .plain, .refused: return
        case .clear(let header, .rekey): followRekey(bytes, header, now: now)
        case .clear(_, .beacon): followBeacon(bytes, now: now)
        case .clear:
            guard session == nil else { return }
            registration.handle(.datagram(bytes, from: source), now: now, using: &random)
            serveRegistration(now: now)
        case .sealed(let header):
            header.flags.contains(.group)
                ? receiveBroadcast(bytes, header, now: now)
                : receivePairwise(bytes, header, now: now)
        }
    }

    private mutating func advance(now: ContinuousClock.Instant) {
        if let at = startAgainAt { at <= now ? register(now: now) : outputs.append(.wake(at: at)) }
        if session == nil {
            registration.handle(.woken, now: now, using: &random)
            serveRegistration(now: now)
        }
        advanceTasks(now: now)
        advanceRequests(now: now)
    }
}
