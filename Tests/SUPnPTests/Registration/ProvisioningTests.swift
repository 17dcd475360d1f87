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
        let secrets = try #require(work.run().secrets)
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
