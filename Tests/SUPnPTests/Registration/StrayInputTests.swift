import GroupKeys
import NetworkTypes
import Testing

@testable import SUPnP

@Suite("Inputs out of turn")
struct StrayInputTests {
    @Test(
        "An answer of the store or of a worker that is not awaited changes nothing, at any step",
        arguments: [false, true])
    func registrar(classic: Bool) {
        let lab = classic ? RegistrationLab.classic() : RegistrationLab()
        if classic { lab.provisionClassic() } else { lab.provision() }
        let contents = DoneContents([.memberID: [0, 1, 0, 9], .keyID: [0, 1]])
        lab.wire = { datagram in
            // Every number that a run of this lab can have, and some that none has.
            for number in UInt64(0)...3 where datagram.type != .registrationDone {
                let id = RegistrationID(number: number)
                let strays: [RegistrarInput] = [
                    .admitted(id, contents), .declined(id, .capacity), .worked(id, .failed(.share)), .woken,
                ]
                for stray in strays { lab.registrar.handle(stray, now: lab.now, using: &lab.random) }
            }
            return [datagram]
        }
        lab.start()
        lab.run()
        #expect(lab.result?.contents.integer(.memberID) == UInt32(0x10005))
        #expect(lab.sent.filter { $0.type == .registrationDone || $0.type == .registrationFail }.count == 1)
    }

    @Test(
        "A device ignores what is out of turn: stretching that it did not ask for, a second start, another's messages")
    func device() throws {
        let other = RegistrationLab(seed: 8)
        other.provision()
        other.start()
        other.run()
        let strangers = other.sent.filter { $0.to == RegistrationLab.deviceAddress }
        let secrets = try RFC9383.secrets
        let lab = RegistrationLab(seed: 9)
        lab.provision()
        lab.wire = { datagram in
            lab.device.handle(
                .derived(.init(number: lab.device.stretching, secrets: secrets)), now: lab.now, using: &lab.random)
            lab.device.handle(
                .derived(.init(number: lab.device.stretching, secrets: nil)), now: lab.now, using: &lab.random)
            lab.device.handle(.start(controller: RegistrationLab.home), now: lab.now, using: &lab.random)
            for stranger in strangers {
                lab.device.handle(
                    .datagram(stranger.bytes, from: stranger.from), now: lab.now, using: &lab.random)
            }
            return [datagram]
        }
        lab.start()
        lab.run()
        #expect(lab.result != nil)
        #expect(lab.sent.filter { $0.type == .registrationRequest }.count == 1)
        #expect(lab.sent.filter { $0.type == .registrationResponse }.count == 1)
    }

    @Test("A stretching that ends after its attempt is not taken for that of the next attempt")
    func lateStretching() throws {
        let lab = RegistrationLab()
        lab.provision()
        lab.holdsStretching = true
        lab.start()
        lab.run()
        #expect(lab.failure == .noAnswer(hint: nil))
        // The key manager has another salt for the device by then.
        lab.provision()
        lab.restart()
        lab.run(for: .seconds(1))
        let works = lab.heldStretching
        #expect(works.count == 2)
        for work in works { lab.stretch(work) }
        lab.run()
        #expect(lab.result != nil)
    }

    @Test("A record that goes while its device registers lets nobody in", arguments: [false, true], [false, true])
    func removedRecord(classic: Bool, late: Bool) throws {
        let lab = classic ? RegistrationLab.classic() : RegistrationLab()
        if classic { lab.provisionClassic() } else { lab.provision() }
        let id = try #require(RegistrationLab.lamp)
        let last: MessageType = classic ? .registrationResponse : .registrationConfirm
        lab.wire = { datagram in
            if datagram.type == (late ? last : .registrationReply) {
                lab.registrar.handle(.removed(id), now: lab.now, using: &lab.random)
            }
            return [datagram]
        }
        lab.start()
        lab.run()
        #expect(lab.result == nil)
        #expect(lab.admissions.isEmpty)
    }
}
