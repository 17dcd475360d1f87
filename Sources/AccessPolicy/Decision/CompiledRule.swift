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

    init(device: Int, service: Int, operation: Int, who: Int, via: Int, rule: PolicyRule) {
        level =
            UInt64(device) << 32 | UInt64(service) << 28 | UInt64(operation) << 16 | UInt64(who) << 12 | UInt64(via)
        let conditions = rule.arguments.count + (rule.below.isEmpty ? 0 : 1)
        let timed = rule.when != nil || rule.until != nil
        detail =
            UInt32(conditions) << 3 | (timed ? 4 : 0) | (rule.effect == .deny ? 2 : 0) | (rule.consent ? 1 : 0)
    }

    static func < (left: Rank, right: Rank) -> Bool {
        (left.level, left.detail) < (right.level, right.detail)
    }
}

/// A request taken apart once, for all rules.
struct RequestFacts {
    let request: AccessRequest
    let subject: SubjectRights
    let udn: String
    let name: [Unicode.Scalar]
    /// The root's type, then those of embedded devices.
    let types: [TypeName]
    let service: TypeName?
    let foldedAction: String
    let localMinutes: Int?

    init(_ request: AccessRequest, subject: SubjectRights) {
        self.request = request
        self.subject = subject
        udn = CompiledRule.foldedUDN(request.device.udn)
        name = NamePattern.fold(request.device.name)
        types = CompiledRule.types(of: request.device)
        service = request.service.flatMap { TypeName($0) }
        foldedAction = request.action?.lowercased() ?? ""
        localMinutes = request.moment?.localMinutes
    }
}

/// What the ledger says of a client.
struct SubjectRights: Sendable {
    let id: SubjectID
    let name: String
    let sharing: Bool
    let grants: [Grant]
}

/// A rule with its names resolved.
struct CompiledRule: Sendable {
    struct Room: Sendable {
        let udns: Set<String>
        let names: [NamePattern]
    }

    let rule: PolicyRule
    let order: Int
    let named: Set<SubjectID>
    let grouped: Set<SubjectID>
    let roles: Set<RoleName>
    let isForEveryone: Bool
    let udns: Set<String>
    let rooms: [Room]

    var isPermit: Bool { rule.effect == .permit }

    static func foldedUDN(_ udn: String) -> String {
        let udn = udn.lowercased()
        return udn.hasPrefix("uuid:") ? String(udn.dropFirst(5)) : udn
    }

    /// The types of a device; empty when the root's cannot be read, for such a device is nobody's.
    static func types(of device: DeviceFacts) -> [TypeName] {
        guard let root = TypeName(device.deviceType), root.kind == .device else { return [] }
        return [root] + device.embeddedTypes.compactMap { TypeName($0) }
    }

    func whoRank(_ subject: SubjectID, roles: Set<RoleName>) -> Int? {
        if named.contains(subject) { return 3 }
        if grouped.contains(subject) { return 2 }
        if !self.roles.isEmpty, !self.roles.isDisjoint(with: roles) { return 1 }
        return isForEveryone ? 0 : nil
    }

    func viaRank(_ via: Via, sharing: Bool) -> Int? {
        guard !rule.via.isEmpty else {
            if case .neighbour = via, isPermit, !sharing { return nil }
            return 0
        }
        return rule.via.compactMap { accepted in
            switch (accepted, via) {
            case (.ownHost, .ownHost), (.neighbours, .neighbour): 1
            case (.prefix(let prefix), .neighbour(let address)):
                prefix.contains(address) || prefix.contains(address.unmapped) ? 2 + prefix.length : nil
            default: nil
            }
        }.max()
    }

    func deviceRank(_ facts: RequestFacts) -> Int? {
        let selector = rule.device
        if selector.isEverything { return 0 }
        var rank = 0
        if !udns.isEmpty {
            guard udns.contains(facts.udn) else { return nil }
            rank |= 16
        }
        if !selector.name.isEmpty {
            var best = 0
            for pattern in selector.name where pattern.matches(folded: facts.name) {
                best = max(best, pattern.isExact ? 8 : 4)
            }
            if best == 0 { return nil }
            rank |= best
        }
        if !rooms.isEmpty {
            let isInside = rooms.contains { room in
                room.udns.contains(facts.udn) || room.names.contains { $0.matches(folded: facts.name) }
            }
            guard isInside else { return nil }
            rank |= 2
        }
        if !selector.type.isEmpty {
            // A device is mirrored whole: it is permitted by what it is, and denied by what any part of it is.
            let isOfType =
                isPermit
                ? facts.types.first.map { root in selector.type.contains { $0.covers(root) } } ?? false
                : facts.types.contains { part in selector.type.contains { $0.isSameType(part) } }
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

    /// How specifically an entry names an operation; nil where it does not.
    func rank(of entry: PolicyOperation, action: String, folded: String) -> Int? {
        switch entry {
        case .action(let name):
            (isPermit ? name == action : ArgumentCondition.isSame(name, action)) ? 255 : nil
        case .actionPrefix(let prefix):
            (isPermit ? action.hasPrefix(prefix) : folded.hasPrefix(prefix.lowercased()))
                ? 2 + min(prefix.utf8.count, 200) : nil
        case .actions: 1
        case .everything: 0
        case .discover, .events, .media, .presentation: nil
        }
    }

    func operationRank(_ facts: RequestFacts) -> Int? {
        let request = facts.request
        if let preset = rule.preset { return preset.refusal(of: request) == nil ? 0 : nil }
        switch request.operation {
        case .control: return actionRank(request.action ?? "", folded: facts.foldedAction)
        case .describe:
            guard let action = request.action else { return nil }
            return actionRank(action, folded: facts.foldedAction)
        case .discover: return kindRank(.discover)
        case .event: return kindRank(.events)
        case .media: return kindRank(.media)
        case .presentation: return kindRank(.presentation)
        }
    }

    private func actionRank(_ action: String, folded: String) -> Int? {
        guard !action.isEmpty else { return nil }
        var best: Int?
        for entry in rule.operations {
            guard let rank = rank(of: entry, action: action, folded: folded) else { continue }
            best = max(best ?? 0, rank)
            if rank == 255 { break }
        }
        return best
    }

    private func kindRank(_ kind: PolicyOperation) -> Int? {
        if rule.operations.contains(kind) { return 1 }
        return rule.operations.contains(.everything) ? 0 : nil
    }

    /// The rank of the rule for a request; nil where it does not speak of it. Time and arguments are not looked at.
    func rank(_ facts: RequestFacts) -> Rank? {
        guard let who = whoRank(facts.subject.id, roles: facts.request.roles),
            let operation = operationRank(facts), let service = operationService(facts),
            let via = viaRank(facts.request.via, sharing: facts.subject.sharing), let device = deviceRank(facts)
        else { return nil }
        return Rank(device: device, service: service, operation: operation, who: who, via: via, rule: rule)
    }

    /// A service narrows what a rule says of control, events and services' descriptions; a rule with one says nothing of
    /// the rest.
    func operationService(_ facts: RequestFacts) -> Int? {
        switch facts.request.operation {
        case .control, .event, .describe: serviceRank(facts.service)
        case .discover, .media, .presentation: rule.service.isEmpty ? 0 : nil
        }
    }

    /// Whether it is out of its time. Without a moment whatever has a time is: for a rule that denies, never.
    func isAsleep(_ facts: RequestFacts) -> Bool {
        guard rule.when != nil || rule.until != nil else { return false }
        guard let moment = facts.request.moment, let minutes = facts.localMinutes else { return isPermit }
        if let until = rule.until, minutes >= until.minutes { return true }
        return rule.when.map { !$0.contains(moment) } ?? false
    }
}

extension TypeSelector {
    /// The same type in whatever version: what a rule denies, it denies of newer versions too.
    func isSameType(_ other: TypeName) -> Bool {
        type.domain == other.domain && type.kind == other.kind && type.name == other.name
    }
}
