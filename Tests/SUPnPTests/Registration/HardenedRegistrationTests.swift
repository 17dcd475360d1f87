import GroupKeys
import NetworkTypes
import SUPnP
import Testing

@Suite("The hardened registration")
struct HardenedRegistrationTests {
    @Test("A device with the right code becomes a member, and both sides derive the same secrets")
    func succeeds() throws {
        var lab = RegistrationLab()
        lab.provision()
        lab.start()
        lab.run()
        let result = lab.result
        let registered = try #require(result)
        guard case .hardened(let secrets) = registered.keys, case .hardened(let master)? = lab.admissions.first?.keys
        else {
            Issue.record("not hardened")
            return
        }
        #expect(secrets == master.memberSecrets(member: 0x10005, generation: 0))
        #expect(registered.groupID == RegistrationLab.groupID)
        #expect(registered.contents.integer(.epoch) == UInt32(3))
        #expect(lab.admissions.first?.roles == .server)
        #expect(
            lab.sent.map(\.type) == [
                .registrationRequest, .registrationReply, .registrationResponse, .registrationVerify,
                .registrationConfirm, .registrationDone,
            ])
        #expect(lab.sent[0].bytes.count == 256)
        #expect(lab.sent.allSatisfy { $0.bytes.count <= 256 })
    }
}
