import AccessPolicy
import Foundation
import NIOUPnP
import PolicyFile
import Testing
import TrustCore
import UPnP

@testable import RemoteAccess

@Suite("The policy over RemoteAccess:1")
struct PolicyActionTests {
    private let source = PolicySource(store: InMemoryPolicyStore(), parse: { try PolicyText.parse($0) })
    /// With what a document of XML could lose: a comment first, indentation, quotes, an ampersand, a line at the end.
    private static let text = """
        # Anna & Ben's house
        policy: 1
        rules:
          - name: quiet
            permit: ["SetVolume"]
            arguments: {DesiredVolume: {max: 40}}

        """

    private func set(_ fixture: ServicesFixture, _ text: String, _ expected: Int) async throws -> UPnPFault? {
        try await fixture.fault("RemoteAccess", "SetPolicy", ("Policy", text), ("ExpectedVersion", "\(expected)"))
    }

    @Test("What was set is what is read, letter for letter, and it is in force")
    func roundTrip() async throws {
        let fixture = try await ServicesFixture(.admin, policies: source)
        let before = try await fixture.call("RemoteAccess", "GetPolicy")
        #expect(before["Policy"] == "" && before["PolicyVersion"] == "0")
        // As it comes from the network: through SOAP's XML.
        let service = try fixture.service("RemoteAccess")
        let sent = ActionRequest(
            serviceType: service.serviceType, action: "SetPolicy",
            arguments: [ActionArgument("Policy", Self.text), ActionArgument("ExpectedVersion", "0")])
        let heard = try ActionRequest(parsing: sent.serialized().utf8, soapActionHeader: sent.soapActionHeader)
        #expect(try await fixture.code(heard, at: service) == nil)
        let after = try await fixture.call("RemoteAccess", "GetPolicy")
        #expect(after["Policy"] == Self.text && after["PolicyVersion"] == "1")
        let versions = try #require(try await fixture.call("RemoteAccess", "GetPolicyVersions")["PolicyVersionList"])
        #expect(versions.contains(#"version="1""#) && versions.contains(#"author="an administrator at home""#))
        #expect(versions.contains(PolicyChanges.digest(of: Self.text)))
        let trust = fixture.trust
        let subject = try await trust.localSubject(named: "tv", scope: nil, orNew: .preset("full"))
        let loud = AccessRequest(
            subject: subject, via: .ownHost,
            device: DeviceFacts(udn: "uuid:r", deviceType: "urn:schemas-upnp-org:device:MediaRenderer:1"),
            operation: .control, service: "urn:schemas-upnp-org:service:RenderingControl:1", action: "SetVolume",
            arguments: [("DesiredVolume", "41")])
        #expect(trust.policy.decide(loud).rule == "quiet" && !trust.policy.decide(loud).permitted)
    }

    @Test("Who looked at another version than the one in force is refused with 704, and nothing changes")
    func conflict() async throws {
        let fixture = try await ServicesFixture(.admin, policies: source)
        #expect(try await set(fixture, Self.text, 0) == nil)
        let late = try await set(fixture, "policy: 1\nrules: []", 0)
        #expect(late?.code.rawValue == 704 && late?.description.contains("version 1") == true)
        #expect(try await source.store.storedPolicy()?.version == 1)
        #expect(try await set(fixture, "policy: 1\nrules: []", 1) == nil)
        #expect(try await source.store.storedPolicy()?.version == 2)
    }

    @Test("What is no policy is refused with 703 and its faults by line, within 256 characters")
    func faults() async throws {
        let fixture = try await ServicesFixture(.admin, policies: source)
        let one = try await set(fixture, "policy: 1\nrulez: []", 0)
        #expect(one?.code.rawValue == 703 && one?.description.hasPrefix("line 2, column 1: ") == true)
        let many = "policy: 1\nrules:\n" + (1...9).map { "  - {name: r\($0), permitt: [A]}\n" }.joined()
        let description = try #require(try await set(fixture, many, 0)).description
        #expect(description.hasPrefix("line 3") && description.hasSuffix(" more") && description.count <= 256)
        let long = try await set(fixture, "policy: 1\n" + String(repeating: "x", count: 900) + ": 1", 0)
        #expect(long?.code.rawValue == 703 && (1...256).contains(long?.description.unicodeScalars.count ?? 0))
        #expect(try await source.store.storedPolicy() == nil)
    }

    @Test("Whoever is no administrator neither reads nor writes it")
    func roles() async throws {
        let fixture = try await ServicesFixture(.basic, policies: source)
        #expect(try await fixture.error("RemoteAccess", "GetPolicy") == 606)
        #expect(try await fixture.error("RemoteAccess", "GetPolicyVersions") == 606)
        #expect(try await fixture.error("RemoteAccess", "GetPairings") == 606)
        #expect(try await set(fixture, Self.text, 0)?.code == .actionNotAuthorized)
        #expect(try await source.store.storedPolicy() == nil)
    }

    @Test("A pairing code that is open is listed without its secret, and not when it was taken back")
    func pairings() async throws {
        let fixture = try await ServicesFixture(.admin, policies: source)
        let started = try await fixture.call(
            "RemoteAccess", "StartPairing", ("Name", "tv"), ("Preset", "watch"), ("Sharing", "0"),
            ("ValidSeconds", "60"))
        let id = try #require(started["PairingID"])
        let list = try #require(try await fixture.call("RemoteAccess", "GetPairings")["PairingList"])
        #expect(list.contains(id) && list.contains(#"name="tv""#) && list.contains(#"grant="watch""#))
        _ = try await fixture.call("RemoteAccess", "CancelPairing", ("PairingID", id))
        #expect(try await fixture.call("RemoteAccess", "GetPairings")["PairingList"]?.contains(id) == false)
    }
}
