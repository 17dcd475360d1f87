import GroupKeys
import NetworkTypes
import SUPnP

/// What holds for every conversation of a device with a registrar, whoever takes part in it.
///
/// The first byte of an input says which suite. Then come steps: `u8 kind ‖ u8 time ‖ u8 length ‖ bytes`. The two
/// talk to each other over a network that the input rules: it passes messages on, changes and repeats them, and says
/// things of its own. It knows no secret of either.
enum SUPnPRegistrationProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        var reader = ByteReader(input)
        guard let mode: UInt8 = reader.read() else { return }
        var talk = RegistrationTalk(isClassic: mode & 1 == 1)
        talk.begin()
        for _ in 0..<32 {
            guard let kind: UInt8 = reader.read(), let time: UInt8 = reader.read(), let length: UInt8 = reader.read()
            else { break }
            let bytes = reader.read(count: min(Int(length), reader.remaining)) ?? []
            try talk.step(kind, time: time, bytes)
            try talk.check()
        }
    }
}

/// A device, a registrar, and what is on its way between them.
private struct RegistrationTalk: ~Copyable {
    private static let manager = SocketEndpoint(.v4(IPv4Address(rawValue: 0xC000_0207)), port: 58_081)
    private static let address = SocketEndpoint(.v4(IPv4Address(rawValue: 0xC000_0242)), port: 40_001)
    private static let group = Array<UInt8>(0xA0..<0xB0)
    private static let id = Array("lamp".utf8)

    private var device: DeviceEngine
    private var registrar: RegistrarEngine
    private var random = SeededGenerator(seed: 5)
    private var now = ContinuousClock.now
    private var toRegistrar: [[UInt8]] = []
    private var toDevice: [[UInt8]] = []
    private var admitted: [AdmissionRequest] = []
    private var registered: [Registered] = []
    private var sequence: UInt16 = 0
    private let isClassic: Bool

    init(isClassic: Bool) {
        guard let code = SetupCode("0123456789"), let id = DeviceID(Self.id),
            let password = ClassicPassword("a password of the device")
        else { preconditionFailure("fixed names") }
        let salt = [UInt8](repeating: 4, count: 16)
        let record: CredentialRecord?
        if isClassic {
            record = CredentialRecord(
                id: id, roles: .client, salt: salt, secret: .classic(salted: password.salted(salt)),
                minimumSuite: .classic)
        } else {
            var random = SeededGenerator(seed: 6)
            record = CredentialRecord.provision(
                id: id, code: code, groupID: Self.group, roles: .client, derivation: .testOnly, using: &random)
        }
        guard let record else { preconditionFailure("a record") }
        var own = DeviceEngine.Configuration(id: id, code: isClassic ? nil : code.bytes)
        own.takesTestDerivation = true
        if isClassic {
            own.password = password
            own.suites = [.classic]
        }
        var theirs = RegistrarEngine.Configuration(
            groupID: Self.group, fakeKey: SecretBytes([UInt8](repeating: 3, count: 32)))
        theirs.minimumSuite = isClassic ? .classic : .hardenedAESGCM
        theirs.derivation = .testOnly
        self.isClassic = isClassic
        device = DeviceEngine(own)
        registrar = RegistrarEngine(theirs, now: now, using: &random)
        registrar.handle(.loaded(record), now: now, using: &random)
    }

    mutating func begin() {
        device.handle(.start(controller: Self.manager), now: now, using: &random)
        drainDevice()
        if let request = toRegistrar.first { sequence = UInt16(request[6]) << 8 | UInt16(request[7]) }
    }

    mutating func step(_ kind: UInt8, time: UInt8, _ bytes: [UInt8]) throws(BrokenProperty) {
        now += .milliseconds(20 * Int(time))
        switch kind & 7 {
        case 0:
            if let datagram = Self.next(&toRegistrar, keeps: kind & 8 != 0) {
                try tellRegistrar(changed(datagram, bytes))
            }
        case 1: if let datagram = Self.next(&toDevice, keeps: kind & 8 != 0) { tellDevice(changed(datagram, bytes)) }
        case 2: tellDevice(headed(bytes, isResponse: true, kind))
        case 3: try tellRegistrar(headed(bytes, isResponse: false, kind))
        case 4: tellDevice(bytes)
        case 5: try tellRegistrar(bytes)
        case 6:
            device.handle(.woken, now: now, using: &random)
            registrar.handle(.woken, now: now, using: &random)
            drainRegistrar()
            drainDevice()
        default:
            begin()
        }
    }

    /// Whoever is registered has the keys of somebody who was admitted, and the other way round nobody is admitted who
    /// is not this device: the network has no secret of either.
    func check() throws(BrokenProperty) {
        for one in registered {
            guard let member: UInt32 = one.contents.integer(.memberID) else {
                throw BrokenProperty("a device is registered without a number")
            }
            let isShared = admitted.contains { request in
                switch (one.keys, request.keys) {
                case (.hardened(let secrets), .hardened(let master)):
                    secrets == master.memberSecrets(member: member, generation: 0)
                case (.classic(let key, _, _), .classic(let other, _)): key == other
                default: false
                }
            }
            try expect(isShared, "a device is registered that the key manager has not admitted")
            try expect(one.suite.isHardened != isClassic, "a device is registered in a suite that it has not offered")
        }
        for request in admitted {
            try expect(request.device.bytes == Self.id, "a device is admitted that there is not")
        }
        try expect(registrar.openRuns <= RegistrarLimits().openRuns, "runs are bounded")
    }

    private static func next(_ queue: inout [[UInt8]], keeps: Bool) -> [UInt8]? {
        guard let first = queue.first else { return nil }
        if !keeps { queue.removeFirst() }
        return first
    }

    /// A message with some bytes changed: `u8 place ‖ u8 mask`, from the body on.
    private func changed(_ datagram: [UInt8], _ changes: [UInt8]) -> [UInt8] {
        var datagram = datagram
        for index in stride(from: 0, to: changes.count - 1, by: 2) {
            let place = 12 + Int(changes[index])
            if place < datagram.count { datagram[place] ^= changes[index + 1] }
        }
        return datagram
    }

    private func headed(_ body: [UInt8], isResponse: Bool, _ kind: UInt8) -> [UInt8] {
        let flags: HeaderFlags = isResponse ? [.control, .response] : .control
        let suite = Suite(rawValue: kind >> 4 & 3) ?? .classic
        return Header(flags: flags, suite: suite, nonce: sequence, bodyCount: body.count).encoded + body
    }

    private mutating func tellDevice(_ datagram: [UInt8]) {
        device.handle(.datagram(datagram, from: Self.manager), now: now, using: &random)
        drainDevice()
    }

    private mutating func tellRegistrar(_ datagram: [UInt8]) throws(BrokenProperty) {
        let before = toDevice.count
        registrar.handle(.datagram(datagram, from: Self.address), now: now, using: &random)
        drainRegistrar()
        let answers = toDevice.dropFirst(before)
        try expect(answers.count <= 1, "a datagram has one answer")
        if !isClassic, datagram.count > 13, datagram[12] == 0, datagram[13] == 1 {
            try expect(answers.allSatisfy { $0.count <= datagram.count }, "an answer is no longer than the request")
        }
        if toDevice.count > 16 { toDevice.removeFirst(toDevice.count - 16) }
    }

    private mutating func drainDevice() {
        while let output = device.nextOutput() {
            switch output {
            case .transmit(let datagram, _): if toRegistrar.count < 16 { toRegistrar.append(datagram) }
            case .derive(let work): device.handle(.derived(work.run()), now: now, using: &random)
            case .registered(let one): registered.append(one)
            case .wake, .failed: break
            }
        }
    }

    private mutating func drainRegistrar() {
        while let output = registrar.nextOutput() {
            switch output {
            case .transmit(let datagram, _): toDevice.append(datagram)
            case .work(let work): registrar.handle(.worked(work.id, work.run()), now: now, using: &random)
            case .admit(let request):
                admitted.append(request)
                let contents = DoneContents([.memberID: [0, 1, 0, 2], .keyID: [2, 3]])
                registrar.handle(.admitted(request.id, contents), now: now, using: &random)
            case .wake, .event: break
            }
        }
    }
}
