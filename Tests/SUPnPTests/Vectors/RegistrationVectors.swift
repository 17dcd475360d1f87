import GroupKeys
import NetworkTypes
import Testing

@testable import SUPnP

/// `registration.json`: a whole registration of each suite, with every secret that either side draws.
struct RegistrationVectors: Encodable {
    struct Hardened: Encodable {
        let code: String
        let deviceID: String
        let groupID: Hexadecimal
        let deviceAddress: Hexadecimal
        let cookieKey: Hexadecimal
        let x: Hexadecimal
        let y: Hexadecimal
        let messages: [Hexadecimal]
        let done: Hexadecimal
        let member: UInt32
        let leaf: Hexadecimal
        let relay: Hexadecimal
        let refresh: Hexadecimal
    }

    struct Classic: Encodable {
        let password: String
        let deviceID: String
        let messages: [Hexadecimal]
        let s: Hexadecimal
        let sKey: Hexadecimal
        let doneCounter: UInt64
        let done: Hexadecimal
    }

    let hardened: Hardened
    let classic: Classic

    static func made() throws -> RegistrationVectors {
        RegistrationVectors(hardened: try hardened(), classic: try classic())
    }
}

/// Both engines, and what they say to each other.
private struct RegistrationRun: ~Copyable {
    static let start = ContinuousClock.now
    static let manager = SocketEndpoint(.v4(IPv4Address(rawValue: 0xC000_0207)), port: 58_081)
    static let address = SocketEndpoint(.v4(IPv4Address(rawValue: 0xC000_0242)), port: 40_001)

    var device: DeviceEngine
    var registrar: RegistrarEngine
    var deviceRandom = SeededGenerator(seed: 21)
    var managerRandom = SeededGenerator(seed: 22)
    let cookieKey: SecretBytes
    let contents: DoneContents
    var now = Self.start
    var messages: [[UInt8]] = []
    var x: SecretBytes?
    var y: SecretBytes?
    var registered: Registered?
    private var wakesAt: ContinuousClock.Instant?

    init(_ device: DeviceEngine.Configuration, _ record: CredentialRecord, floor: Suite, contents: DoneContents) {
        var configuration = RegistrarEngine.Configuration(
            groupID: VectorKeys.groupBytes, fakeKey: SecretBytes([UInt8](repeating: 3, count: 32)))
        configuration.minimumSuite = floor
        // The registrar draws a record that nobody has, and then the key of its cookies.
        var copy = managerRandom
        _ = SecretBytes(count: 80, using: &copy)
        cookieKey = SecretBytes(count: 32, using: &copy)
        self.device = DeviceEngine(device)
        registrar = RegistrarEngine(configuration, now: now, using: &managerRandom)
        self.contents = contents
        registrar.handle(.loaded(record), now: now, using: &managerRandom)
    }

    /// From the request to the end.
    mutating func run() {
        device.handle(.start(controller: Self.manager), now: now, using: &deviceRandom)
        for _ in 0..<20 where registered == nil {
            drain()
            guard registered == nil, let wakesAt else { return }
            now = max(now, wakesAt)
            device.handle(.woken, now: now, using: &deviceRandom)
        }
    }

    private mutating func drain() {
        while let output = device.nextOutput() {
            switch output {
            case .transmit(let datagram, _):
                messages.append(datagram)
                registrar.handle(.datagram(datagram, from: Self.address), now: now, using: &managerRandom)
                drainRegistrar()
            case .derive(let work):
                let secrets = work.run()
                var copy = deviceRandom
                x = SecretBytes(count: 40, using: &copy)
                device.handle(.derived(secrets), now: now, using: &deviceRandom)
            case .wake(let at): wakesAt = at
            case .registered(let registered): self.registered = registered
            case .failed: return
            }
        }
    }

    private mutating func drainRegistrar() {
        while let output = registrar.nextOutput() {
            switch output {
            case .transmit(let datagram, _):
                messages.append(datagram)
                device.handle(.datagram(datagram, from: Self.manager), now: now, using: &deviceRandom)
            case .work(let work):
                y = work.y
                registrar.handle(.worked(work.id, work.run()), now: now, using: &managerRandom)
            case .admit(let request):
                registrar.handle(.admitted(request.id, contents), now: now, using: &managerRandom)
            case .wake, .event: break
            }
        }
    }
}

extension RegistrationVectors {
    private static let contents = DoneContents([
        .memberID: [0, 1, 0, 2], .keyID: [2, 3], .lease: [0, 90], .timers: [0, 30, 0, 90],
    ])

    private static func hardened() throws -> Hardened {
        let code = try #require(SetupCode("0123456789"))
        let id = try #require(DeviceID("lamp"))
        var random = SeededGenerator(seed: 23)
        let record = try #require(
            CredentialRecord.provision(
                id: id, code: code, groupID: VectorKeys.groupBytes, roles: .client, using: &random))
        var run = RegistrationRun(
            DeviceEngine.Configuration(id: id, code: code.bytes), record, floor: .hardenedAESGCM, contents: contents)
        run.run()
        guard let registered = run.registered, let x = run.x, let y = run.y,
            case .hardened(let secrets) = registered.keys
        else { throw SPAKE2Plus.Failure.confirmation }
        return Hardened(
            code: String(decoding: code.bytes.exposed, as: UTF8.self), deviceID: "lamp",
            groupID: Hexadecimal(VectorKeys.groupBytes), deviceAddress: Hexadecimal(RegistrationRun.address.octets),
            cookieKey: Hexadecimal(run.cookieKey.exposed), x: Hexadecimal(x.exposed),
            y: Hexadecimal(y.exposed), messages: run.messages.map { Hexadecimal($0) },
            done: Hexadecimal(registered.contents.encoded), member: secrets.member,
            leaf: Hexadecimal(secrets.leaf.exposed), relay: Hexadecimal(secrets.relay.exposed),
            refresh: Hexadecimal(secrets.refresh.exposed))
    }

    private static func classic() throws -> Classic {
        let text = "lo\u{308}sung-2Qx7VbN9Lw4K"
        let password = try #require(ClassicPassword(text))
        let id = try #require(DeviceID("old lamp"))
        let salted = password.salted(Array(0x50..<0x60))
        let record = try #require(
            CredentialRecord(
                id: id, roles: .client, salt: Array(0x50..<0x60), secret: .classic(salted: salted),
                minimumSuite: .classic))
        var configuration = DeviceEngine.Configuration(id: id, code: nil)
        configuration.password = password
        configuration.suites = [.classic]
        var run = RegistrationRun(configuration, record, floor: .classic, contents: contents)
        run.run()
        guard let registered = run.registered, case .classic(let key, let counter, _) = registered.keys else {
            throw SPAKE2Plus.Failure.confirmation
        }
        return Classic(
            password: text, deviceID: "old lamp", messages: run.messages.map { Hexadecimal($0) },
            s: Hexadecimal(salted.exposed), sKey: Hexadecimal(key.exposed), doneCounter: counter,
            done: Hexadecimal(registered.contents.encoded))
    }
}

@Suite("Vectors of registration")
struct RegistrationVectorsTests {
    @Test
    func `The registrations' vectors are what this code makes`() throws {
        let vectors = try RegistrationVectors.made()
        #expect(vectors.hardened.messages.count == 6 && vectors.classic.messages.count == 4)
        try VectorFile.check("registration", vectors)
    }
}
