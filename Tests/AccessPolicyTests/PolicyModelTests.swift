import AccessPolicy
import FoundationEssentials
import NetworkTypes
import TestKit
import Testing
import TrustCore

@Suite("Policies against a reference")
struct PolicyModelTests {
    @Test func `random policies decide random calls as the reference does`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var cases = PolicyCases(seed: seed)
        var (permitted, byRule) = (0, 0)
        for round in 0..<1500 {
            let (document, ledger, reference) = try cases.policy()
            let policy = CompiledPolicy(document: document, ledger: ledger)
            for _ in 0..<20 {
                let request = try cases.request()
                let (found, expected) = (policy.decide(request), reference.decide(request))
                #expect(
                    found.permitted == expected.permitted && (expected.rule == nil || found.rule == expected.rule),
                    "seed \(seed), round \(round): \(found) where \(expected) was expected\n\(request)\n\(document.rules)"
                )
                guard found.permitted == expected.permitted else { return }
                #expect(policy.explain(request).decision == found, "seed \(seed)")
                permitted += found.permitted ? 1 : 0
                byRule += found.rule != nil ? 1 : 0
                // What may be done may be seen.
                if found.permitted {
                    var seeing = request
                    seeing.operation = .discover
                    #expect(
                        policy.decide(seeing).permitted, "seed \(seed), round \(round): \(request)\n\(document.rules)")
                    seeing.operation = .describe
                    #expect(
                        policy.decide(seeing).permitted, "seed \(seed), round \(round): \(request)\n\(document.rules)")
                    seeing.action = nil
                    #expect(
                        policy.decide(seeing).permitted, "seed \(seed), round \(round): \(request)\n\(document.rules)")
                }
            }
        }
        // The cases are no use if they all end alike.
        #expect((3000...27_000).contains(permitted), "\(permitted) permitted")
        #expect(byRule > 6000, "\(byRule) by a rule")
    }
}

private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Small worlds, so that rules meet often: three clients, two groups, four devices, four actions.
private struct PolicyCases {
    private var random: Seeded
    private let actions = ["SetVolume", "SetMute", "GetVolume", "Play"]
    private let services = ["RenderingControl", "AVTransport"]

    init(seed: UInt64) { random = Seeded(state: seed) }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    private mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }
    private mutating func some<T>(_ values: [T]) -> [T] { (0..<(chance(70) ? 1 : 2)).map { _ in pick(values) } }

    mutating func policy() throws -> (PolicyDocument, TrustLedger, ReferenceDecider) {
        let document = PolicyDocument(
            groups: [.init(name: "g", members: ["a", "b"]), .init(name: "h", members: ["b", "c"])],
            rooms: [
                .init(name: "r", devices: [NamePattern("tv*"), NamePattern("uuid:3")]),
                .init(name: "s", devices: [NamePattern("*")]),
            ],
            rules: try (0..<Int.random(in: 0...8, using: &random)).map { try rule("r\($0)") })
        var grants: [String: (preset: String, sharing: Bool)] = [:]
        for name in ["a", "b", "c"] where chance(60) { grants[name] = (chance(60) ? "full" : "watch", chance(60)) }
        let subjects = try ["a", "b", "c"].map {
            Subject(id: try #require(SubjectID($0)), name: $0, createdAt: .distantPast)
        }
        let ledger = TrustLedger(
            subjects: subjects,
            grants: subjects.compactMap { subject in
                grants[subject.name].map { Grant(subject: subject.id, scope: .preset($0.preset), sharing: $0.sharing) }
            })
        return (document, ledger, ReferenceDecider(document: document, grants: grants))
    }

    private mutating func rule(_ name: String) throws -> PolicyRule {
        var rule = PolicyRule(name: name, effect: chance(60) ? .permit : .deny)
        let operations: [PolicyOperation] = [
            .everything, .actions, .events, .actionPrefix("Set"), .actionPrefix("SetV"), .action("SetVolume"),
            .action("SetMute"), .action("Play"),
        ]
        rule.operations = some(operations)
        if chance(60) {
            rule.who = some([
                .everyone, .client("a"), .client("b"), .group("g"), .group("h"), .role(.basic), .role(.admin),
            ])
        }
        if chance(30) {
            rule.via = some(
                try ["own-host", "neighbours", "192.0.2.0/24", "192.0.2.9"].map { try #require(PolicyVia($0)) })
        }
        if chance(60) {
            if chance(30) { rule.device.udn = some(["uuid:1", "uuid:2"]) }
            if chance(30) { rule.device.name = some(["tv 1", "tv*", "*1"].map { NamePattern($0) }) }
            if chance(30) { rule.device.room = some(["r", "s"]) }
            if chance(40) {
                rule.device.type = some(try ["MediaRenderer", "Lamp"].map { try #require(TypeSelector(device: $0)) })
            }
        }
        if chance(30) { rule.service = some(try services.map { try #require(TypeSelector(service: $0)) }) }
        if chance(40), rule.operations.allSatisfy(\.isAction) {
            let tests: [ArgumentCondition] = [
                .init(name: "V", test: .range(min: nil, max: 40)), .init(name: "V", test: .range(min: 20, max: nil)),
                .init(name: "V", test: .range(min: 10, max: 60)), .init(name: "C", test: .oneOf(["Master"])),
            ]
            rule.arguments = some(tests)
        }
        if chance(20) {
            rule.when = PolicySchedule(
                days: chance(50) ? some(Weekday.allCases) : [],
                hours: chance(70) ? some([.init(from: 420, to: 1320), .init(from: 1320, to: 360)]) : [])
            if rule.when == PolicySchedule() { rule.when = nil }
        }
        if chance(10) { rule.until = PolicyInstant(pick(["2026-11-26", "2026-11-28", "2026-11-27T12:00"])) }
        rule.consent = rule.effect == .permit && chance(10)
        return rule
    }

    mutating func request() throws -> AccessRequest {
        let device = pick([
            ("uuid:1", "TV 1", "MediaRenderer"), ("uuid:2", "TV 2", "MediaRenderer"), ("uuid:3", "Lamp 1", "Lamp"),
            ("uuid:4", "Lamp 2", "Lamp"),
        ])
        var request = AccessRequest(
            subject: try #require(SubjectID(pick(["a", "b", "c"]))), via: .ownHost,
            device: DeviceFacts(
                udn: device.0, name: device.1, deviceType: "urn:schemas-upnp-org:device:\(device.2):1",
                serviceTypes: services.map { "urn:schemas-upnp-org:service:\($0):1" }),
            operation: chance(85) ? .control : .event, service: "urn:schemas-upnp-org:service:\(pick(services)):1")
        if request.operation == .control {
            request.action = pick(actions)
            request.arguments = [("V", "\(Int.random(in: 0...80, using: &random))"), ("C", pick(["Master", "LF"]))]
        }
        if chance(50) {
            request.via = .neighbour(try #require(IPAddress(pick(["192.0.2.9", "192.0.2.8", "198.51.100.1"]))))
        }
        if chance(40) { request.roles = Set(some([RoleName.basic, .admin])) }
        if chance(30) { request.consents = ["r0", "r1", "r2"] }
        if chance(95) {
            // A week around 2026-11-27.
            let seconds = 1_795_478_400 + Double.random(in: 0..<604_800, using: &random)
            request.moment = PolicyMoment(Date(timeIntervalSince1970: seconds), secondsFromGMT: 0)
        }
        return request
    }
}
