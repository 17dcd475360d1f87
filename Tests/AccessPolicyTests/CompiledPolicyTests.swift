import AccessPolicy
import FoundationEssentials
import NetworkTypes
import Testing
import TrustCore

private let renderer = DeviceFacts(
    udn: "uuid:tv", name: "Living room TV", deviceType: "urn:schemas-upnp-org:device:MediaRenderer:1",
    serviceTypes: [
        "urn:schemas-upnp-org:service:RenderingControl:1", "urn:schemas-upnp-org:service:AVTransport:1",
    ])
private let control = "urn:schemas-upnp-org:service:RenderingControl:1"
private let transport = "urn:schemas-upnp-org:service:AVTransport:1"
private let server = DeviceFacts(
    udn: "uuid:nas", name: "NAS", deviceType: "urn:schemas-upnp-org:device:MediaServer:4",
    serviceTypes: ["urn:schemas-upnp-org:service:ContentDirectory:4"])

@Suite("A policy of rules")
struct CompiledPolicyTests {
    let alice: SubjectID
    let bob: SubjectID

    init() throws {
        alice = try #require(SubjectID("a"))
        bob = try #require(SubjectID("b"))
    }

    private func policy(_ rules: [PolicyRule], grant: String? = nil, sharing: Bool = true) -> CompiledPolicy {
        let grants = grant.map { [Grant(subject: alice, scope: .preset($0), sharing: sharing)] } ?? []
        return CompiledPolicy(
            document: PolicyDocument(
                groups: [.init(name: "family", members: ["alice", "b"])],
                rooms: [.init(name: "living-room", devices: [NamePattern("living*")])], rules: rules),
            ledger: TrustLedger(
                subjects: [
                    Subject(id: alice, name: "alice", createdAt: .now), Subject(id: bob, name: "bob", createdAt: .now),
                ], grants: grants))
    }

    private func volume(_ value: String, of subject: SubjectID? = nil, extra: [(String, String)] = []) -> AccessRequest
    {
        AccessRequest(
            subject: subject ?? alice, via: .ownHost, device: renderer, operation: .control, service: control,
            action: "SetVolume", arguments: [("InstanceID", "0"), ("DesiredVolume", value)] + extra)
    }

    private func seeing(_ device: DeviceFacts, service: String? = nil, action: String? = nil) -> AccessRequest {
        AccessRequest(
            subject: alice, via: .ownHost, device: device, operation: service == nil ? .discover : .describe,
            service: service, action: action)
    }

    private let quiet = PolicyRule(
        name: "quiet", operations: [.action("SetVolume")],
        arguments: [.init(name: "DesiredVolume", test: .range(min: nil, max: 40))], line: 7)

    @Test(
        "a volume of at most 40 is permitted in every spelling that all devices read alike",
        arguments: [
            ("40", true), ("0", true), ("+40", true), (" 40 ", true), ("\n40\t", true), ("7", true), ("007", true),
            ("040", true), ("00000000000000000040", true), ("-0", true), ("41", false), ("+41", false),
            ("041", false), ("050", false), ("08", true), ("-1", false), ("-40", false), ("0x28", false),
            ("40.0", false), ("4e1", false), ("", false), (" ", false), ("+", false), ("4 0", false), ("40 1", false),
            ("４０", false), ("40\u{0}", false), ("4294967336", false), ("99999999999999999999", false),
            ("1,0", false), ("true", false), ("--1", false),
        ])
    func spellings(value: String, permitted: Bool) {
        let decision = policy([quiet]).decide(volume(value))
        #expect(decision.permitted == permitted, "\(decision)")
        #expect(decision.rule == "quiet")
        if !permitted {
            #expect(decision.reason == "the rule quiet (line 7) permits SetVolume only with DesiredVolume at most 40")
        }
    }

    @Test(
        "a volume above 40 is denied in every spelling that some device could read so",
        arguments: [
            ("41", false), ("+41", false), (" 41", false), ("-1", false), ("x", false), ("", false), ("0x29", false),
            ("051", false), ("40", true), ("040", true), ("297", false),
        ])
    func spellingsDenied(value: String, permitted: Bool) {
        let loud = PolicyRule(
            name: "loud", effect: .deny, operations: [.action("SetVolume")],
            arguments: [.init(name: "DesiredVolume", test: .range(min: 41, max: nil))])
        let decision = policy([loud, PolicyRule(name: "all", operations: [.everything])]).decide(volume(value))
        #expect(decision.permitted == permitted, "\(decision)")
    }

    @Test func `an argument that is there twice, missing or in other letters is never within a limit`() {
        let policy = policy([quiet])
        #expect(!policy.decide(volume("40", extra: [("DesiredVolume", "40")])).permitted)
        #expect(!policy.decide(volume("40", extra: [("desiredvolume", "99")])).permitted)
        var request = volume("40")
        request.arguments = []
        #expect(!policy.decide(request).permitted)
        request.arguments = [("desiredVolume", "40")]
        #expect(!policy.decide(request).permitted)
    }

    @Test func `a denied action is denied in other letters too, a permitted one is not permitted`() {
        var request = volume("10")
        request.action = "setvolume"
        let deny = PolicyRule(name: "d", effect: .deny, operations: [.action("SetVolume")])
        #expect(policy([deny, .init(name: "p", operations: [.everything])]).decide(request).rule == "d")
        #expect(!policy([.init(name: "p", operations: [.action("SetVolume")])]).decide(request).permitted)
    }

    @Test func `a limit is not got round by a broader rule or by the grant`() {
        #expect(!policy([quiet], grant: "control").decide(volume("41")).permitted)
        #expect(!policy([quiet, .init(name: "all", operations: [.everything])]).decide(volume("41")).permitted)
        #expect(policy([quiet], grant: "control").decide(volume("40")).permitted)
        // Another rule that is as specific is an alternative.
        var louder = quiet
        louder.name = "louder"
        louder.arguments = [.init(name: "DesiredVolume", test: .range(min: nil, max: 60))]
        #expect(policy([quiet, louder]).decide(volume("50")).rule == "louder")
        louder.who = [.client("alice")]
        #expect(policy([quiet, louder]).decide(volume("50")).permitted)
        #expect(!policy([quiet, louder]).decide(volume("50", of: bob)).permitted)
    }

    @Test func `the most specific rule wins, and of equals the one that denies`() {
        func winner(_ first: PolicyRule, _ second: PolicyRule) -> String? {
            let forward = policy([first, second]).decide(volume("1")).rule
            #expect(forward == policy([second, first]).decide(volume("1")).rule)
            return forward
        }
        func rule(
            _ name: String, _ effect: PolicyRule.Effect = .permit, _ operation: PolicyOperation = .everything,
            who: [PolicySubject] = [], via: [PolicyVia] = [], device: DeviceSelector = .init(),
            service: [TypeSelector] = []
        ) -> PolicyRule {
            PolicyRule(
                name: name, effect: effect, operations: [operation], who: who, via: via, device: device,
                service: service)
        }
        let byType = DeviceSelector(type: [TypeSelector(device: "MediaRenderer")].compactMap(\.self))
        let order: [PolicyRule] = [
            rule("everyone"), rule("own", via: [.ownHost]), rule("group", who: [.group("family")]),
            rule("client", who: [.client("alice")]), rule("kind", .permit, .actions),
            rule("prefix", .permit, .actionPrefix("Set")), rule("longer", .permit, .actionPrefix("SetV")),
            rule("exact", .permit, .action("SetVolume")),
            rule("service", service: [TypeSelector(service: "RenderingControl")].compactMap(\.self)),
            rule("type", device: byType), rule("room", device: .init(room: ["living-room"])),
            rule("pattern", device: .init(name: [NamePattern("*tv")])),
            rule("name", device: .init(name: [NamePattern("living room tv")])),
            rule("udn", device: .init(udn: ["TV"])),
        ]
        for (lower, higher) in zip(order, order.dropFirst()) {
            #expect(winner(lower, higher) == higher.name)
            var (denied, permits) = (lower, higher)
            denied.effect = .deny
            #expect(winner(denied, permits) == higher.name)
            permits.effect = .deny
            #expect(winner(lower, permits) == higher.name)
        }
        for rule in order {
            var denied = rule
            denied.name = "denied"
            denied.effect = .deny
            #expect(winner(rule, denied) == "denied")
        }
    }

    @Test func `a rule for everyone does not reach the neighbours of a client that may not share`() throws {
        let neighbour = Via.neighbour(try #require(IPAddress("192.0.2.9")))
        var request = volume("1")
        request.via = neighbour
        let all = PolicyRule(name: "all", operations: [.everything])
        #expect(policy([all], grant: "full").decide(request).permitted)
        #expect(!policy([all], grant: "full", sharing: false).decide(request).permitted)
        #expect(!policy([all]).decide(request).permitted)
        var named = all
        named.via = [try #require(PolicyVia("192.0.2.0/24"))]
        #expect(policy([named]).decide(request).permitted)
        request.via = .neighbour(try #require(IPAddress("198.51.100.9")))
        #expect(!policy([named]).decide(request).permitted)
        let deny = PolicyRule(name: "d", effect: .deny, operations: [.action("SetVolume")])
        #expect(!policy([deny], grant: "full").decide(request).permitted)
    }

    @Test func `a permitted action shows its service and device, and nothing else is shown`() {
        let policy = policy([quiet])
        #expect(policy.decide(seeing(renderer)).permitted)
        #expect(policy.decide(seeing(renderer, service: control, action: "SetVolume")).permitted)
        #expect(!policy.decide(seeing(renderer, service: control, action: "SetMute")).permitted)
        #expect(!self.policy([]).decide(seeing(renderer)).permitted)
        let only = PolicyRule(
            name: "only", operations: [.action("Play")],
            service: [TypeSelector(service: "AVTransport")].compactMap(\.self))
        #expect(self.policy([only]).decide(seeing(renderer, service: transport)).permitted)
        #expect(!self.policy([only]).decide(seeing(renderer, service: control)).permitted)
        #expect(self.policy([only]).decide(seeing(renderer)).permitted)
        #expect(!self.policy([only]).decide(seeing(server)).permitted)
    }

    @Test func `what is denied altogether is hidden, also from a grant`() {
        let hide = PolicyRule(name: "hide", effect: .deny, operations: [.everything], device: .init(udn: ["uuid:TV"]))
        let hidden = policy([hide], grant: "full")
        #expect(!hidden.decide(seeing(renderer)).permitted)
        #expect(!hidden.decide(seeing(renderer, service: control)).permitted)
        #expect(hidden.decide(seeing(server)).permitted)
        let mute = PolicyRule(name: "no-mute", effect: .deny, operations: [.action("SetMute")])
        let partly = policy([mute], grant: "control")
        #expect(partly.decide(seeing(renderer, service: control)).permitted)
        #expect(!partly.decide(seeing(renderer, service: control, action: "SetMute")).permitted)
        #expect(partly.decide(seeing(renderer, service: control, action: "SetVolume")).permitted)
        // One that depends on arguments leaves the action to be seen.
        var loud = mute
        loud.arguments = [.init(name: "DesiredMute", test: .oneOf(["1"]))]
        #expect(
            policy([loud], grant: "control").decide(seeing(renderer, service: control, action: "SetMute")).permitted)
    }

    @Test func `what belongs to the border is given by no rule`() {
        let gateway = DeviceFacts(udn: "uuid:igd", deviceType: "urn:schemas-upnp-org:device:InternetGatewayDevice:2")
        let policy = policy([.init(name: "all", operations: [.everything], device: .init(udn: ["uuid:igd"]))])
        for operation in AccessRequest.Operation.allCases {
            let request = AccessRequest(
                subject: alice, via: .ownHost, device: gateway, operation: operation, service: control, action: "Get")
            #expect(!policy.decide(request).permitted)
        }
    }

    @Test func `nobody who is unknown or revoked has any rule`() throws {
        let all = PolicyRule(name: "all", operations: [.everything])
        let stranger = try #require(SubjectID("stranger"))
        #expect(!policy([all]).decide(volume("1", of: stranger)).permitted)
        let revoked = CompiledPolicy(
            document: PolicyDocument(rules: [all]),
            ledger: TrustLedger(subjects: [Subject(id: alice, name: "alice", createdAt: .now, revokedAt: .now)]))
        #expect(!revoked.decide(volume("1")).permitted)
    }

    @Test func `the first use waits for consent, seeing does not`() {
        var rule = quiet
        rule.consent = true
        let policy = policy([rule])
        #expect(policy.decide(volume("40")).needs == .consent(rule: "quiet"))
        #expect(policy.decide(seeing(renderer)).permitted)
        var request = volume("40")
        request.consents = ["other"]
        #expect(!policy.decide(request).permitted)
        request.consents = ["quiet"]
        #expect(policy.decide(request).permitted)
        request.arguments = [("DesiredVolume", "41")]
        #expect(!policy.decide(request).permitted)
    }

    @Test func `Browse is held below a container by the object's ancestry`() {
        let rule = PolicyRule(name: "shelf", operations: [.action("Browse"), .action("Search")], below: ["64$2"])
        let policy = policy([rule], grant: "full")
        var request = AccessRequest(
            subject: alice, via: .ownHost, device: server, operation: .control,
            service: "urn:schemas-upnp-org:service:ContentDirectory:4", action: "Browse",
            arguments: [("ObjectID", "64$2$7"), ("BrowseFlag", "BrowseDirectChildren")])
        #expect(policy.decide(request).needs == .ancestry(objectID: "64$2$7"))
        request.ancestries["64$2$7"] = .known(["64$2$7", "64$2", "64", "0"])
        #expect(policy.decide(request).resultFilter == ResultFilter(containers: ["64$2"]))
        request.ancestries["64$2$7"] = .known(["64$2$7", "64$3", "64", "0"])
        #expect(policy.decide(request).needs == .ancestry(objectID: "64$2"))
        request.ancestries["64$2"] = .known(["64$2", "64", "0"])
        #expect(!policy.decide(request).permitted && policy.decide(request).needs == nil)
        request.ancestries["64$2$7"] = .unavailable
        #expect(!policy.decide(request).permitted)
        // The way down from the root is shown, and nothing else on it.
        request.arguments[0].value = "0"
        request.ancestries["0"] = .known(["0"])
        #expect(policy.decide(request).resultFilter == ResultFilter(containers: ["64$2"], path: ["64", "0"]))
        request.action = "Search"
        request.arguments = [("ContainerID", "0"), ("SearchCriteria", "*")]
        #expect(policy.decide(request).resultFilter == ResultFilter(containers: ["64$2"]))
        request.arguments.append(("ContainerID", "64$2"))
        #expect(!policy.decide(request).permitted)
    }
}
