import FoundationEssentials
package import TrustCore

/// Decides by the presets and device types that subjects were granted. What no grant covers is denied.
package struct PresetPolicy: Sendable {
    private let policy: CompiledPolicy

    /// Takes the grants of the subjects that are not revoked.
    package init(grants: [Grant]) {
        let subjects = Set(grants.map(\.subject)).map { Subject(id: $0, name: $0.rawValue, createdAt: .distantPast) }
        policy = CompiledPolicy(document: nil, ledger: TrustLedger(subjects: subjects, grants: grants))
    }

    /// Decides.
    package func decide(_ request: AccessRequest) -> Decision { policy.decide(request) }

    /// Why a scope is no use, as a sentence; nil when it is fine. For the one who grants.
    package static func problem(with scope: Grant.Scope) -> String? { Preset.problem(with: scope) }
}
