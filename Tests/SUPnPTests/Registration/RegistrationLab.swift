import GroupKeys
import NetworkTypes
import SUPnP

/// A device and a registrar with a wire between them that a test reads, changes and cuts, in virtual time.
struct RegistrationLab: ~Copyable {
    static let groupID = [UInt8](repeating: 0x47, count: 16)
    static let home = SocketEndpoint("192.0.2.1:58081") ?? SocketEndpoint(.v4(.loopback), port: 1)
    static let deviceAddress = SocketEndpoint("192.0.2.7:40000") ?? SocketEndpoint(.v4(.loopback), port: 2)
    static let lamp = DeviceID("lamp")

    /// A datagram on the wire.
    struct Datagram: Hashable {
        var bytes: [UInt8]
        var from: SocketEndpoint
        var to: SocketEndpoint

        var type: MessageType? { try? MessageType.read(bytes, at: WireSizes.header) }
        var message: ControlMessage? {
            try? ControlMessage.decode(bytes, from: WireSizes.header, checkingValues: false)
        }
    }

    var device: DeviceEngine
    var registrar: RegistrarEngine
    var random: SeededGenerator
    var now = ContinuousClock.now
    /// Everything that was sent.
    var sent: [Datagram] = []
    /// What happens to a datagram: what is returned arrives.
    var wire: (Datagram) -> [Datagram] = { [$0] }
    /// How the store answers an admission.
    var store: (AdmissionRequest) -> StoreAnswer = { _ in .committed }
    var result: Registered?
    var failure: DeviceFailure?
    var admissions: [AdmissionRequest] = []
    var events: [RegistrarEvent] = []
    private var deviceWake: ContinuousClock.Instant?
    private var registrarWake: ContinuousClock.Instant?
    private var inFlight: [Datagram] = []

    enum StoreAnswer { case committed, conflict, declined(RegistrationReason), silent }

    init(
        seed: UInt64 = 1, device: DeviceEngine.Configuration? = nil, registrar: RegistrarEngine.Configuration? = nil
    ) {
        random = SeededGenerator(seed: seed)
        let fakeKey = SecretBytes([UInt8](repeating: 0xFA, count: 32))
        var configuration = registrar ?? .init(groupID: Self.groupID, fakeKey: fakeKey)
        configuration.derivation = .testOnly
        self.registrar = RegistrarEngine(configuration, now: now, using: &random)
        self.device = DeviceEngine(device ?? Self.deviceConfiguration())
    }

    /// A lamp that knows this code.
    static func deviceConfiguration(code: String = "0123456789", id: DeviceID? = lamp) -> DeviceEngine.Configuration {
        var configuration = DeviceEngine.Configuration(
            id: id ?? DeviceID("?")!, code: SetupCode(code)?.bytes)
        configuration.takesTestDerivation = true
        configuration.roles = [.client, .server]
        return configuration
    }

    static func registrarConfiguration() -> RegistrarEngine.Configuration {
        RegistrarEngine.Configuration(groupID: groupID, fakeKey: SecretBytes([UInt8](repeating: 0xFA, count: 32)))
    }

    /// The key manager has a record of the device.
    mutating func provision(_ id: DeviceID? = lamp, code: String = "0123456789") {
        guard let id, let code = SetupCode(code),
            let record = CredentialRecord.provision(
                id: id, code: code, groupID: Self.groupID, roles: .server, derivation: .testOnly, using: &random)
        else { return }
        load(record)
    }

    mutating func load(_ record: CredentialRecord) {
        registrar.handle(.loaded(record), now: now, using: &random)
        drainRegistrar()
    }

    mutating func start() {
        device.handle(.start(controller: Self.home), now: now, using: &random)
        drainDevice()
        settle()
    }

    /// Puts a datagram on the wire, past whatever changes it.
    mutating func inject(_ datagram: Datagram) {
        inFlight.append(datagram)
        settle()
    }

    /// Lets time pass, timers and all, until the device is done or so long.
    mutating func run(for duration: Duration = .seconds(20)) {
        let end = now + duration
        while now < end, result == nil, failure == nil {
            let next = [deviceWake, registrarWake].compactMap(\.self).min() ?? end
            now = min(max(next, now + .milliseconds(1)), end)
            wake()
        }
    }

    /// Lets time pass whatever the device does.
    mutating func pass(_ duration: Duration) {
        now += duration
        wake()
    }

    private mutating func wake() {
        if let at = deviceWake, at <= now {
            deviceWake = nil
            device.handle(.woken, now: now, using: &random)
            drainDevice()
        }
        if let at = registrarWake, at <= now {
            registrarWake = nil
            registrar.handle(.woken, now: now, using: &random)
            drainRegistrar()
        }
        settle()
    }

    private mutating func settle() {
        while !inFlight.isEmpty {
            let datagram = inFlight.removeFirst()
            if datagram.to == Self.home {
                registrar.handle(.datagram(datagram.bytes, from: datagram.from), now: now, using: &random)
                drainRegistrar()
            } else if datagram.to == Self.deviceAddress {
                device.handle(.datagram(datagram.bytes, from: datagram.from), now: now, using: &random)
                drainDevice()
            }
        }
    }

    private mutating func send(_ bytes: [UInt8], from: SocketEndpoint, to: SocketEndpoint) {
        let datagram = Datagram(bytes: bytes, from: from, to: to)
        sent.append(datagram)
        inFlight += wire(datagram)
    }

    private mutating func drainDevice() {
        while let output = device.nextOutput() {
            switch output {
            case .transmit(let bytes, let target): send(bytes, from: Self.deviceAddress, to: target)
            case .derive(let work):
                device.handle(.derived(work.run()), now: now, using: &random)
            case .wake(let at): deviceWake = at
            case .registered(let registered): result = registered
            case .failed(let failure): self.failure = failure
            }
        }
    }

    private mutating func drainRegistrar() {
        while let output = registrar.nextOutput() {
            switch output {
            case .transmit(let bytes, let target): send(bytes, from: Self.home, to: target)
            case .work(let work): registrar.handle(.worked(work.id, work.run()), now: now, using: &random)
            case .admit(let request):
                admissions.append(request)
                answer(request)
            case .wake(let at): registrarWake = at
            case .event(let event): events.append(event)
            }
        }
    }

    private mutating func answer(_ request: AdmissionRequest) {
        let contents = DoneContents([.memberID: [0, 1, 0, 5], .keyID: [0, 9], .epoch: [0, 0, 0, 3]])
        switch store(request) {
        case .committed: registrar.handle(.admitted(request.id, contents), now: now, using: &random)
        case .conflict: registrar.handle(.discarded(request.id), now: now, using: &random)
        case .declined(let reason): registrar.handle(.declined(request.id, reason), now: now, using: &random)
        case .silent: break
        }
    }
}
