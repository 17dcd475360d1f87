import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("The classic registration")
struct ClassicRegistrationTests {
    @Test("With both sides' consent the paper's four messages register a device")
    func succeeds() throws {
        let lab = RegistrationLab.classic()
        lab.provisionClassic()
        lab.start()
        lab.run()
        #expect(
            lab.sent.map(\.type) == [
                .registrationRequest, .registrationReply, .registrationResponse, .registrationDone,
            ])
        guard case .classic(let key, let seen, let first)? = lab.result?.keys,
            case .classic(let known, let counter)? = lab.admissions.first?.keys
        else {
            Issue.record("not registered")
            return
        }
        #expect(key == known)
        #expect(seen == counter)
        #expect(first != 0 && counter != 0 && first != counter)
        #expect(lab.sent[1].message?[.random1]?.count == 16)
        #expect(lab.sent[3].message?[.random2]?.count == 32)
    }

    @Test("r and S-KEY are SHA-256 of the random value and s; s is SHA-256 of the salt and the password")
    func vector() throws {
        let salt = hex("000102030405060708090a0b0c0d0e0f")
        let password = try #require(ClassicPassword("correct horse"))
        let salted = password.salted(salt)
        #expect(salted.exposed == sha256(salt + Array("correct horse".utf8)))
        let random = [UInt8](repeating: 0xAB, count: 16)
        #expect(ClassicSecrets.response(random1: random, salted: salted) == sha256(random + salted.exposed))
        let long = [UInt8](repeating: 0xCD, count: 32)
        #expect(ClassicSecrets.sessionKey(random2: long, salted: salted).exposed == sha256(long + salted.exposed))
    }

    @Test("A wrong password registers nobody, and the device says at most that nobody proved anything")
    func wrongPassword() {
        let lab = RegistrationLab.classic(password: "wrong horse")
        lab.provisionClassic()
        lab.start()
        lab.run()
        #expect(lab.failure == .noAnswer(hint: .proof))
        #expect(lab.admissions.isEmpty)
        #expect(lab.events.contains { if case .unproven = $0 { true } else { false } })
    }

    @Test("An unknown device gets a challenge as a known one does")
    func unknown() {
        let lab = RegistrationLab.classic()
        lab.start()
        lab.run()
        #expect(lab.failure == .noAnswer(hint: .proof))
        #expect(lab.sent[1].message?.elements.map(\.tag) == [.deviceID, .suite, .salt, .random1])
    }

    @Test("Neither side takes random values of another length", arguments: [0, 15, 17, 32])
    func lengths(count: Int) {
        let lab = RegistrationLab.classic()
        lab.provisionClassic()
        lab.wire = { datagram in
            guard var message = datagram.message, message[.random1] != nil else { return [datagram] }
            message[.random1] = [UInt8](repeating: 1, count: count)
            return [datagram.with(message)]
        }
        lab.start()
        lab.run()
        #expect(!lab.sent.contains { $0.type == .registrationResponse })
        #expect(lab.result == nil)
    }

    @Test(
        "Any one message may be lost or come twice, and a repeated one is answered with the same bytes",
        arguments: 0..<4)
    func repeats(number: Int) {
        for fate in 0..<2 {
            let lab = RegistrationLab.classic(seed: UInt64(number))
            lab.provisionClassic()
            var count = 0
            lab.wire = { datagram in
                defer { count += 1 }
                return count == number ? (fate == 0 ? [] : [datagram, datagram]) : [datagram]
            }
            lab.start()
            lab.run()
            #expect(lab.result != nil)
            #expect(lab.admissions.count == 1)
            for type in [MessageType.registrationReply, .registrationDone] {
                #expect(Set(lab.sent.filter { $0.type == type }).count == 1)
            }
        }
    }

    @Test("A REG_DONE with any bit of it changed registers nobody")
    func sealedDone() {
        for bit in stride(from: 0, to: 130 * 8, by: 7) {
            let lab = RegistrationLab.classic()
            lab.provisionClassic()
            lab.wire = { datagram in
                guard datagram.type == .registrationDone, bit / 8 < datagram.bytes.count else { return [datagram] }
                var flipped = datagram
                flipped.bytes[bit / 8] ^= 1 << (bit % 8)
                return [flipped]
            }
            lab.start()
            let size = lab.sent.last?.bytes.count ?? 0
            #expect(bit / 8 >= size || lab.result == nil, "bit \(bit)")
        }
    }

    @Test("Hardened is preferred where both are possible, even if classic answers first")
    func preference() {
        var device = RegistrationLab.deviceConfiguration()
        device.suites = [.hardenedAESGCM, .classic]
        device.password = ClassicPassword("correct horse")
        let lab = RegistrationLab(device: device)
        lab.provision()
        let rogue = SocketEndpoint("192.0.2.66:58081") ?? RegistrationLab.home
        lab.others[rogue] = { datagram, _ in
            guard datagram.type == .registrationRequest, let header = try? Header.decode(datagram.bytes),
                let id = datagram.message?[.deviceID]
            else { return [] }
            let reply = ControlMessage(
                .registrationReply,
                [
                    .deviceID: id, .suite: [0], .salt: [UInt8](repeating: 0, count: 16),
                    .random1: [UInt8](repeating: 0, count: 16),
                ])
            return [
                .init(
                    bytes: reply.datagram(flags: [.control, .response], suite: .classic, nonce: header.nonce),
                    from: rogue, to: datagram.from)
            ]
        }
        lab.wire = { datagram in
            guard datagram.type == .registrationRequest else { return [datagram] }
            return [datagram.moved(from: datagram.from, to: rogue), datagram]
        }
        lab.start()
        lab.run()
        #expect(lab.result?.suite == .hardenedAESGCM)
        #expect(!lab.sent.contains { $0.message?[.response] != nil })
    }

    @Test(
        "However a password is typed, its bytes are those of its normal form C",
        arguments: [
            // Composed, decomposed, marks in the wrong order, a singleton, a script of algorithmic composition, an
            // exclusion from composition, and marks that compose with nothing.
            ("caf\u{E9}", "caf\u{E9}"), ("cafe\u{301}", "caf\u{E9}"), ("a\u{301}\u{323}", "\u{1EA1}\u{301}"),
            ("\u{E1}\u{323}", "\u{1EA1}\u{301}"), ("\u{212B}", "\u{C5}"), ("\u{1112}\u{1161}\u{11AB}", "\u{D55C}"),
            ("\u{D558}\u{11AB}", "\u{D55C}"), ("\u{958}", "\u{915}\u{93C}"), ("q\u{307}\u{323}", "q\u{323}\u{307}"),
            ("\u{FB01}", "\u{FB01}"),
        ])
    func typed(text: String, normal: String) throws {
        let salt = [UInt8](repeating: 0, count: 16)
        let bytes = normal.unicodeScalars.flatMap { Array(String($0).utf8) }
        #expect(try #require(ClassicPassword(text)).salted(salt).exposed == sha256(salt + bytes))
    }

    @Test("A password is its normal form C, 1 to 128 bytes")
    func normalForm() {
        let salt = [UInt8](repeating: 0, count: 16)
        let composed = ClassicPassword("caf\u{E9}")
        #expect(composed?.salted(salt) == ClassicPassword("cafe\u{301}")?.salted(salt))
        #expect(composed?.salted(salt).exposed == sha256(salt + Array("caf\u{E9}".utf8)))
        #expect(ClassicPassword("") == nil)
        #expect(ClassicPassword(String(repeating: "a", count: 128)) != nil)
        #expect(ClassicPassword(String(repeating: "a", count: 129)) == nil)
    }
}
