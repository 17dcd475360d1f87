package import TrustCore

extension CompiledPolicy {
    /// Presets for who only looks on, or is there for a while.
    private static let guestPresets: Set<String> = ["guest", "watch", "listen", "camera-viewer", "media"]

    /// The DeviceProtection roles that a client's grants amount to: `Basic` for who uses the home, Latchkey's `guest`
    /// for who looks on or stays for a while, `Public` alone for who was granted nothing.
    ///
    /// Nobody has `Admin` by a grant: what only an administrator of a device may do, one does as oneself, end to end.
    package func roles(of subject: SubjectID) -> Set<RoleName> {
        let all: [CompiledGrant] = subjects[subject]?.grants ?? []
        let grants = all.filter { $0.grant.scope != .preset(Preset.rulesOnly.rawValue) }
        guard !grants.isEmpty else { return [.public] }
        let isGuest = grants.allSatisfy { grant in
            if case .preset(let name) = grant.grant.scope { return Self.guestPresets.contains(name) }
            return false
        }
        return isGuest ? [.public, .guest] : [.public, .basic]
    }
}
