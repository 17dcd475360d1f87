import FoundationEssentials
import TrustCore

extension GuestPass {
    private var schedule: PolicySchedule {
        PolicySchedule(
            days: days.sorted().compactMap { Weekday(rawValue: $0) },
            hours: hours.map { PolicySchedule.Hours(from: $0.from, to: $0.to) })
    }

    /// Why the pass does not give what is asked for, and what is missing; nil when it does.
    func refusal(of request: AccessRequest) -> Decision? {
        if !devices.isEmpty {
            let udn = CompiledRule.foldedUDN(request.device.udn)
            guard devices.contains(where: { $0 == request.device.name || CompiledRule.foldedUDN($0) == udn }) else {
                return .deny("the guest pass does not name this device", rule: Self.rule)
            }
        }
        if until != nil || !days.isEmpty || !hours.isEmpty {
            guard let moment = request.moment, !isOver(at: moment.date) else {
                return .deny("the guest pass has ended", rule: Self.rule)
            }
            if !schedule.contains(moment) {
                return .deny("the guest pass is for other times: \(schedule.text)", rule: Self.rule)
            }
        }
        switch request.operation {
        case .discover, .describe: return nil
        case .control, .event, .media, .presentation:
            guard consent, !request.consents.contains(Self.rule) else { return nil }
            return .deny(
                "the guest pass permits this after somebody at home has consented", rule: Self.rule,
                needs: .consent(rule: Self.rule))
        }
    }

    /// Minutes of the day at which it may begin or end.
    var edges: [Int] { schedule.edges }
}
