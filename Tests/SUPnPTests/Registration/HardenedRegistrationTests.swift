import Foundation
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("The hardened registration")
struct HardenedRegistrationTests {
    @Test("A device with the right code becomes a member, and both sides derive the same secrets")
    func succeeds() throws {
        let lab = RegistrationLab()
        lab.provision()
        lab.start()
        lab.run()
        let secrets = try secrets(lab.result)
        #expect(secrets == lab.memberSecrets)
        #expect(lab.result?.groupID == RegistrationLab.groupID)
        #expect(lab.result?.contents.integer(.epoch) == UInt32(3))
        #expect(lab.admissions.first?.roles == .server)
        #expect(
            lab.sent.map(\.type) == [
                .registrationRequest, .registrationReply, .registrationResponse, .registrationVerify,
                .registrationConfirm, .registrationDone,
            ])
        #expect(lab.sent[0].bytes.count == 256)
        #expect(lab.sent.allSatisfy { $0.bytes.count <= 256 })
    }

    @Test("Any one message may be lost, come twice, or come again later", arguments: 0..<6, 0..<3)
    func oneMessage(number: Int, fate: Int) throws {
        let lab = RegistrationLab(seed: UInt64(number * 3 + fate))
        lab.provision()
        var count = 0
        var stored: RegistrationLab.Datagram?
        lab.wire = { datagram in
            defer { count += 1 }
            guard count == number else { return [datagram] }
            stored = datagram
            return [[], [datagram, datagram], [datagram]][fate]
        }
        lab.start()
        lab.run()
        if let stored { lab.inject(stored) }
        #expect(try secrets(lab.result) == lab.memberSecrets)
        #expect(lab.admissions.count == 1)
    }

    @Test("With half of all datagrams lost, doubled and out of order, it succeeds or says that it has not")
    func hostileNetwork() throws {
        var registered = 0
        let histories = Histories.count(150)
        for seed in 0..<UInt64(histories) {
            let lab = RegistrationLab(seed: seed)
            lab.provision()
            var chance = SeededGenerator(seed: seed ^ 0xFEED)
            var held: [RegistrationLab.Datagram] = []
            lab.wire = { datagram in
                var arriving = Int.random(in: 0..<10, using: &chance) < 3 ? [] : [datagram]
                if Int.random(in: 0..<4, using: &chance) == 0 { arriving.append(datagram) }
                if Int.random(in: 0..<5, using: &chance) == 0 {
                    held += arriving
                    return []
                }
                defer { held = [] }
                return arriving + held
            }
            lab.start()
            lab.run()
            #expect(lab.result != nil || lab.failure == .noAnswer(hint: nil), "seed \(seed)")
            guard lab.result != nil else { continue }
            registered += 1
            #expect(try secrets(lab.result) == lab.memberSecrets, "seed \(seed)")
        }
        #expect(registered > histories / 2)
    }

    @Test("A request that nobody answers is sent at 0, 1, 3, 7 and 11 seconds and given up at 15")
    func silence() {
        let lab = RegistrationLab()
        lab.wire = { _ in [] }
        let started = lab.now
        lab.start()
        var times = [Duration.zero]
        while lab.failure == nil {
            let before = lab.sent.count
            lab.run(for: .milliseconds(500))
            if lab.sent.count > before { times.append(lab.now - started) }
        }
        #expect(times == [.zero, .seconds(1), .seconds(3), .seconds(7), .seconds(11)])
        #expect(lab.failure == .noAnswer(hint: nil))
        #expect(lab.now - started == .seconds(15))
    }

    @Test("A wrong code fails at the device, which never says CONFIRM_P, and the key manager holds it down")
    func wrongCode() {
        let lab = RegistrationLab()
        lab.provision(code: "ABCDEFGHJK")
        lab.start()
        lab.run()
        #expect(lab.failure == .notAuthentic(hint: nil))
        #expect(!lab.sent.contains { $0.type == .registrationConfirm })
        lab.pass(.seconds(10))
        #expect(lab.events.contains { if case .unproven = $0 { true } else { false } })
        lab.restart()
        lab.run()
        #expect(lab.events.contains(.dropped(.deviceLimit)))
    }

    @Test("An unknown device is answered as a known one is, always with the same salt, and fails at the proof")
    func unknown() throws {
        let known = RegistrationLab()
        known.provision()
        known.start()
        known.run()
        var salts: Set<[UInt8]> = []
        for seed in 0..<3 {
            let lab = RegistrationLab(seed: UInt64(seed))
            lab.start()
            lab.run()
            #expect(lab.failure == .notAuthentic(hint: nil))
            #expect(lab.sent[1].message?.elements.map(\.tag) == known.sent[1].message?.elements.map(\.tag))
            #expect(lab.sent[1].bytes.count == known.sent[1].bytes.count)
            salts.insert(lab.sent[1].message?[.salt] ?? [])
            #expect(lab.sent.map(\.type).contains(.registrationVerify))
        }
        #expect(salts.count == 1)
    }

    @Test("REG_DONE leaves only when the membership is durable", arguments: [false, true])
    func notDurable(conflict: Bool) {
        let lab = RegistrationLab()
        lab.provision()
        lab.store = { _ in conflict ? .conflict : .silent }
        lab.start()
        lab.run()
        #expect(lab.failure == .noAnswer(hint: nil))
        #expect(lab.admissions.count == 1)
        #expect(!lab.sent.contains { $0.type == .registrationDone })
    }

    @Test("A device that is proven and declined learns why, sealed")
    func declined() {
        let lab = RegistrationLab()
        lab.provision()
        lab.store = { _ in .declined(.capacity) }
        lab.start()
        lab.run(for: .seconds(2))
        #expect(lab.failure == .declined(.capacity))
    }

    @Test("A repeated REG_CONFIRM is answered with the same bytes for ten seconds, then not at all")
    func repeatedDone() throws {
        let lab = RegistrationLab()
        lab.provision()
        lab.start()
        lab.run()
        let confirm = try lab.first(.registrationConfirm)
        lab.pass(.seconds(9))
        lab.inject(confirm)
        let dones = lab.sent.filter { $0.type == .registrationDone }
        #expect(dones.count == 2 && Set(dones).count == 1)
        lab.pass(.milliseconds(1_100))
        lab.inject(confirm)
        #expect(lab.sent.filter { $0.type == .registrationDone }.count == 2)
        #expect(lab.admissions.count == 1)
        #expect(lab.events.last == .dropped(.noRun))
    }

    @Test("A suite below the floor of group, record or device is never agreed on")
    func floors() {
        var configuration = RegistrationLab.deviceConfiguration()
        configuration.suites = [.classic]
        configuration.password = ClassicPassword("correct horse")
        for group in [Suite.classic, .hardenedAESGCM] {
            for record in [Suite.classic, .hardenedAESGCM] {
                var registrar = RegistrationLab.registrarConfiguration()
                registrar.minimumSuite = group
                let lab = RegistrationLab(device: configuration, registrar: registrar)
                let salt = [UInt8](repeating: 1, count: 16)
                if let id = RegistrationLab.lamp, let password = configuration.password,
                    let record = CredentialRecord(
                        id: id, roles: .client, salt: salt, secret: .classic(salted: password.salted(salt)),
                        minimumSuite: record)
                {
                    lab.load(record)
                }
                lab.start()
                lab.run()
                #expect((lab.result != nil) == (group == .classic && record == .classic))
                // Where the group takes classic, a record that does not looks like none.
                if lab.result == nil { #expect(lab.failure == .noAnswer(hint: group == .classic ? .proof : .suite)) }
            }
        }
    }

    @Test("A device refuses the key derivation of tests, and every one that it does not know")
    func derivations() {
        for value: UInt8 in [0, 4, 0xFE, 0xFF] {
            var configuration = RegistrationLab.deviceConfiguration()
            configuration.takesTestDerivation = false
            let lab = RegistrationLab(device: configuration)
            lab.provision()
            lab.wire = { datagram in
                guard var message = datagram.message, message.type == .registrationReply else { return [datagram] }
                message[.derivation] = [value]
                return [datagram.with(message)]
            }
            lab.start()
            lab.run()
            #expect(lab.failure == .noAnswer(hint: nil))
            #expect(!lab.sent.contains { $0.type == .registrationResponse })
        }
    }

    private func secrets(_ registered: Registered?) throws -> MemberSecrets {
        guard case .hardened(let secrets)? = registered?.keys else { throw SPAKE2Plus.Failure.secret }
        return secrets
    }
}

/// How many random histories a test runs: LATCHKEY_HISTORIES says otherwise.
enum Histories {
    static func count(_ usual: Int) -> Int {
        ProcessInfo.processInfo.environment["LATCHKEY_HISTORIES"].flatMap { Int($0) } ?? usual
    }
}
