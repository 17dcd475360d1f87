import Crypto
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

/// The findings of the specification's section 2 about the paper's registration. Each attack works against the
/// protocol with its fix switched off, and fails with it.
@Suite("Attacks on the classic registration")
struct ClassicRegistrationAttackTests {
    typealias Datagram = RegistrationLab.Datagram

    @Test("F1: a recorded RND#2, sent as RND#1, makes the device hand out the old session's key; the lengths forbid it")
    func sessionKeyOracle() throws {
        let recording = try record()
        for (faults, works) in [(ProtocolFaults.anyLengths, true), ([], false)] {
            let lab = RegistrationLab.classic(seed: 2, faults: faults)
            let rogue = Rogue(salt: recording.salt, random1: recording.random2)
            rogue.stand(in: lab)
            lab.start()
            lab.run()
            let stolen = rogue.responses.first.map { SecretBytes($0) }
            #expect((stolen == recording.sessionKey) == works)
            if let stolen { #expect(opens(recording.done, under: stolen)) }
        }
    }

    @Test("F2: whoever listens finds a weak password off-line; what it hears of the hardened suite tells it nothing")
    func dictionary() throws {
        let recording = try record()
        let guesses = ["123456", "letmein", "correct horse", "battery staple"]
        let found = guesses.first { guess in
            let salted = ClassicPassword(guess)?.salted(recording.salt)
            return salted.map { ClassicSecrets.response(random1: recording.random1, salted: $0) } == recording.response
        }
        #expect(found == "correct horse")
        let salted = try #require(found.flatMap { ClassicPassword($0) }).salted(recording.salt)
        #expect(opens(recording.done, under: ClassicSecrets.sessionKey(random2: recording.random2, salted: salted)))

        // Even the right code, run against what was heard, confirms nothing: x and y are missing.
        let heard = try HardenedRecording()
        for guess in ["ABCDEFGHJK", "0123456789"] { #expect(try !heard.isConfirmed(by: guess)) }
    }

    @Test("F3: a rogue that wins the race with a salt of its own looks every password up in one table")
    func table() throws {
        let salt = [UInt8](repeating: 0, count: 16)
        let random1 = [UInt8](repeating: 0, count: 16)
        var table: [[UInt8]: String] = [:]
        for word in ["123456", "letmein", "correct horse", "battery staple"] {
            guard let salted = ClassicPassword(word)?.salted(salt) else { continue }
            table[ClassicSecrets.response(random1: random1, salted: salted)] = word
        }
        for password in ["letmein", "battery staple"] {
            let lab = RegistrationLab.classic(password: password)
            let rogue = Rogue(salt: salt, random1: random1)
            rogue.stand(in: lab)
            lab.start()
            lab.run()
            #expect(rogue.responses.first.flatMap { table[$0] } == password)
        }
        // The default device answers no classic reply, and to a hardened one with a share that is nobody's.
        let lab = RegistrationLab()
        let rogue = Rogue(salt: salt, random1: random1)
        rogue.stand(in: lab)
        lab.start()
        lab.run()
        #expect(rogue.responses.isEmpty)
    }

    @Test("F4: anybody registers a device that takes a bare REG_DONE; the seal has to be the key manager's")
    func rogueRegistration() {
        for (faults, works) in [(ProtocolFaults.unsealedDone, true), ([], false)] {
            for sealed in [nil, [UInt8](repeating: 1, count: 60)] {
                let lab = RegistrationLab.classic(faults: faults)
                let rogue = Rogue(salt: [UInt8](repeating: 0, count: 16), random1: [UInt8](repeating: 0, count: 16))
                rogue.done = [.random2: [UInt8](repeating: 0, count: 32), .sealed: sealed].compactMapValues(\.self)
                rogue.stand(in: lab)
                lab.start()
                lab.run()
                #expect((lab.result != nil) == works)
            }
        }
    }

    @Test("F5: an old registration played again installs its key again; random starts keep the counters apart")
    func reinstallation() throws {
        for (faults, works) in [(ProtocolFaults.countersFromZero, true), ([], false)] {
            let first = RegistrationLab.classic(seed: 5, faults: faults)
            first.provisionClassic()
            first.start()
            first.run()
            // The device comes to the same sequence number again; nobody but the attacker answers.
            let again = RegistrationLab.classic(seed: 5, faults: faults)
            again.wire = { _ in [] }
            again.start()
            again.random = SeededGenerator(seed: 99)
            for type in [MessageType.registrationReply, .registrationDone] { again.inject(try first.first(type)) }
            again.run(for: .seconds(1))
            if again.result == nil {
                // The reply is collected for a while before it is answered.
                again.inject(try first.first(.registrationDone))
            }
            guard case .classic(let key, _, let counter)? = first.result?.keys,
                case .classic(let oldKey, _, let newCounter)? = again.result?.keys
            else {
                Issue.record("no registration")
                return
            }
            #expect(key == oldKey)
            #expect((counter == newCounter) == works)
        }
        // The hardened device brings a fresh share to each run, so nothing that was recorded fits.
        let heard = try HardenedRecording()
        let again = RegistrationLab(seed: 1)
        again.wire = { _ in [] }
        again.start()
        again.random = SeededGenerator(seed: 99)
        for datagram in heard.sent where datagram.to == RegistrationLab.deviceAddress { again.inject(datagram) }
        again.run(for: .seconds(1))
        for datagram in heard.sent where datagram.to == RegistrationLab.deviceAddress { again.inject(datagram) }
        again.run()
        #expect(again.result == nil)
    }

    @Test("F6: who has read s is the device; who has read w0 and L still needs w1")
    func stolenRecord() throws {
        let lab = RegistrationLab.classic()
        lab.provisionClassic()
        let salt = [UInt8](repeating: 0x5A, count: 16)
        let stolen = try #require(ClassicPassword("correct horse")).salted(salt)
        let source = SocketEndpoint("192.0.2.99:1") ?? RegistrationLab.deviceAddress
        func send(_ type: MessageType, _ elements: [SUPnP.Tag: [UInt8]]) {
            let message = ControlMessage(type, elements.merging([.deviceID: Array("lamp".utf8)]) { $1 })
            lab.inject(
                .init(
                    bytes: message.datagram(flags: .control, suite: .classic, nonce: 7), from: source,
                    to: RegistrationLab.home))
        }
        send(.registrationRequest, [.role: [1], .suites: [0]])
        let random1 = try #require(lab.sent.last?.message?[.random1])
        send(.registrationResponse, [.response: ClassicSecrets.response(random1: random1, salted: stolen)])
        #expect(lab.admissions.count == 1)

        let record = try RFC9383.record
        for guess in [RFC9383.x, SecretBytes([UInt8](repeating: 1, count: 32)), record.w0] {
            let secrets = try #require(ProverSecrets(w0: record.w0, w1: guess))
            let prover = try SPAKE2PlusProver(RFC9383.identities, secrets: secrets, x: RFC9383.x)
            let answer = try SPAKE2PlusVerifier(RFC9383.identities, record: record, y: RFC9383.y)
                .answer(shareP: prover.share)
            let proof = try prover.finish(shareV: answer.shareV, confirmV: answer.confirmV, checking: false)
            #expect(answer.accept(proof.confirmP) == nil)
        }
    }

    @Test("F7: a password that leaks later opens what was recorded; a setup code does not")
    func forwardSecrecy() throws {
        let recording = try record()
        let leaked = try #require(ClassicPassword("correct horse")).salted(recording.salt)
        #expect(opens(recording.done, under: ClassicSecrets.sessionKey(random2: recording.random2, salted: leaked)))
        let heard = try HardenedRecording()
        #expect(try !heard.isConfirmed(by: "0123456789"))
        #expect(try !heard.isOpened(by: "0123456789"))
    }

    @Test("F14: blind replies with every sequence number come through where nothing else is compared")
    func blindReplies() {
        for (faults, works) in [(ProtocolFaults.looseMatching, true), ([], false)] {
            let lab = RegistrationLab.classic(faults: faults)
            lab.wire = { $0.type == .registrationRequest ? [] : [$0] }
            lab.start()
            let rogue = SocketEndpoint("198.51.100.66:9") ?? RegistrationLab.home
            // It does not see the request, and so does not know who asks.
            let message = ControlMessage(
                .registrationReply,
                [
                    .deviceID: [63], .suite: [0], .salt: [UInt8](repeating: 0, count: 16),
                    .random1: [UInt8](repeating: 0, count: 16),
                ])
            // Every sixteenth number and the right one, which it would come to in the end.
            let right = (try? Header.decode(lab.sent[0].bytes))?.nonce ?? 0
            for sequence in stride(from: UInt16(0), to: .max, by: 16) + [right] {
                let bytes = message.datagram(flags: [.control, .response], suite: .classic, nonce: sequence)
                lab.inject(.init(bytes: bytes, from: rogue, to: RegistrationLab.deviceAddress))
            }
            lab.run(for: .seconds(1))
            #expect(lab.sent.contains { $0.to == rogue } == works)
        }
    }

    @Test("F15: a forged REG_FAIL ends a registration that obeys it; it is a hint and no more")
    func forgedFail() {
        for (faults, works) in [(ProtocolFaults.obeyedFail, true), ([], false)] {
            for classic in [true, false] {
                var device = RegistrationLab.deviceConfiguration()
                device.faults = faults
                let lab = classic ? RegistrationLab.classic(faults: faults) : RegistrationLab(device: device)
                if classic { lab.provisionClassic() } else { lab.provision() }
                lab.wire = { datagram in
                    guard datagram.type == .registrationRequest, let header = try? Header.decode(datagram.bytes) else {
                        return [datagram]
                    }
                    let fail = ControlMessage(
                        .registrationFail, [.deviceID: Array("lamp".utf8), .reason: [0, 2]])
                    let bytes = fail.datagram(
                        flags: [.control, .response], suite: .classic, nonce: header.nonce)
                    return [.init(bytes: bytes, from: datagram.to, to: datagram.from), datagram]
                }
                lab.start()
                lab.run()
                #expect((lab.result == nil) == works)
            }
        }
    }

    @Test("F17: with a salt of any length it can swallow the password's first letters; 16 bytes cannot")
    func ambiguousSalt() throws {
        let salt = [UInt8](repeating: 9, count: 16)
        let long = try #require(ClassicPassword("Xhorse"))
        let short = try #require(ClassicPassword("horse"))
        #expect(long.salted(salt) == short.salted(salt + Array("X".utf8)))
        for (faults, works) in [(ProtocolFaults.anyLengths, true), ([], false)] {
            let lab = RegistrationLab.classic(password: "horse", faults: faults)
            let rogue = Rogue(salt: salt + Array("X".utf8), random1: [UInt8](repeating: 0, count: 16))
            rogue.stand(in: lab)
            lab.start()
            lab.run()
            let expected = ClassicSecrets.response(
                random1: [UInt8](repeating: 0, count: 16), salted: long.salted(salt))
            #expect((rogue.responses.first == expected) == works)
        }
    }

    // MARK: - What the attacker has

    private struct Recording {
        let salt: [UInt8]
        let random1: [UInt8]
        let response: [UInt8]
        let random2: [UInt8]
        let done: Datagram
        let sessionKey: SecretBytes
    }

    /// A classic registration as somebody on the network hears it; its key only to compare with.
    private func record() throws -> Recording {
        let lab = RegistrationLab.classic()
        lab.provisionClassic()
        lab.start()
        lab.run()
        guard case .classic(let key, _)? = lab.admissions.first?.keys else { throw SPAKE2Plus.Failure.secret }
        let reply = try #require(lab.first(.registrationReply).message)
        let done = try lab.first(.registrationDone)
        return Recording(
            salt: try #require(reply[.salt]), random1: try #require(reply[.random1]),
            response: try #require(lab.first(.registrationResponse).message?[.response]),
            random2: try #require(done.message?[.random2]), done: done, sessionKey: key)
    }
}

/// Whether the seal of a classic REG_DONE opens under a key.
func opens(_ done: RegistrationLab.Datagram, under key: SecretBytes) -> Bool {
    openDone(done, under: key) != nil
}

/// What a classic REG_DONE says under a key.
func openDone(_ done: RegistrationLab.Datagram, under key: SecretBytes) -> [UInt8]? {
    guard let sealed = done.message?[.sealed], let box = try? AES.GCM.SealedBox(combined: sealed) else { return nil }
    let header = Array(done.bytes.prefix(12))
    return (try? AES.GCM.open(box, using: SymmetricKey(data: key.exposed), authenticating: header)).map(Array.init)
}

/// Somebody who answers a REG_REQUEST with a classic reply of its own choice before the key manager does.
final class Rogue {
    let address = SocketEndpoint("192.0.2.66:58081") ?? RegistrationLab.home
    let salt: [UInt8]
    let random1: [UInt8]
    /// What it sends when the device has answered.
    var done: [SUPnP.Tag: [UInt8]]?
    /// The device's answers.
    private(set) var responses: [[UInt8]] = []

    init(salt: [UInt8], random1: [UInt8]) {
        self.salt = salt
        self.random1 = random1
    }

    /// Takes the key manager's place on the network.
    func stand(in lab: RegistrationLab) {
        lab.wire = { [self] datagram in [datagram.moved(from: datagram.from, to: address)] }
        lab.others[address] = { [self] datagram, _ in answer(datagram) }
    }

    private func answer(_ datagram: RegistrationLab.Datagram) -> [RegistrationLab.Datagram] {
        guard let message = datagram.message, let id = message[.deviceID],
            let header = try? Header.decode(datagram.bytes)
        else { return [] }
        var reply: ControlMessage?
        switch message.type {
        case .registrationRequest:
            reply = ControlMessage(
                .registrationReply, [.deviceID: id, .suite: [0], .salt: salt, .random1: random1])
        case .registrationResponse:
            if let response = message[.response] { responses.append(response) }
            reply = done.map { ControlMessage(.registrationDone, $0.merging([.deviceID: id]) { $1 }) }
        default: break
        }
        guard let reply else { return [] }
        let bytes = reply.datagram(flags: [.control, .response], suite: .classic, nonce: header.nonce)
        return [.init(bytes: bytes, from: address, to: datagram.from)]
    }
}
