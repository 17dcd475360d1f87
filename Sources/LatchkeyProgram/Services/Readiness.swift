import Synchronization

/// Says once that everything which had to start has started.
package final class Readiness: Sendable {
    private let missing: Mutex<Set<String>>
    private let announce: @Sendable () -> Void

    /// `parts`: what has to start, by name.
    package init(_ parts: Set<String>, _ announce: @escaping @Sendable () -> Void) {
        self.missing = Mutex(parts)
        self.announce = announce
    }

    /// One part has started.
    package func started(_ part: String) {
        let isComplete = missing.withLock { $0.remove(part) != nil && $0.isEmpty }
        if isComplete { announce() }
    }
}
