import GroupKeys
import SUPnP
import Synchronization

/// Remembers every (key, nonce) that was sealed with, over any number of processes, restarts and restores, and the
/// pairs that came twice.
///
///     let registry = NonceRegistry()
///     try registry.watching { … }
///     #expect(registry.repeated.isEmpty)
final class NonceRegistry: NonceWitness {
    struct Use: Hashable {
        let key: KeyFingerprint
        let nonce: [UInt8]
    }

    private struct Seen {
        var uses: Set<Use> = []
        var repeated: [Use] = []
    }

    private let seen = Mutex(Seen())

    /// Runs `body` with every seal of this task written down.
    func watching<R>(_ body: () throws -> R) rethrows -> R {
        try NonceAudit.$witness.withValue(self) { try body() }
    }

    func sealing(key: KeyFingerprint, nonce: [UInt8]) {
        seen.withLock { seen in
            let use = Use(key: key, nonce: nonce)
            if !seen.uses.insert(use).inserted { seen.repeated.append(use) }
        }
    }

    /// The pairs that were used again.
    var repeated: [Use] { seen.withLock(\.repeated) }
    /// How many pairs were used.
    var count: Int { seen.withLock(\.uses.count) }
}
