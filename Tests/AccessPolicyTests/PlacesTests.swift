import AccessPolicy
import FoundationEssentials
import NetworkTypes
import Testing
import TrustCore

@Suite("The places from where a device is seen")
struct PlacesTests {
    private let lamp = DeviceFacts(
        udn: "uuid:lamp", deviceType: "urn:schemas-upnp-org:device:BinaryLight:1",
        serviceTypes: ["urn:schemas-upnp-org:service:SwitchPower:1"])

    private func policy(_ via: [String], sharing: Bool, device: String = "uuid:lamp") throws -> CompiledPolicy {
        let id = try #require(SubjectID("a"))
        let rule = PolicyRule(
            name: "lamp", operations: [.everything], via: via.compactMap { PolicyVia($0) },
            device: DeviceSelector(udn: [device]))
        return CompiledPolicy(
            document: PolicyDocument(rules: [rule]),
            ledger: TrustLedger(
                subjects: [Subject(id: id, name: "vlan", createdAt: .now)],
                grants: [Grant(subject: id, scope: .preset("rules-only"), sharing: sharing)]))
    }

    private func seen(_ policy: CompiledPolicy) throws -> [Via] {
        let id = try #require(SubjectID("a"))
        return policy.places(of: id, seeing: lamp).filter { place in
            policy.decide(AccessRequest(subject: id, via: place, device: lamp, operation: .discover)).permitted
        }
    }

    @Test("A rule for one neighbour makes the device seen from there, and from nowhere else")
    func neighbour() throws {
        let tablet = try #require(IPAddress("192.0.2.20"))
        #expect(try seen(policy(["192.0.2.20"], sharing: true)) == [.neighbour(tablet)])
        #expect(try seen(policy(["192.0.2.0/24"], sharing: false)).count == 1)
        #expect(try seen(policy(["own-host"], sharing: true)) == [.ownHost])
        #expect(try seen(policy(["neighbours"], sharing: true)).count == 1)
        #expect(try seen(policy([], sharing: true)).first == .ownHost)
        #expect(try seen(policy(["192.0.2.20"], sharing: true, device: "uuid:other")).isEmpty)
    }

    @Test("Who has the preset rules-only has what the rules give, and no role")
    func rulesOnly() throws {
        let id = try #require(SubjectID("a"))
        let policy = try policy(["own-host"], sharing: true, device: "uuid:other")
        let decision = policy.decide(AccessRequest(subject: id, via: .ownHost, device: lamp, operation: .discover))
        #expect(!decision.permitted && decision.rule == "grant:rules-only")
        #expect(policy.roles(of: id) == [.public])
    }
}
