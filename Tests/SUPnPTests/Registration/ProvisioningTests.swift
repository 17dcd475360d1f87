import Foundation
import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("Provisioning and the key schedule")
struct ProvisioningTests {
    @Test("A setup code has ten characters of Crockford's alphabet, however it is typed")
    func setupCode() {
        #expect(SetupCode("01ab-c def gh")?.bytes.exposed == Array("01ABCDEFGH".utf8))
        #expect(SetupCode("oOiIlL2345")?.bytes.exposed == Array("0011112345".utf8))
        for text in ["", "012345678", "01234567890", "0123456U89", "0123456é89", "01234_6789"] {
            #expect(SetupCode(text) == nil, "\(text)")
        }
        var random = SeededGenerator(seed: 32)
        var seen: Set<UInt8> = []
        for _ in 0..<200 {
            let code = SetupCode(using: &random)
            #expect(SetupCode(code.exposedText)?.bytes == code.bytes)
            seen.formUnion(code.bytes.exposed)
        }
        #expect(seen.count == 32)
    }

    /// The costliest takes seconds in a debug build, so it waits for a long run.
    private static let vectors = DerivationVector.all.filter {
        $0.derivation != .scrypt17 || ProcessInfo.processInfo.environment["LATCHKEY_HISTORIES"] != nil
    }

    @Test("w0 and w1 are those that another implementation of scrypt and PBKDF2 gives", arguments: vectors)
    func derivation(vector: DerivationVector) throws {
        let work = PasswordDerivationWork(
            vector.derivation, code: SecretBytes(Array("0123456789".utf8)), deviceID: Array("lamp".utf8),
            groupID: [UInt8](repeating: 0x47, count: 16), salt: (0..<16).map { $0 })
        let secrets = try #require(work.run())
        #expect(secrets.w0.exposed == hex(vector.w0))
        #expect(secrets.w1.exposed == hex(vector.w1))
    }

    @Test("The keys of a registration follow from K_shared and the transcript by HKDF")
    func schedule() {
        let master = MasterSecret(
            sharedKey: SecretBytes([UInt8](repeating: 1, count: 32)), transcript: [UInt8](repeating: 2, count: 32))
        let secrets = master.memberSecrets(member: 0x10005, generation: 7)
        #expect(master.finishKey.exposed == hex(ScheduleVector.finish))
        #expect(secrets.leaf.exposed == hex(ScheduleVector.leaf))
        #expect(secrets.relay.exposed == hex(ScheduleVector.relay))
        #expect(secrets.refresh.exposed == hex(ScheduleVector.refresh))
        #expect(master.memberSecrets(member: 0x10005, generation: 8).relay != secrets.relay)
        #expect(master.memberSecrets(member: 0x10006, generation: 7).relay != secrets.relay)
    }

    @Test("A record is of one suite, and its floor is hardened unless somebody lowers it")
    func records() throws {
        let id = try #require(DeviceID("lamp"))
        let salt = [UInt8](repeating: 1, count: 16)
        let secret = CredentialRecord.Secret.classic(salted: SecretBytes([UInt8](repeating: 1, count: 32)))
        var record = try #require(CredentialRecord(id: id, roles: .client, salt: salt, secret: secret))
        #expect(record.choose(from: [.classic, .hardenedAESGCM], floor: .classic) == nil)
        record.minimumSuite = .classic
        #expect(record.choose(from: [.hardenedAESGCM, .classic], floor: .classic) == .classic)
        #expect(record.choose(from: [.hardenedAESGCM, .classic], floor: .hardenedAESGCM) == nil)
        #expect(CredentialRecord(id: id, roles: .client, salt: [1], secret: secret) == nil)
        let hardened = CredentialRecord(
            id: id, roles: .client, salt: salt, secret: .hardened(.scrypt15, try RFC9383.record),
            minimumSuite: .classic)
        #expect(hardened?.choose(from: [.classic], floor: .classic) == nil)
        #expect(hardened?.choose(from: [.classic, .hardenedChaChaPoly], floor: .classic) == .hardenedChaChaPoly)
    }

    @Test("A device's name is UTF-8 of 1 to 64 bytes")
    func names() {
        #expect(DeviceID("") == nil)
        #expect(DeviceID([0xFF]) == nil)
        #expect(DeviceID(String(repeating: "a", count: 64)) != nil)
        #expect(DeviceID(String(repeating: "a", count: 65)) == nil)
    }
}

@Suite("The refresh of keys")
struct RefreshTests {
    private static let old = MasterSecret(
        sharedKey: SecretBytes([UInt8](repeating: 1, count: 32)), transcript: [UInt8](repeating: 2, count: 32)
    ).memberSecrets(member: 0x10005, generation: 0)

    @Test("Both sides get the same new secrets, and the member adopts them only after they are durable")
    func agrees() throws {
        var random = SeededGenerator(seed: 5)
        var member = MemberRefresh(Self.old)
        var manager = KeyManagerRefresh(Self.old)
        guard case .transmit(let share, _) = member.begin(now: .now, using: &random),
            case .commit(let fresh) = manager.received(share, using: &random)
        else {
            Issue.record("nothing was sent")
            return
        }
        #expect(manager.received(share, using: &random) == .none)
        guard case .transmit(let answer, fresh) = manager.committed() else {
            Issue.record("no answer")
            return
        }
        #expect(fresh.generation == 1)
        #expect(fresh.relay != Self.old.relay && fresh.leaf != Self.old.leaf && fresh.refresh != Self.old.refresh)
        // A repeated share gets the same answer, and the old secrets stay until the member has switched.
        #expect(manager.received(share, using: &random) == .transmit(answer, fresh))
        #expect(manager.secrets == Self.old)
        #expect(member.acknowledged(answer) == .adopt(fresh))
        #expect(member.acknowledged(answer) == .none)
        #expect(manager.switched() == .dropOld)
        #expect(manager.secrets == fresh)
        #expect(manager.switched() == .none)
    }

    @Test("A conflict leaves everything as it was, and a member that has lost its key begins again")
    func conflictAndRestart() {
        var random = SeededGenerator(seed: 6)
        var manager = KeyManagerRefresh(Self.old)
        var first = MemberRefresh(Self.old)
        guard case .transmit(let share, _) = first.begin(now: .now, using: &random) else { return }
        _ = manager.received(share, using: &random)
        manager.conflict()
        #expect(manager.committed() == .none)
        guard case .commit(let once) = manager.received(share, using: &random) else {
            Issue.record("not taken again")
            return
        }
        _ = manager.committed()
        var second = MemberRefresh(Self.old)
        guard case .transmit(let other, _) = second.begin(now: .now, using: &random),
            case .commit(let twice) = manager.received(other, using: &random),
            case .transmit(let answer, _) = manager.committed()
        else {
            Issue.record("no second run")
            return
        }
        #expect(twice != once && twice.generation == 1)
        #expect(second.acknowledged(answer) == .adopt(twice))
    }

    @Test("A share of small order is refused by both sides")
    func smallOrder() {
        var random = SeededGenerator(seed: 7)
        for point in [[UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31)] {
            var manager = KeyManagerRefresh(Self.old)
            #expect(manager.received(ControlMessage(.refresh, [.x25519: point]), using: &random) == .none)
            var member = MemberRefresh(Self.old)
            _ = member.begin(now: .now, using: &random)
            #expect(member.acknowledged(ControlMessage(.refreshAcknowledged, [.x25519: point])) == .failed)
        }
    }

    @Test("An unanswered REFRESH is sent three times and given up, and the old keys stay")
    func silence() {
        var random = SeededGenerator(seed: 8)
        var member = MemberRefresh(Self.old)
        let start = ContinuousClock.now
        guard case .transmit(let share, var at) = member.begin(now: start, using: &random) else { return }
        #expect(member.begin(now: start, using: &random) == .none)
        var times = [at - start]
        while case .transmit(share, let next) = member.woken(now: at) {
            at = next
            times.append(at - start)
        }
        #expect(times == [.seconds(1), .seconds(3), .seconds(7)])
        #expect(member.woken(now: at) == .none)
    }
}
