import NetworkTypes
import TrustCore

/// How specific a rule is for one request. Of two rules the one with the higher rank decides.
///
/// The level is device (UDN, exact name, pattern of names, room, type), service, action (exact, longest beginning, kind,
/// everything), subject (client, group, role, everyone) and via (longest prefix, side, any), in this order. Within a level
/// more conditions on arguments come first, then a time, then deny before permit, then consent.
struct Rank: Hashable, Sendable, Comparable {
    let level: UInt64
    let detail: UInt32

    init(device: Int, service: Int, operation: Int, who: Int, via: Int, detail: UInt32) {
        level =
            UInt64(device) << 32 | UInt64(service) << 28 | UInt64(operation) << 16 | UInt64(who) << 12 | UInt64(via)
        self.detail = detail
    }

    /// What of a rank is the same for all requests.
    static func detail(of rule: PolicyRule) -> UInt32 {
        let conditions = rule.arguments.count + (rule.below.isEmpty ? 0 : 1)
        let timed = rule.when != nil || rule.until != nil
        return UInt32(conditions) << 3 | (timed ? 4 : 0) | (rule.effect == .deny ? 2 : 0) | (rule.consent ? 1 : 0)
    }

    static func < (left: Rank, right: Rank) -> Bool {
        (left.level, left.detail) < (right.level, right.detail)
    }
}

/// A rule with its names resolved.
final class CompiledRule: Sendable {
    struct Room: Sendable {
        let udns: NumberSet
        let names: [NamePattern]
    }

    let rule: PolicyRule
    let order: Int
    let isPermit: Bool
    /// Of whom it speaks, by the numbers that the compiler gave to clients.
    let named: NumberSet
    let grouped: [NumberSet]
    let roles: Set<RoleName>
    let isForEveryone: Bool
    /// By the numbers that the compiler gave to UDNs.
    let udns: NumberSet
    let rooms: [Room]
    let entries: [CompiledEntry]
    let hasTime: Bool
    let detail: UInt32
    /// `the rule evening (line 12)`.
    let title: String

    init(
        _ rule: PolicyRule, order: Int, who: RuleCompiler.Who, udns: NumberSet, rooms: [Room]
    ) {
        self.rule = rule
        self.order = order
        self.isPermit = rule.effect == .permit
        self.named = who.named
        self.grouped = who.grouped
        self.roles = who.roles
        self.isForEveryone = who.isForEveryone
        self.udns = udns
        self.rooms = rooms
        self.entries = rule.operations.map { CompiledEntry($0, isPermit: rule.effect == .permit) }
        self.hasTime = rule.when != nil || rule.until != nil
        self.detail = Rank.detail(of: rule)
        self.title = rule.line > 0 ? "the rule \(rule.name) (line \(rule.line))" : "the rule \(rule.name)"
    }

    func whoRank(_ facts: RequestFacts) -> Int? {
        if named.contains(facts.subject.number) { return 3 }
        for group in grouped where group.contains(facts.subject.number) { return 2 }
        if !roles.isEmpty, !roles.isDisjoint(with: facts.request.roles) { return 1 }
        return isForEveryone ? 0 : nil
    }

    func viaRank(_ via: Via, sharing: Bool) -> Int? {
        guard !rule.via.isEmpty else {
            if case .neighbour = via, isPermit, !sharing { return nil }
            return 0
        }
        var best: Int?
        for accepted in rule.via {
            switch (accepted, via) {
            case (.ownHost, .ownHost), (.neighbours, .neighbour): best = max(best ?? 0, 1)
            case (.prefix(let prefix), .neighbour(let address)):
                if prefix.contains(address) || prefix.contains(address.unmapped) {
                    best = max(best ?? 0, 2 + prefix.length)
                }
            default: break
            }
        }
        return best
    }

    /// How specifically the rule names the device; nil where it does not speak of it. Costly: `DeviceRanks` keeps it.
    func deviceRank(_ device: DeviceForms, udn: Int32) -> Int? {
        let selector = rule.device
        var rank = 0
        if !udns.isEmpty {
            guard udns.contains(udn) else { return nil }
            rank |= 16
        }
        if !selector.name.isEmpty {
            var best = 0
            for pattern in selector.name where pattern.matches(folded: device.name) {
                best = max(best, pattern.isExact ? 8 : 4)
            }
            if best == 0 { return nil }
            rank |= best
        }
        if !rooms.isEmpty {
            let isInside = rooms.contains { room in
                room.udns.contains(udn) || room.names.contains { $0.matches(folded: device.name) }
            }
            guard isInside else { return nil }
            rank |= 2
        }
        if !selector.type.isEmpty {
            // A device is mirrored whole: it is permitted by what it is, and denied by what any part of it is.
            let types = device.types
            let isOfType =
                isPermit
                ? types.first.map { root in selector.type.contains { $0.covers(root) } } ?? false
                : types.contains { part in selector.type.contains { $0.isSameType(part) } }
            guard isOfType else { return nil }
            rank |= 1
        }
        return rank
    }

    func serviceRank(_ service: TypeName?) -> Int? {
        if rule.service.isEmpty { return 0 }
        guard let service else { return nil }
        let matches = rule.service.contains { isPermit ? $0.covers(service) : $0.isSameType(service) }
        return matches ? 1 : nil
    }

    func operationRank(_ facts: RequestFacts) -> Int? {
        if let preset = rule.preset { return preset.refusal(of: facts) == nil ? 0 : nil }
        switch facts.operation {
        case .control: return actionRank(facts.action ?? "", folded: facts.foldedAction)
        case .describe: return facts.action.flatMap { actionRank($0, folded: facts.foldedAction) }
        case .discover: return kindRank(.discover)
        case .event: return kindRank(.events)
        case .media: return kindRank(.media)
        case .presentation: return kindRank(.presentation)
        }
    }

    private func actionRank(_ action: String, folded: String) -> Int? {
        guard !action.isEmpty else { return nil }
        var best: Int?
        for entry in entries {
            guard let rank = entry.rank(action: action, folded: folded) else { continue }
            best = max(best ?? 0, rank)
            if rank == 255 { break }
        }
        return best
    }

    private func kindRank(_ kind: CompiledEntry.Kind) -> Int? {
        var best: Int?
        for entry in entries {
            if entry.kind == kind { return 1 }
            if entry.kind == .everything { best = 0 }
        }
        return best
    }

    /// The rank of the rule for a request; nil where it does not speak of it. Time and arguments are not looked at.
    func rank(_ facts: RequestFacts) -> Rank? {
        guard let who = whoRank(facts), let operation = operationRank(facts), let service = operationService(facts),
            let via = viaRank(facts.request.via, sharing: facts.subject.sharing), let device = facts.ranks[order]
        else { return nil }
        return Rank(device: device, service: service, operation: operation, who: who, via: via, detail: detail)
    }

    /// A service narrows what a rule says of control, events and services' descriptions; a rule with one says nothing of
    /// the rest.
    func operationService(_ facts: RequestFacts) -> Int? {
        switch facts.operation {
        case .control, .event, .describe: serviceRank(facts.service?.type)
        case .discover, .media, .presentation: rule.service.isEmpty ? 0 : nil
        }
    }

    /// Whether it is out of its time. Without a moment whatever has a time is: for a rule that denies, never.
    func isAsleep(_ facts: RequestFacts) -> Bool {
        guard hasTime else { return false }
        guard let moment = facts.request.moment, let minutes = facts.localMinutes else { return isPermit }
        if let until = rule.until, minutes >= until.minutes { return true }
        return rule.when.map { !$0.contains(moment) } ?? false
    }
}

/// An entry of a rule's list of operations.
struct CompiledEntry: Sendable {
    enum Kind: Sendable { case everything, discover, actions, events, media, presentation, action, actionPrefix }

    let kind: Kind
    /// Of an action's entry the name or its beginning.
    let name: String
    /// The same in lower case.
    let folded: String
    /// How specifically it names an operation.
    let specificity: Int
    private let isPermit: Bool

    init(_ operation: PolicyOperation, isPermit: Bool) {
        self.isPermit = isPermit
        (kind, name, specificity) =
            switch operation {
            case .everything: (.everything, "", 0)
            case .discover: (.discover, "", 1)
            case .actions: (.actions, "", 1)
            case .events: (.events, "", 1)
            case .media: (.media, "", 1)
            case .presentation: (.presentation, "", 1)
            case .action(let name): (.action, name, 255)
            case .actionPrefix(let prefix): (.actionPrefix, prefix, 2 + min(prefix.utf8.count, 200))
            }
        folded = name.lowercased()
    }

    /// How specifically it names an action; nil where it does not. What it denies it denies in every case of letters.
    func rank(action: String, folded: String) -> Int? {
        switch kind {
        case .action:
            if name == action { return specificity }
            return !isPermit && self.folded == folded && name.utf8.count == action.utf8.count ? specificity : nil
        case .actionPrefix:
            return (isPermit ? action.hasPrefix(name) : folded.hasPrefix(self.folded)) ? specificity : nil
        case .actions, .everything: return specificity
        case .discover, .events, .media, .presentation: return nil
        }
    }
}

extension TypeSelector {
    /// The same type in whatever version: what a rule denies, it denies of newer versions too.
    func isSameType(_ other: TypeName) -> Bool { type.isSame(other) }
}
