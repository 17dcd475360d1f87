import FoundationEssentials
import TrustCore

extension GuestPass {
    var schedule: PolicySchedule {
        PolicySchedule(
            days: days.sorted().compactMap { Weekday(rawValue: $0) },
            hours: hours.map { PolicySchedule.Hours(from: $0.from, to: $0.to) })
    }

    /// Minutes of the day at which it may begin or end.
    var edges: [Int] { schedule.edges }
}

/// A guest pass with its texts taken apart.
struct CompiledPass: Sendable {
    private let pass: GuestPass
    private let schedule: PolicySchedule
    private let udns: Set<String>
    private let names: Set<String>

    init(_ pass: GuestPass) {
        self.pass = pass
        self.schedule = pass.schedule
        self.udns = Set(pass.devices.map(DeviceForms.foldedUDN))
        self.names = Set(pass.devices)
    }

    /// Why the pass does not give what is asked for, and what is missing; nil when it does.
    func refusal(of facts: RequestFacts) -> Decision? {
        if !names.isEmpty, !names.contains(facts.request.device.name), !udns.contains(facts.device.udn) {
            return .deny("the guest pass does not name this device", rule: GuestPass.rule)
        }
        if pass.until != nil || schedule != PolicySchedule() {
            guard let moment = facts.request.moment, !pass.isOver(at: moment.date) else {
                return .deny("the guest pass has ended", rule: GuestPass.rule)
            }
            if !schedule.contains(moment) {
                return .deny("the guest pass is for other times: \(schedule.text)", rule: GuestPass.rule)
            }
        }
        switch facts.operation {
        case .discover, .describe: return nil
        case .control, .event, .media, .presentation:
            guard pass.consent, !facts.request.consents.contains(GuestPass.rule) else { return nil }
            return .deny(
                "the guest pass permits this after somebody at home has consented", rule: GuestPass.rule,
                needs: .consent(rule: GuestPass.rule))
        }
    }
}
