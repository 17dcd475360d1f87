package import TrustCore

/// Numbers for what clients may do with devices: two that are equal mean that nothing changed that a description shows.
package struct PolicyShapes: Sendable {
    private let policy: CompiledPolicy
    private let rules: [UInt64]
    private let grants: [SubjectID: UInt64]

    /// Takes the policy apart once.
    package init(_ policy: CompiledPolicy) {
        self.policy = policy
        rules = policy.rules.map { compiled in
            var rule = compiled.rule
            // Where it stands in the text does not matter.
            rule.line = 0
            return StableHash("\(rule)").value
        }
        grants = policy.subjects.mapValues { StableHash("\($0.grants.map(\.grant))").value }
    }

    /// The number for a client and a device at a moment, the same in every process: of the rules that speak of both and
    /// are in their time, and of the grant.
    package func shape(
        of subject: SubjectID, roles: Set<RoleName> = [], on device: DeviceFacts, at moment: PolicyMoment?
    ) -> UInt64 {
        guard let rights = policy.subjects[subject] else { return 0 }
        var request = AccessRequest(subject: subject, via: .ownHost, device: device, operation: .discover)
        request.moment = moment
        request.roles = roles
        let facts = policy.facts(request, rights)
        var hash = StableHash()
        hash.combine(grants[subject] ?? 0)
        for (rule, number) in zip(policy.rules, rules)
        where rule.whoRank(facts) != nil && facts.ranks[rule.order] != nil && !rule.isAsleep(facts) {
            hash.combine(number)
        }
        return hash.value
    }
}

/// FNV-1a: a hash that is the same in every process. Not for keys that an attacker chooses.
package struct StableHash: Sendable {
    /// The hash of what was combined.
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    /// Begins with a text.
    package init(_ text: String = "") { combine(text) }

    /// Adds a text.
    package mutating func combine(_ text: String) {
        for byte in text.utf8 { combine(byte: byte) }
        combine(byte: 0xFF)
    }

    /// Adds a number.
    package mutating func combine(_ number: UInt64) {
        for shift in 0..<8 { combine(byte: UInt8(truncatingIfNeeded: number >> (8 * UInt64(shift)))) }
    }

    private mutating func combine(byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
}
