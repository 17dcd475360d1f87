import AccessPolicy
import FoundationEssentials
import Testing
import TrustCore

@Suite("Guest passes")
struct GuestPassTests {
    /// 2026-11-27 was a Friday.
    private static let friday = 1_795_737_600.0
    private static let lamp = DeviceFacts(
        udn: "uuid:Lamp-1", name: "Lamp", deviceType: "urn:schemas-upnp-org:device:BinaryLight:1",
        serviceTypes: ["urn:schemas-upnp-org:service:SwitchPower:1"])
    private static let other = DeviceFacts(
        udn: "uuid:lamp-2", name: "Other lamp", deviceType: "urn:schemas-upnp-org:device:BinaryLight:1",
        serviceTypes: ["urn:schemas-upnp-org:service:SwitchPower:1"])

    private let guest: SubjectID

    init() throws { guest = try #require(SubjectID("guest")) }

    private func policy(_ pass: GuestPass, rules: [PolicyRule] = []) -> CompiledPolicy {
        CompiledPolicy(
            document: rules.isEmpty ? nil : PolicyDocument(rules: rules),
            ledger: TrustLedger(
                subjects: [Subject(id: guest, name: "guest", createdAt: .distantPast)],
                grants: [Grant(subject: guest, scope: .preset("guest"), pass: pass)]))
    }

    private func request(
        _ device: DeviceFacts = lamp, _ operation: AccessRequest.Operation = .control, at seconds: Double? = friday,
        consents: Set<String> = []
    ) -> AccessRequest {
        var request = AccessRequest(
            subject: guest, via: .ownHost, device: device, operation: operation,
            service: operation == .control ? device.serviceTypes[0] : nil,
            action: operation == .control ? "SetTarget" : nil)
        request.moment = seconds.map { PolicyMoment(Date(timeIntervalSince1970: $0), secondsFromGMT: 0) }
        request.consents = consents
        return request
    }

    @Test(
        "is for its hours, to the minute, also over midnight",
        arguments: [
            (18 * 60, 23 * 60, [17 * 60 + 59, 23 * 60], [18 * 60, 22 * 60 + 59]),
            (22 * 60, 6 * 60, [21 * 60 + 59, 6 * 60, 12 * 60], [22 * 60, 1439, 0, 5 * 60 + 59]),
        ])
    func hours(from: Int, to: Int, outside: [Int], inside: [Int]) {
        let policy = policy(GuestPass(hours: [.init(from: from, to: to)]))
        for minute in outside {
            let decision = policy.decide(request(at: Self.friday + Double(minute) * 60))
            #expect(!decision.permitted && decision.reason.contains("other times"), "\(minute)")
            #expect(!policy.decide(request(Self.lamp, .discover, at: Self.friday + Double(minute) * 60)).permitted)
        }
        for minute in inside {
            #expect(policy.decide(request(at: Self.friday + Double(minute) * 60)).permitted, "\(minute)")
        }
    }

    @Test("is for its days")
    func days() {
        let policy = policy(GuestPass(days: [Weekday.saturday.rawValue]))
        #expect(!policy.decide(request()).permitted)
        #expect(policy.decide(request(at: Self.friday + 86_400)).permitted)
        #expect(!policy.decide(request(at: Self.friday + 2 * 86_400)).permitted)
    }

    @Test("ends at its second, for everything, and without a clock it has ended")
    func expiry() {
        let until = Date(timeIntervalSince1970: Self.friday + 90)
        let policy = policy(GuestPass(until: until))
        for operation in AccessRequest.Operation.allCases where operation != .presentation && operation != .event {
            #expect(policy.decide(request(Self.lamp, operation, at: Self.friday + 89.9)).permitted, "\(operation)")
            let over = policy.decide(request(Self.lamp, operation, at: Self.friday + 90))
            #expect(!over.permitted && over.rule == GuestPass.rule, "\(operation)")
        }
        #expect(!policy.decide(request(at: nil)).permitted)
        #expect(policy.nextChange(after: PolicyMoment(until - 30, secondsFromGMT: 0)) == until)
        #expect(!GuestPass(until: until).isOver(at: until - 1) && GuestPass(until: until).isOver(at: until))
    }

    @Test("names its devices by UDN in any case or by exact name", arguments: ["uuid:LAMP-1", "lamp-1", "Lamp"])
    func devices(name: String) {
        let policy = policy(GuestPass(devices: [name]))
        #expect(policy.decide(request()).permitted)
        #expect(policy.decide(request(Self.lamp, .discover)).permitted)
        let refused = policy.decide(request(Self.other))
        #expect(!refused.permitted && refused.reason.contains("does not name this device"))
        #expect(!policy.decide(request(Self.other, .discover)).permitted)
    }

    @Test("waits for consent before the first use, and is seen meanwhile")
    func consent() {
        let policy = policy(GuestPass(consent: true))
        #expect(policy.decide(request(Self.lamp, .discover)).permitted)
        let asked = policy.decide(request())
        #expect(!asked.permitted && asked.needs == .consent(rule: GuestPass.rule))
        #expect(policy.decide(request(consents: [GuestPass.rule])).permitted)
        #expect(!policy.decide(request(consents: ["another-rule"])).permitted)
    }

    @Test("gives no more than its preset, and a rule that denies counts before it")
    func limits() throws {
        var lock = request()
        lock.device = DeviceFacts(
            udn: "uuid:lock", name: "Lock", deviceType: "urn:schemas-upnp-org:device:DoorLock:1",
            serviceTypes: ["urn:schemas-upnp-org:service:DoorLock:1"])
        lock.service = lock.device.serviceTypes[0]
        #expect(!policy(GuestPass()).decide(lock).permitted)
        let deny = PolicyRule(name: "no", effect: .deny, operations: [.action("SetTarget")], who: [.client("guest")])
        #expect(policy(GuestPass(), rules: [deny]).decide(request()).rule == "no")
    }
}
