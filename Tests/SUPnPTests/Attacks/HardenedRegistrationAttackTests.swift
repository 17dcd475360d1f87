import GroupKeys
import NetworkTypes
import Testing

@testable import SUPnP

/// What is tried against the hardened registration, with one of its checks switched off and with all of them.
@Suite("Attacks on the hardened registration")
struct HardenedRegistrationAttackTests {
    @Test("F4: a rogue that need not prove itself keeps a device from its key manager, and guesses without end")
    func unprovenKeyManager() {
        for (faults, works) in [(ProtocolFaults.uncheckedConfirmation, true), ([], false)] {
            let lab = lab(faults: faults)
            let rogue = RogueKeyManager("192.0.2.66:58081", now: lab.now)
            lab.others[rogue.address] = rogue.answer
            lab.wire = { datagram in
                guard datagram.type == .registrationRequest else { return [datagram] }
                return [datagram.moved(from: datagram.from, to: rogue.address), datagram]
            }
            lab.start()
            lab.run()
            #expect(lab.sent.contains { $0.type == .registrationConfirm && $0.to == rogue.address } == works)
            #expect((lab.result == nil) == works)
            // Each further run is another guess of the rogue's, which the device counts or does not.
            lab.wire = { [$0.moved(from: $0.from, to: $0.to == RegistrationLab.home ? rogue.address : $0.to)] }
            var runs = 0
            while runs < 12 {
                lab.restart()
                lab.run()
                if case .blocked? = lab.failure { break }
                runs += 1
            }
            #expect(runs == (works ? 12 : 4))
        }
    }

    @Test("Downgrade: a changed list of suites goes unseen without the transcript, and ends the run with it")
    func strippedSuites() {
        for (faults, works) in [([.unboundTranscript, .uncheckedCookie] as ProtocolFaults, true), ([], false)] {
            let lab = lab(faults: faults)
            lab.wire = { datagram in
                guard var message = datagram.message, message.type == .registrationRequest else { return [datagram] }
                message[.suites] = [2, 2]
                return [datagram.with(message)]
            }
            lab.start()
            lab.run()
            #expect((lab.result?.suite == .hardenedChaChaPoly) == works)
            #expect((lab.result == nil) == !works)
        }
    }

    @Test("Downgrade: a choice that is changed on the way goes unseen without the transcript")
    func changedOffer() {
        for (faults, works) in [([.unboundTranscript, .uncheckedCookie] as ProtocolFaults, true), ([], false)] {
            let lab = lab(faults: faults)
            // The controller's random value stands for all that the transcript alone covers.
            lab.wire = { datagram in
                guard var message = datagram.message, message.type == .registrationReply else { return [datagram] }
                message[.controllerRandom] = [UInt8](repeating: 0, count: 16)
                return [datagram.with(message)]
            }
            lab.start()
            lab.run()
            #expect((lab.result != nil) == works)
        }
    }

    @Test("Salt swap: another salt is another w0, with the transcript or without")
    func swappedSalt() {
        for faults in [ProtocolFaults.unboundTranscript, []] {
            let lab = lab(faults: faults)
            lab.wire = { datagram in
                guard var message = datagram.message, message.type == .registrationReply else { return [datagram] }
                message[.salt] = [UInt8](repeating: 0, count: 16)
                return [datagram.with(message)]
            }
            lab.start()
            lab.run()
            #expect(lab.failure == .notAuthentic(hint: nil))
        }
    }

    @Test("Downgrade to classic: a device without a floor answers a rogue's challenge with a hash to guess at")
    func classicChallenge() throws {
        for (faults, works) in [(ProtocolFaults.noFloor, true), ([], false)] {
            var configuration = RegistrationLab.deviceConfiguration()
            configuration.password = ClassicPassword("letmein")
            configuration.faults = faults
            let lab = RegistrationLab(device: configuration)
            let rogue = Rogue(salt: [UInt8](repeating: 0, count: 16), random1: [UInt8](repeating: 0, count: 16))
            rogue.stand(in: lab)
            lab.start()
            lab.run()
            let salted = try #require(ClassicPassword("letmein")).salted(rogue.salt)
            let guess = ClassicSecrets.response(random1: rogue.random1, salted: salted)
            #expect((rogue.responses.first == guess) == works)
        }
    }

    @Test(
        "F16: invented senders fill the registrar's table where the cookie is not checked, and cost nothing where it is"
    )
    func flood() throws {
        for (faults, works) in [([.uncheckedCookie, .unlimitedRuns] as ProtocolFaults, true), ([], false)] {
            let lab = lab(faults: faults)
            let message = ControlMessage(
                .registrationResponse,
                [
                    .deviceID: Array("lamp".utf8), .cookie: [UInt8](repeating: 1, count: 22),
                    .shareP: RFC9383.shareP, .requestHash: [UInt8](repeating: 1, count: 32),
                ])
            let bytes = message.datagram(flags: .control, suite: .hardenedAESGCM, nonce: 1)
            for host in UInt32(0)..<200 {
                let source = SocketEndpoint(.v4(IPv4Address(rawValue: 0x0A00_0000 + host)), port: 9)
                lab.inject(.init(bytes: bytes, from: source, to: RegistrationLab.home))
            }
            #expect(lab.registrar.openRuns == (works ? 200 : 0))
        }
    }

    @Test("On-line guessing: as many guesses as one likes without the limits; with them one, and then it waits")
    func guessing() {
        for (faults, works) in [(ProtocolFaults.unlimitedRuns, true), ([], false)] {
            let lab = lab(faults: faults)
            let guesser = Guesser(name: "lamp", address: "192.0.2.99:4000")
            var taken = 0
            for _ in 0..<20 where guesser.guess(lab) { taken += 1 }
            #expect(taken == (works ? 20 : 1))
        }
    }

    @Test("F20: a REG_FAIL for unknown devices tells which exist; without it they are answered alike")
    func enumeration() {
        for (faults, works) in [(ProtocolFaults.revealedUnknown, true), ([], false)] {
            var answers: [[MessageType?]] = []
            for known in [true, false] {
                var registrar = RegistrationLab.registrarConfiguration()
                registrar.faults = faults
                let lab = RegistrationLab(registrar: registrar)
                // Another's code, so that both fail in the end.
                if known { lab.provision(code: "ABCDEFGHJK") }
                lab.start()
                lab.run()
                answers.append(lab.sent.filter { $0.from == RegistrationLab.home }.map(\.type))
            }
            #expect((answers[0] != answers[1]) == works)
        }
    }

    @Test("F20: whatever suites are asked for, the answer does not tell a device that may not use them from none")
    func enumerationBySuite() throws {
        for (groupFloor, offered) in [(Suite.classic, [0]), (.hardenedAESGCM, [0]), (.hardenedAESGCM, [1])]
            as [(Suite, [UInt8])]
        {
            var registrar = RegistrationLab.registrarConfiguration()
            registrar.minimumSuite = groupFloor
            let lab = RegistrationLab(registrar: registrar)
            lab.provision(DeviceID("hardened"))
            lab.provisionClassic(DeviceID("classic1"))
            var answers: [(MessageType?, Suite?, [SUPnP.Tag], Int)] = []
            // The classic one is known to be classic where the group says so: only its floor is asked for here.
            for name in groupFloor == .classic ? ["hardened", "nobody42"] : ["hardened", "nobody42", "classic1"]
            where !(name == "hardened" && offered == [1]) {
                var request = ControlMessage(
                    .registrationRequest,
                    [.deviceID: Array(name.utf8), .suites: offered, .deviceRandom: [UInt8](repeating: 1, count: 16)])
                request[.padding] = [UInt8](repeating: 0, count: 240)
                let source = try #require(SocketEndpoint("192.0.2.\(30 + answers.count):40000"))
                lab.inject(
                    .init(
                        bytes: request.datagram(flags: .control, suite: .classic, nonce: 5), from: source,
                        to: RegistrationLab.home))
                let answer = try #require(lab.sent.last)
                #expect(answer.to == source)
                answers.append(
                    (
                        answer.type, (try? Header.decode(answer.bytes))?.suite,
                        answer.message?.elements.map(\.tag) ?? [], answer.bytes.count
                    ))
            }
            let first = try #require(answers.first)
            #expect(answers.count > 1)
            #expect(answers.allSatisfy { $0 == first }, "floor \(groupFloor), asked for \(offered): \(answers)")
        }
    }

    @Test("F20: the salts of two suites do not tell a device that has none from one that has one")
    func enumerationBySalt() throws {
        var registrar = RegistrationLab.registrarConfiguration()
        registrar.minimumSuite = .classic
        let lab = RegistrationLab(registrar: registrar)
        lab.provision()
        for name in ["lamp", "nobody"] {
            let salts = try [UInt8(0), 1].map { suite in
                var request = ControlMessage(
                    .registrationRequest,
                    [.deviceID: Array(name.utf8), .suites: [suite], .deviceRandom: [UInt8](repeating: 1, count: 16)])
                request[.padding] = [UInt8](repeating: 0, count: 240)
                lab.inject(
                    .init(
                        bytes: request.datagram(flags: .control, suite: .classic, nonce: 5 + UInt16(suite)),
                        from: RegistrationLab.deviceAddress, to: RegistrationLab.home))
                return try #require(lab.sent.last?.message?[.salt])
            }
            #expect(salts[0] != salts[1], "\(name)")
        }
    }

    @Test(
        "Mixing: a classic server's cracked password opens a hardened client's requests only where they go over classic"
    )
    func mixing() throws {
        // Heard: a classic server registers in a mixed group, and is given the traffic key of the classic channel.
        let trafficKey = [UInt8](repeating: 0x7E, count: 32)
        let lab = RegistrationLab.classic(password: "letmein")
        lab.provisionClassic(password: "letmein")
        lab.contents = DoneContents([.memberID: [0, 1, 0, 5], .keyID: [0, 9], .trafficKey: [0, 3] + trafficKey])
        lab.start()
        lab.run()
        // Guessed, and the key taken out of REG_DONE.
        let reply = try #require(lab.first(.registrationReply).message)
        let done = try lab.first(.registrationDone)
        let salted = try #require(ClassicPassword("letmein")).salted(try #require(reply[.salt]))
        #expect(
            ClassicSecrets.response(random1: try #require(reply[.random1]), salted: salted)
                == (try lab.first(.registrationResponse).message?[.response]))
        let session = ClassicSecrets.sessionKey(
            random2: try #require(done.message?[.random2]), salted: salted)
        let contents = try #require(openDone(done, under: session).flatMap { DoneContents(decoding: $0) })
        let stolen = SecretBytes(try #require(contents[.trafficKey]).dropFirst(2))

        // A hardened client asks for a service that a classic and a hardened server offer.
        let name = try #require(ServiceName("urn:schemas-upnp-org:service:SwitchPower:1"))
        let offers = [true, false].map { classic in
            ServiceDirectory.Entry(
                number: 1, version: 1, server: 1, isClassic: classic, offer: ServiceOffer(name), isOffered: true)
        }
        for (rule, works) in [(SuiteBridge.Rule.everything, true), (.directory, false)] {
            let channels = SuiteBridge(rule).channels(lowestSuite: 1, clientIsClassic: false, offers: offers)
            var heard: [[UInt8]] = []
            var random = SeededGenerator(seed: 3)
            let scope = ClassicScope(keyID: 3, isGroupKey: true, direction: .group)
            if channels.contains(.classic) {
                let key = try ClassicSealingKey(scope, key: SecretBytes(trafficKey), sender: 7, using: &random)
                heard.append(try key.seal([0x5E, 0xC2], .data))
            }
            let reader = try ClassicOpeningKey(scope, key: stolen, senders: [7])
            let read = heard.compactMap { try? reader.open(UnverifiedClassicMessage($0)).body }
            #expect(read == (works ? [[0x5E, 0xC2]] : []))
        }
    }

    private func lab(faults: ProtocolFaults) -> RegistrationLab {
        var device = RegistrationLab.deviceConfiguration()
        device.faults = faults
        var registrar = RegistrationLab.registrarConfiguration()
        registrar.faults = faults
        let lab = RegistrationLab(device: device, registrar: registrar)
        lab.provision()
        return lab
    }
}
