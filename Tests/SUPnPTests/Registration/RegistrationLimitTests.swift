import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("A device's guesses")
struct DeviceGuessTests {
    @Test("whoever answers without the code has five guesses in ten minutes, over all attempts of the device")
    func overAttempts() throws {
        let world = GroupWorld(seed: 4)
        world.adjustKeyManager = { $0.registrar.limits = RegistrarLimits.generous }
        world.adjustMember = { $0.persists = false }
        let manager = try world.startKeyManager()
        world.tell(manager, .wake)
        world.run(for: .milliseconds(50))
        world.enroll("kiosk", roles: .client)
        world.run(for: .milliseconds(50))
        let right = world.codes["kiosk"]
        world.codes["kiosk"] = SetupCode(using: &world.random)
        let node = world.addMember("kiosk", roles: .client)
        for _ in 0..<6 {
            world.run(for: .seconds(20))
            world.tell(node, .start(controller: manager.address))
        }
        let failures = node.events.compactMap { event -> DeviceFailure? in
            if case .registrationFailed(let failure) = event { failure } else { nil }
        }
        #expect(failures.prefix(5).allSatisfy { $0 == .notAuthentic(hint: nil) })
        guard case .blocked(let until)? = failures.dropFirst(5).first else {
            Issue.record("\(failures)")
            return
        }
        #expect(until > world.now + .seconds(400))
        #expect(right != nil && !node.isMember)
    }
}

extension RegistrarLimits {
    /// The key manager's own limits would end the attempts first.
    fileprivate static var generous: RegistrarLimits {
        var limits = RegistrarLimits()
        limits.deviceRunsPerMinute = 1_000
        limits.longestHoldDown = .zero
        return limits
    }
}

@Suite("The registrar's limits")
struct RegistrationLimitTests {
    @Test("A source gets five replies at once and one a second after that; another source is not held back")
    func sources() throws {
        let lab = RegistrationLab()
        lab.provision()
        lab.wire = { $0.type == .registrationRequest ? [] : [$0] }
        lab.start()
        let request = try lab.first(.registrationRequest)
        for _ in 0..<20 { lab.inject(request) }
        #expect(lab.sent.filter { $0.type == .registrationReply }.count == 5)
        lab.pass(.seconds(3))
        for _ in 0..<20 { lab.inject(request) }
        #expect(lab.sent.filter { $0.type == .registrationReply }.count == 8)
        let other = SocketEndpoint("192.0.2.8:40000") ?? request.from
        lab.inject(request.moved(from: other, to: request.to))
        #expect(lab.sent.last?.to == other)
    }

    @Test("A request that is smaller than its answer could be is not answered")
    func amplification() throws {
        let lab = RegistrationLab()
        lab.provision()
        lab.wire = { datagram in
            guard var message = datagram.message, message.type == .registrationRequest else { return [datagram] }
            message[.padding] = [UInt8](repeating: 0, count: (message[.padding]?.count ?? 1) - 1)
            return [datagram.with(message)]
        }
        lab.start()
        #expect(lab.events == [.dropped(.unpadded)])
        #expect(lab.sent.count == 1)
    }

    @Test("Before a cookie comes back the registrar keeps nothing, however many ask")
    func stateless() throws {
        let lab = RegistrationLab()
        lab.provision()
        lab.wire = { $0.type == .registrationRequest ? [] : [$0] }
        lab.start()
        let request = try lab.first(.registrationRequest)
        for host in 0..<5_000 {
            let source = SocketEndpoint(.v4(IPv4Address(rawValue: 0x0A00_0000 + UInt32(host))), port: 9)
            lab.inject(request.moved(from: source, to: request.to))
        }
        #expect(lab.registrar.openRuns == 0)
        // Those beyond the table share an allowance.
        #expect(lab.sent.filter { $0.type == .registrationReply }.count == 4_096 + 256)
    }

    @Test("A flood of invented senders, 200 a second, does not turn a newcomer away")
    func newcomer() throws {
        let lab = RegistrationLab()
        lab.provision()
        lab.wire = { $0.type == .registrationRequest ? [] : [$0] }
        lab.start()
        let request = try lab.first(.registrationRequest)
        func flood(_ hosts: Range<UInt32>) {
            for host in hosts {
                let source = SocketEndpoint(.v4(IPv4Address(rawValue: 0x0A00_0000 + host)), port: 9)
                lab.inject(request.moved(from: source, to: request.to))
            }
        }
        flood(0..<4_500)
        for step in UInt32(0)..<10 {
            lab.pass(.milliseconds(100))
            flood(10_000 + step * 20..<10_020 + step * 20)
        }
        let newcomer = try #require(SocketEndpoint("198.51.100.1:40000"))
        lab.inject(request.moved(from: newcomer, to: request.to))
        #expect(lab.sent.last?.to == newcomer)
    }

    @Test("A cookie is good for one run: not for another sequence number, and not for another device")
    func oneRunForACookie() throws {
        let lab = RegistrationLab()
        lab.provision()
        lab.wire = { $0.type == .registrationResponse ? [] : [$0] }
        lab.start()
        lab.run(for: .milliseconds(400))
        let response = try lab.first(.registrationResponse)
        let message = try #require(response.message)
        for number in UInt16(0)..<200 {
            var other = message
            if number.isMultiple(of: 2) { other[.deviceID] = Array("device \(number)".utf8) }
            let bytes = other.datagram(
                flags: .control, suite: .hardenedAESGCM, nonce: number.isMultiple(of: 2) ? lab.sequence : number)
            lab.inject(.init(bytes: bytes, from: response.from, to: response.to))
        }
        #expect(lab.registrar.openRuns == 0)
        lab.inject(response)
        #expect(lab.sent.contains { $0.type == .registrationVerify })
    }

    @Test("A device that is held down uses up nothing of what all devices share")
    func heldDownAndOthers() throws {
        var configuration = RegistrationLab.registrarConfiguration()
        configuration.limits.workingRuns = 4
        configuration.limits.runsPerSecond = 4
        let lab = RegistrationLab(registrar: configuration)
        lab.provision()
        let guesser = Guesser(name: "lamp", address: "192.0.2.9:4000")
        #expect(guesser.guess(lab))
        let response = try #require(guesser.response)
        for _ in 0..<20 { lab.inject(response) }
        #expect(lab.events.filter { $0 == .dropped(.deviceLimit) }.count == 20)
        lab.start()
        lab.run()
        #expect(lab.result != nil)
    }

    @Test("Classic requests of invented senders take no room of the hardened runs, and are no amplifier")
    func classicFlood() throws {
        var configuration = RegistrationLab.registrarConfiguration()
        configuration.minimumSuite = .classic
        configuration.limits.openRuns = 64
        configuration.limits.classicRuns = 32
        let lab = RegistrationLab(registrar: configuration)
        lab.provision()
        func request(_ host: UInt32) {
            let message = ControlMessage(.registrationRequest, [.deviceID: Array("x\(host)".utf8), .suites: [0]])
            let source = SocketEndpoint(.v4(IPv4Address(rawValue: 0x0A00_0000 + host << 8)), port: 9)
            lab.inject(
                .init(
                    bytes: message.datagram(flags: .control, suite: .classic, nonce: 1), from: source,
                    to: RegistrationLab.home))
        }
        for host in UInt32(0)..<2_000 { request(host) }
        #expect(lab.registrar.openRuns == 32)
        // What is asked for again and again, in the name of one sender, is not answered again and again.
        let before = lab.sent.count
        for _ in 0..<50 { request(0) }
        #expect(lab.sent.count - before == 4)
        lab.start()
        lab.run()
        #expect(lab.result?.suite == .hardenedAESGCM)
    }

    @Test("Runs that are not proven are held down for 1, 2, 4 seconds and more, for that device from that network")
    func holdDown() throws {
        let lab = RegistrationLab()
        lab.provision()
        lab.provision(DeviceID("other"))
        let guesser = Guesser(name: "lamp", address: "192.0.2.7:40000")
        #expect(guesser.guess(lab))
        #expect(!guesser.guess(lab))
        lab.pass(.milliseconds(1_100))
        #expect(guesser.guess(lab))
        lab.pass(.milliseconds(1_100))
        #expect(!guesser.guess(lab))
        lab.pass(.milliseconds(1_100))
        #expect(guesser.guess(lab))
        // Another device from there, and this one from elsewhere, are not concerned.
        let other = Guesser(name: "other", address: "192.0.2.7:40000")
        #expect(other.guess(lab))
        let elsewhere = Guesser(name: "lamp", address: "198.51.100.7:40000")
        #expect(elsewhere.guess(lab))
    }

    @Test("A device begins six runs a minute from a network")
    func sixAMinute() throws {
        var configuration = RegistrationLab.registrarConfiguration()
        configuration.limits.sourceBurst = 100
        let lab = RegistrationLab(registrar: configuration)
        lab.provision()
        var taken = 0
        let guesser = Guesser(name: "lamp", address: "192.0.2.7:40000", right: true)
        for _ in 0..<10 where guesser.guess(lab) { taken += 1 }
        #expect(taken == 6)
        // The six have not proven themselves, which counts against them for half a minute.
        lab.pass(.seconds(45))
        #expect(guesser.guess(lab))
    }

    @Test("A guess that is checked in silence counts as one that was said aloud")
    func silentGuess() throws {
        let lab = RegistrationLab()
        lab.provision(code: "ABCDEFGHJK")
        lab.start()
        lab.run()
        #expect(!lab.sent.contains { $0.type == .registrationConfirm })
        lab.pass(.seconds(10))
        #expect(lab.events.contains { if case .unproven = $0 { true } else { false } })
    }

    @Test("Only so many runs work and only so many are open at a time")
    func openRuns() throws {
        var configuration = RegistrationLab.registrarConfiguration()
        configuration.limits.openRuns = 3
        let lab = RegistrationLab(registrar: configuration)
        for name in 0..<5 { lab.provision(DeviceID("d\(name)")) }
        var taken = 0
        for name in 0..<5 {
            let guesser = Guesser(name: "d\(name)", address: "192.0.2.\(name + 20):4000")
            if guesser.begin(lab) { taken += 1 }
        }
        #expect(taken == 3)
        #expect(lab.registrar.openRuns == 3)
        #expect(lab.events.contains(.dropped(.busy)))
        lab.pass(.seconds(11))
        #expect(lab.registrar.openRuns == 0)
    }
}

/// Plays the device's messages by hand, with a wrong proof (or none) at the end.
final class Guesser {
    let id: DeviceID
    let address: SocketEndpoint
    let right: Bool
    private var sequence: UInt16 = 0
    /// The last message 3 that it sent.
    private(set) var response: RegistrationLab.Datagram?

    init(name: String, address: String, right: Bool = false) {
        guard let id = DeviceID(name), let address = SocketEndpoint(address) else {
            preconditionFailure("a test names its device and address")
        }
        self.id = id
        self.address = address
        self.right = right
    }

    /// Whether the registrar let the run begin.
    func begin(_ lab: RegistrationLab) -> Bool {
        sequence += 1
        lab.pass(.seconds(0))
        var request = ControlMessage(
            .registrationRequest,
            [.deviceID: id.bytes, .role: [1], .suites: [1], .deviceRandom: [UInt8](repeating: 1, count: 16)])
        request[.padding] = [UInt8](repeating: 0, count: 240)
        let replies = lab.sent.count
        lab.inject(datagram(request, .classic))
        guard lab.sent.count > replies, let reply = lab.sent.last?.message, let cookie = reply[.cookie] else {
            return false
        }
        let response = ControlMessage(
            .registrationResponse,
            [.deviceID: id.bytes, .cookie: cookie, .shareP: RFC9383.shareP, .requestHash: sha256(request.encoded)])
        let before = lab.sent.count
        let sent = datagram(response, .hardenedAESGCM)
        self.response = sent
        lab.inject(sent)
        return lab.sent.count > before
    }

    /// A whole run with a wrong proof; whether it could begin. With `right` the proof is never said.
    func guess(_ lab: RegistrationLab) -> Bool {
        guard begin(lab) else { return false }
        guard !right else { return true }
        let confirm = ControlMessage(
            .registrationConfirm, [.deviceID: id.bytes, .confirmP: [UInt8](repeating: 9, count: 32)])
        lab.inject(datagram(confirm, .hardenedAESGCM))
        return true
    }

    private func datagram(_ message: ControlMessage, _ suite: Suite) -> RegistrationLab.Datagram {
        .init(
            bytes: message.datagram(flags: .control, suite: suite, nonce: sequence), from: address,
            to: RegistrationLab.home)
    }
}
