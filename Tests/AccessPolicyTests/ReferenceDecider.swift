import AccessPolicy
import FoundationEssentials
import NetworkTypes
import TrustCore

/// What `CompiledPolicy` decides about uses, written down as plainly as possible from docs/specs/policy.md and without
/// its code: no index, no ranks in integers, every question asked anew. Clients are named like their ids.
struct ReferenceDecider {
    let document: PolicyDocument
    let grants: [String: (preset: String, sharing: Bool)]

    func decide(_ request: AccessRequest) -> (permitted: Bool, rule: String?) {
        let speaking = document.rules.compactMap { rule in specificity(rule, request).map { (rule: rule, level: $0) } }
        let awake = speaking.filter { isInTime($0.rule, request) }
        let levels = Set(awake.map(\.level)).sorted { $1.lexicographicallyPrecedes($0) }
        for level in levels {
            let equals = awake.filter { $0.level == level }.map(\.rule)
            let holding = equals.filter { conditionsHold($0, request) }
            // More conditions, then a time, then deny, then consent; then the order of the text.
            func order(_ rule: PolicyRule) -> [Int] {
                [
                    rule.arguments.count, rule.when != nil || rule.until != nil ? 1 : 0, rule.effect == .deny ? 1 : 0,
                    rule.consent ? 1 : 0,
                ]
            }
            if let best = holding.map(order).max(by: { $0.lexicographicallyPrecedes($1) }),
                let rule = holding.first(where: { order($0) == best })
            {
                if rule.consent, !request.consents.contains(rule.name) { return (false, rule.name) }
                return (rule.effect == .permit, rule.name)
            }
            let limits = equals.filter { $0.effect == .permit }
            if !limits.isEmpty { return (false, nil) }
        }
        if speaking.contains(where: { $0.rule.effect == .permit && !isInTime($0.rule, request) }) {
            return (false, nil)
        }
        guard let grant = grants[request.subject.rawValue], grant.preset == "full" else { return (false, nil) }
        if case .neighbour = request.via, !grant.sharing { return (false, nil) }
        return (true, "grant:full")
    }

    /// Device, service, action, subject, via; nil when the rule does not speak of the request.
    private func specificity(_ rule: PolicyRule, _ request: AccessRequest) -> [Int]? {
        var device = 0
        let facts = request.device
        if !rule.device.udn.isEmpty {
            guard rule.device.udn.contains(facts.udn) else { return nil }
            device += 100
        }
        if !rule.device.name.isEmpty {
            let fitting = rule.device.name.filter { $0.matches(facts.name) }
            if fitting.isEmpty { return nil }
            device += fitting.contains(where: \.isExact) ? 50 : 20
        }
        if !rule.device.room.isEmpty {
            let inside = document.rooms.filter { rule.device.room.contains($0.name) }.flatMap(\.devices)
            guard inside.contains(where: { $0.matches(facts.name) || $0.text == facts.udn }) else { return nil }
            device += 10
        }
        if !rule.device.type.isEmpty {
            guard rule.device.type.contains(where: { "urn:schemas-upnp-org:device:\($0.text):1" == facts.deviceType })
            else { return nil }
            device += 5
        }
        if !rule.service.isEmpty {
            guard
                rule.service.contains(where: { "urn:schemas-upnp-org:service:\($0.text):1" == request.service })
            else { return nil }
        }
        let action = request.action ?? ""
        let entries = rule.operations.compactMap { entry -> Int? in
            switch (entry, request.operation) {
            case (.everything, _): 0
            case (.actions, .control), (.events, .event): 1
            case (.actionPrefix(let prefix), .control): action.hasPrefix(prefix) ? 2 + prefix.count : nil
            case (.action(let name), .control): name == action ? 1000 : nil
            default: nil
            }
        }
        guard let operation = entries.max(), let who = who(rule, request), let via = via(rule, request) else {
            return nil
        }
        return [device, rule.service.isEmpty ? 0 : 1, operation, who, via]
    }

    private func who(_ rule: PolicyRule, _ request: AccessRequest) -> Int? {
        if rule.who.isEmpty { return 0 }
        let id = request.subject.rawValue
        return rule.who.compactMap { who -> Int? in
            switch who {
            case .everyone: 0
            case .role(let role): request.roles.contains(role) ? 1 : nil
            case .group(let name):
                document.groups.contains { $0.name == name && $0.members.contains(id) } ? 2 : nil
            case .client(let name): name == id ? 3 : nil
            }
        }.max()
    }

    private func via(_ rule: PolicyRule, _ request: AccessRequest) -> Int? {
        guard case .neighbour(let address) = request.via else {
            return rule.via.isEmpty ? 0 : rule.via.contains(.ownHost) ? 1 : nil
        }
        if rule.via.isEmpty {
            let sharing = grants[request.subject.rawValue]?.sharing ?? false
            return rule.effect == .deny || sharing ? 0 : nil
        }
        return rule.via.compactMap { via -> Int? in
            switch via {
            case .ownHost: nil
            case .neighbours: 1
            case .prefix(let prefix): prefix.contains(address) ? 2 + prefix.length : nil
            }
        }.max()
    }

    private func isInTime(_ rule: PolicyRule, _ request: AccessRequest) -> Bool {
        guard let moment = request.moment else { return rule.when == nil && rule.until == nil || rule.effect == .deny }
        // The tests' host is in Greenwich.
        if let until = rule.until, moment.date.timeIntervalSince1970 >= Double(until.minutes) * 60 { return false }
        guard let when = rule.when else { return true }
        // Minute by minute of the week, from every beginning.
        let now = moment.weekday.rawValue * 1440 + moment.minuteOfDay
        let days = when.days.isEmpty ? Weekday.allCases : when.days
        let hours = when.hours.isEmpty ? [.init(from: 0, to: 1440)] : when.hours
        return days.contains { day in
            hours.contains { part in
                let length = part.to > part.from ? part.to - part.from : part.to + 1440 - part.from
                let since = (now - day.rawValue * 1440 - part.from + 2 * 10_080) % 10_080
                return since < length
            }
        }
    }

    /// The tests' numbers are plain ones.
    private func conditionsHold(_ rule: PolicyRule, _ request: AccessRequest) -> Bool {
        rule.arguments.allSatisfy { condition in
            let values = request.arguments.filter { $0.name == condition.name }.map(\.value)
            guard values.count == 1, let value = values.first else { return rule.effect == .deny }
            switch condition.test {
            case .oneOf(let accepted): return accepted.contains(value)
            case .range(let min, let max):
                guard let number = Int(value), number >= 0 else { return rule.effect == .deny }
                return number >= (min ?? 0) && number <= (max ?? .max)
            }
        }
    }
}
