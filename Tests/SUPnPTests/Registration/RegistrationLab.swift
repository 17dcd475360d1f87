import GroupKeys
import NetworkTypes
import SUPnP

/// A device and a registrar with a wire between them that a test reads, changes and cuts, in virtual time.
final class RegistrationLab {
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
    /// What REG_DONE says.
    var contents = DoneContents([.memberID: [0, 1, 0, 5], .keyID: [0, 9], .epoch: [0, 0, 0, 3]])
    /// Who else is on the network: what it sends when a datagram reaches its address.
    var others: [SocketEndpoint: (Datagram, ContinuousClock.Instant) -> [Datagram]] = [:]
    /// How the store answers an admission.
    var store: (AdmissionRequest) -> StoreAnswer = { _ in .committed }
    var result: Registered?
    var failure: DeviceFailure?
    var admissions: [AdmissionRequest] = []
    var events: [RegistrarEvent] = []
    /// Whether stretching waits for `stretch`.
    var holdsStretching = false
    private(set) var heldStretching: [PasswordDerivationWork] = []
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
        guard let id else { preconditionFailure("a device has a name of 1 to 64 bytes") }
        var configuration = DeviceEngine.Configuration(id: id, code: SetupCode(code)?.bytes)
        configuration.takesTestDerivation = true
        configuration.roles = [.client, .server]
        return configuration
    }

    static func registrarConfiguration() -> RegistrarEngine.Configuration {
        RegistrarEngine.Configuration(groupID: groupID, fakeKey: SecretBytes([UInt8](repeating: 0xFA, count: 32)))
    }

    /// The key manager has a record of the device.
    func provision(_ id: DeviceID? = lamp, code: String = "0123456789") {
        guard let id, let code = SetupCode(code),
            let record = CredentialRecord.provision(
                id: id, code: code, groupID: Self.groupID, roles: .server, derivation: .testOnly, using: &random)
        else { return }
        load(record)
    }

    /// The key manager has a classic record of the device, and the group lets it in.
    func provisionClassic(_ id: DeviceID? = lamp, password: String = "correct horse") {
        let salt = [UInt8](repeating: 0x5A, count: 16)
        guard let id, let password = ClassicPassword(password),
            let record = CredentialRecord(
                id: id, roles: .client, salt: salt, secret: .classic(salted: password.salted(salt)),
                minimumSuite: .classic)
        else { return }
        load(record)
    }

    /// A lab in which both sides have opted in to classic.
    static func classic(
        seed: UInt64 = 1, password: String = "correct horse", faults: ProtocolFaults = []
    ) -> RegistrationLab {
        var device = deviceConfiguration()
        device.suites = [.classic]
        device.code = nil
        device.password = ClassicPassword(password)
        device.faults = faults
        var registrar = registrarConfiguration()
        registrar.minimumSuite = .classic
        registrar.faults = faults
        return RegistrationLab(seed: seed, device: device, registrar: registrar)
    }

    func load(_ record: CredentialRecord) {
        registrar.handle(.loaded(record), now: now, using: &random)
        drainRegistrar()
    }

    func start() {
        device.handle(.start(controller: Self.home), now: now, using: &random)
        drainDevice()
        settle()
    }

    /// Puts a datagram on the wire, past whatever changes it.
    func inject(_ datagram: Datagram) {
        inFlight.append(datagram)
        settle()
    }

    /// Lets time pass, timers and all, until the device is done or so long.
    func run(for duration: Duration = .seconds(20)) {
        let end = now + duration
        while now < end, result == nil, failure == nil {
            let next = [deviceWake, registrarWake].compactMap(\.self).min() ?? end
            now = min(max(next, now + .milliseconds(1)), end)
            wake()
        }
    }

    /// Begins again, after a result.
    func restart() {
        result = nil
        failure = nil
        start()
    }

    /// Lets time pass whatever the device does.
    func pass(_ duration: Duration) {
        now += duration
        wake()
    }

    private func wake() {
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

    private func settle() {
        while !inFlight.isEmpty {
            let datagram = inFlight.removeFirst()
            if datagram.to == Self.home {
                registrar.handle(.datagram(datagram.bytes, from: datagram.from), now: now, using: &random)
                drainRegistrar()
            } else if datagram.to == Self.deviceAddress {
                device.handle(.datagram(datagram.bytes, from: datagram.from), now: now, using: &random)
                drainDevice()
            } else if let other = others[datagram.to] {
                let answers = other(datagram, now)
                sent += answers
                inFlight += answers
            }
        }
    }

    private func send(_ bytes: [UInt8], from: SocketEndpoint, to: SocketEndpoint) {
        let datagram = Datagram(bytes: bytes, from: from, to: to)
        sent.append(datagram)
        inFlight += wire(datagram)
    }

    /// Does a stretching that was held back.
    func stretch(_ work: PasswordDerivationWork) {
        device.handle(.derived(work.run()), now: now, using: &random)
        drainDevice()
        settle()
    }

    private func drainDevice() {
        while let output = device.nextOutput() {
            switch output {
            case .transmit(let bytes, let target): send(bytes, from: Self.deviceAddress, to: target)
            case .derive(let work) where holdsStretching: heldStretching.append(work)
            case .derive(let work):
                device.handle(.derived(work.run()), now: now, using: &random)
            case .wake(let at): deviceWake = at
            case .registered(let registered): result = registered
            case .failed(let failure): self.failure = failure
            }
        }
    }

    private func drainRegistrar() {
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

    private func answer(_ request: AdmissionRequest) {
        switch store(request) {
        case .committed: registrar.handle(.admitted(request.id, contents), now: now, using: &random)
        case .conflict: registrar.handle(.discarded(request.id), now: now, using: &random)
        case .declined(let reason): registrar.handle(.declined(request.id, reason), now: now, using: &random)
        case .silent: break
        }
    }
}

/// Somebody on the network who answers as a key manager does, with records of its own.
final class RogueKeyManager {
    let address: SocketEndpoint
    private var engine: RegistrarEngine
    private var random = SeededGenerator(seed: 666)

    init(_ address: String, now: ContinuousClock.Instant, guess: String = "ABCDEFGHJK") {
        self.address = SocketEndpoint(address) ?? RegistrationLab.home
        var configuration = RegistrationLab.registrarConfiguration()
        configuration.derivation = .testOnly
        configuration.faults = .unlimitedRuns
        engine = RegistrarEngine(configuration, now: now, using: &random)
        if let id = RegistrationLab.lamp, let code = SetupCode(guess),
            let record = CredentialRecord.provision(
                id: id, code: code, groupID: RegistrationLab.groupID, roles: .client, derivation: .testOnly,
                using: &random)
        {
            engine.handle(.loaded(record), now: now, using: &random)
        }
    }

    func answer(_ datagram: RegistrationLab.Datagram, now: ContinuousClock.Instant) -> [RegistrationLab.Datagram] {
        engine.handle(.datagram(datagram.bytes, from: datagram.from), now: now, using: &random)
        var answers: [RegistrationLab.Datagram] = []
        while let output = engine.nextOutput() {
            switch output {
            case .transmit(let bytes, let target): answers.append(.init(bytes: bytes, from: address, to: target))
            case .work(let work): engine.handle(.worked(work.id, work.run()), now: now, using: &random)
            case .admit(let request):
                let contents = DoneContents([.memberID: [0, 6, 6, 6], .keyID: [0, 6]])
                engine.handle(.admitted(request.id, contents), now: now, using: &random)
            case .wake, .event: break
            }
        }
        return answers
    }
}

extension RegistrationLab {
    /// The secrets that the key manager has of the last device that it admitted.
    var memberSecrets: MemberSecrets? {
        guard case .hardened(let master)? = admissions.last?.keys else { return nil }
        return master.memberSecrets(member: 0x10005, generation: 0)
    }

    /// The first datagram of a type that was sent.
    func first(_ type: MessageType) throws -> Datagram {
        guard let datagram = sent.first(where: { $0.type == type }) else { throw NotSent(type: type) }
        return datagram
    }

    /// The sequence number of the device's first request.
    var sequence: UInt16 { sent.first.flatMap { try? Header.decode($0.bytes) }?.nonce ?? 0 }

    struct NotSent: Error { var type: MessageType }
}

extension RegistrationLab.Datagram {
    /// The same datagram with another body.
    func with(_ message: ControlMessage) -> Self {
        guard let header = try? Header.decode(bytes) else { return self }
        var changed = self
        changed.bytes = message.datagram(flags: header.flags, suite: header.suite, nonce: header.nonce)
        return changed
    }

    /// The same datagram from and to elsewhere.
    func moved(from: SocketEndpoint, to: SocketEndpoint) -> Self {
        RegistrationLab.Datagram(bytes: bytes, from: from, to: to)
    }
}
