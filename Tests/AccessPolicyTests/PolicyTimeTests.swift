import AccessPolicy
import FoundationEssentials
import Testing
import TrustCore

@Suite("Times in policies")
struct PolicyTimeTests {
    /// 2026-11-28 was a Saturday; midnight UTC.
    private let saturday = Date(timeIntervalSince1970: 1_795_824_000)

    private func moment(_ hours: Double, offset: Int = 0) -> PolicyMoment {
        PolicyMoment(saturday + hours * 3600, secondsFromGMT: offset)
    }

    @Test func `the wall clock follows from the offset`() {
        #expect(moment(0).weekday == .saturday && moment(0).minuteOfDay == 0)
        #expect(moment(0, offset: -3600).weekday == .friday && moment(0, offset: -3600).minuteOfDay == 1380)
        #expect(moment(23.5, offset: 14 * 3600).weekday == .sunday)
        #expect(moment(0, offset: 20_700).minuteOfDay == 345)
    }

    @Test func `a window over midnight belongs to the day on which it begins`() {
        let schedule = PolicySchedule(days: [.friday], hours: [.init(from: 1320, to: 360)])
        #expect(!schedule.contains(moment(-3)))
        #expect(schedule.contains(moment(-2)))
        #expect(schedule.contains(moment(5.9)))
        #expect(!schedule.contains(moment(6)))
        #expect(!schedule.contains(moment(23)))
        #expect(PolicySchedule(hours: [.init(from: 0, to: 1440)]).contains(moment(23.99)))
        #expect(PolicySchedule(days: [.saturday]).contains(moment(12)))
        #expect(!PolicySchedule(days: [.saturday]).contains(moment(24)))
    }

    @Test(
        "days are read and written",
        arguments: [
            ("2026-12-31", true), ("2024-02-29", true), ("2023-02-29", false), ("2026-04-31", false),
            ("2026-13-01", false), ("2026-00-01", false), ("2026-1-1", false), ("1970-01-01", true),
            ("9999-12-31", true), ("2026-12-31T23:59", true), ("2026-12-31T24:00", false), ("2026-12-31Z23:59", false),
            ("+026-12-31", false), ("2000-02-29", true), ("2100-02-29", false),
        ])
    func days(text: String, isDay: Bool) {
        #expect(PolicyInstant(text)?.text == (isDay ? text : nil))
    }

    private func decision(_ rule: PolicyRule, at moment: PolicyMoment?, grant: Bool = false) throws -> Decision {
        let id = try #require(SubjectID("a"))
        let policy = CompiledPolicy(
            document: PolicyDocument(rules: [rule]),
            ledger: TrustLedger(
                subjects: [Subject(id: id, name: "a", createdAt: saturday)],
                grants: grant ? [Grant(subject: id, scope: .preset("full"))] : []))
        var request = AccessRequest(
            subject: id, via: .ownHost,
            device: .init(udn: "u", deviceType: "urn:schemas-upnp-org:device:Basic:1"), operation: .control,
            service: "urn:schemas-upnp-org:service:X:1", action: "Y")
        request.moment = moment
        return policy.decide(request)
    }

    @Test func `a rule ends with its last day by the wall clock`() throws {
        let rule = PolicyRule(name: "r", operations: [.everything], until: PolicyInstant("2026-11-28"))
        #expect(try decision(rule, at: moment(23.9)).permitted)
        #expect(try !decision(rule, at: moment(24)).permitted)
        #expect(try decision(rule, at: moment(24, offset: -3600)).permitted)
        #expect(try !decision(rule, at: moment(23.5, offset: 3600)).permitted)
        let ended = try decision(rule, at: moment(24))
        #expect(ended.reason == "the rule r permitted Y until 2026-11-28")
    }

    @Test func `a grant does not stand in for a rule out of its time, and a rule that denies is gone`() throws {
        let permit = PolicyRule(
            name: "r", operations: [.everything], when: PolicySchedule(hours: [.init(from: 420, to: 1320)]))
        #expect(try decision(permit, at: moment(12), grant: true).permitted)
        #expect(try decision(permit, at: moment(3), grant: true).rule == "r")
        #expect(try !decision(permit, at: moment(3), grant: true).permitted)
        var deny = permit
        deny.effect = .deny
        #expect(try !decision(deny, at: moment(12), grant: true).permitted)
        #expect(try decision(deny, at: moment(3), grant: true).permitted)
    }

    @Test func `without a clock a timed rule never permits and always denies`() throws {
        var rule = PolicyRule(name: "r", operations: [.everything], until: PolicyInstant("2099-01-01"))
        #expect(try !decision(rule, at: nil, grant: true).permitted)
        rule.effect = .deny
        #expect(try !decision(rule, at: nil, grant: true).permitted)
    }

    @Test func `the next change is the next edge, and within the hour`() throws {
        let rules = [
            PolicyRule(name: "r", operations: [.everything], when: PolicySchedule(hours: [.init(from: 420, to: 430)])),
            PolicyRule(name: "s", operations: [.everything], until: PolicyInstant("2026-11-28T09:05")),
        ]
        let policy = CompiledPolicy(document: PolicyDocument(rules: rules), ledger: TrustLedger())
        #expect(policy.nextChange(after: moment(3)) == saturday + 4 * 3600)
        #expect(policy.nextChange(after: moment(6.5)) == saturday + 7 * 3600)
        #expect(policy.nextChange(after: moment(7)) == saturday + 7 * 3600 + 600)
        #expect(policy.nextChange(after: moment(9)) == saturday + 9 * 3600 + 300)
        #expect(CompiledPolicy.empty.nextChange(after: moment(0)) == nil)
    }
}
