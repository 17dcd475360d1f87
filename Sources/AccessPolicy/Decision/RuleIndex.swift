import TrustCore

/// A set of rules by their numbers.
private struct RuleSet: Sendable {
    var words: [UInt64]

    init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

    mutating func insert(_ number: Int) { words[number / 64] |= 1 << UInt64(number % 64) }

    mutating func formUnion(_ other: RuleSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }
}

/// Finds the rules that may speak of a request, so that a decision does not look at all of them: those for its subject,
/// its device, its action and its service, each as a set of bits. Whether a rule that is found does speak of the request
/// is seen by looking at it; one that is not found never does.
struct RuleIndex: Sendable {
    private let count: Int
    private let none: RuleSet
    /// By the client, with the rules for everyone in it.
    private var subjects: [SubjectID: RuleSet] = [:]
    private var everyone: RuleSet
    private var roles: [RoleName: RuleSet] = [:]
    private var udns: [String: RuleSet] = [:]
    private var types: [String: RuleSet] = [:]
    /// Rules for any device, and those whose devices are found by pattern.
    private var anyDevice: RuleSet
    private var services: [String: RuleSet] = [:]
    private var anyService: RuleSet
    /// By the action in lower case.
    private var actions: [String: RuleSet] = [:]
    /// Rules for all actions, for actions by the beginnings of their names, and presets.
    private var anyAction: RuleSet

    init(_ rules: [CompiledRule]) {
        count = rules.count
        none = RuleSet(count: rules.count)
        (everyone, anyDevice, anyService, anyAction) = (none, none, none, none)
        for (number, rule) in rules.enumerated() {
            add(number, who: rule)
            add(number, device: rule)
            if rule.rule.service.isEmpty {
                anyService.insert(number)
            } else {
                for service in rule.rule.service { insert(number, Self.key(service.type), &services) }
            }
            if rule.rule.preset != nil { anyAction.insert(number) }
            for operation in rule.rule.operations {
                switch operation {
                case .action(let name): insert(number, name.lowercased(), &actions)
                case .actionPrefix, .actions, .everything: anyAction.insert(number)
                case .discover, .events, .media, .presentation: break
                }
            }
        }
        for id in subjects.keys { subjects[id]?.formUnion(everyone) }
    }

    private mutating func add(_ number: Int, who rule: CompiledRule) {
        if rule.isForEveryone { everyone.insert(number) }
        for id in rule.named.union(rule.grouped) { insert(number, id, &subjects) }
        for role in rule.roles { insert(number, role, &roles) }
    }

    private mutating func add(_ number: Int, device rule: CompiledRule) {
        if !rule.udns.isEmpty {
            for udn in rule.udns { insert(number, udn, &udns) }
        } else if !rule.rule.device.type.isEmpty {
            for type in rule.rule.device.type { insert(number, Self.key(type.type), &types) }
        } else {
            anyDevice.insert(number)
        }
    }

    private func insert<Key>(_ number: Int, _ key: Key, _ sets: inout [Key: RuleSet]) {
        sets[key, default: none].insert(number)
    }

    private static func key(_ type: TypeName) -> String { "\(type.domain):\(type.name)" }

    func forEachCandidate(_ facts: RequestFacts, _ body: (Int) -> Void) {
        guard count > 0 else { return }
        let request = facts.request
        let who = [subjects[facts.subject.id] ?? everyone] + request.roles.compactMap { roles[$0] }
        let devices =
            [anyDevice] + [udns[facts.udn]].compactMap(\.self) + facts.types.compactMap { types[Self.key($0)] }
        var narrowing: [[RuleSet]] = [who, devices]
        let isOfService =
            request.operation == .control || request.operation == .event || request.operation == .describe
        if isOfService, let service = facts.service {
            narrowing.append([anyService] + [services[Self.key(service)]].compactMap(\.self))
        }
        // An action that is to be seen in a description is looked for like one that is called.
        if isOfService, request.action != nil {
            narrowing.append([anyAction] + [actions[facts.foldedAction]].compactMap(\.self))
        }
        for word in none.words.indices {
            var bits = UInt64.max
            for alternatives in narrowing {
                var union: UInt64 = 0
                for set in alternatives { union |= set.words[word] }
                bits &= union
                if bits == 0 { break }
            }
            while bits != 0 {
                body(word * 64 + bits.trailingZeroBitCount)
                bits &= bits - 1
            }
        }
    }
}
