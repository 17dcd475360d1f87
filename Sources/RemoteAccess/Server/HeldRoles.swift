import AccessPolicy
import Synchronization

/// The DeviceProtection roles that a session has taken up, besides those that its grants give it.
final class HeldRoles: Sendable {
    private let held = Mutex<[RoleName: Int]>([:])

    /// The session has a role from now on, until as many `layDown` as `takeUp` were called.
    func takeUp(_ role: RoleName) { held.withLock { $0[role, default: 0] += 1 } }

    /// Whether the session has the role no more.
    func layDown(_ role: RoleName) -> Bool {
        held.withLock { held in
            let rest = (held[role] ?? 0) - 1
            held[role] = rest > 0 ? rest : nil
            return rest <= 0
        }
    }

    /// Whether the session has taken a role up.
    func holds(_ role: RoleName) -> Bool { held.withLock { $0[role] != nil } }
}
