import Synchronization

/// Who waits for changes of a store. Each watcher sees the newest revision that it has not seen; a slow one
/// misses those between.
package final class RevisionWatchers: Sendable {
    private struct State {
        var watchers: [UInt64: AsyncStream<StoreRevision>.Continuation] = [:]
        var nextID: UInt64 = 0
        var newest: StoreRevision?
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Makes an empty set.
    package init() {}

    /// A stream that begins with the newest revision that is known, so that nothing is missed between
    /// reading the store and watching it.
    package func watch() -> AsyncStream<StoreRevision> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: StoreRevision.self, bufferingPolicy: .bufferingNewest(1)
        )
        let id: UInt64? = state.withLock { state in
            guard !state.isClosed else { return nil }
            state.nextID += 1
            state.watchers[state.nextID] = continuation
            if let newest = state.newest { continuation.yield(newest) }
            return state.nextID
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.remove(id) }
        return stream
    }

    /// Tells everybody of a revision, unless it is not newer than the last.
    package func announce(_ revision: StoreRevision) {
        state.withLock { state in
            if let newest = state.newest, revision <= newest { return }
            state.newest = revision
            for watcher in state.watchers.values { watcher.yield(revision) }
        }
    }

    /// Ends every stream.
    package func close() {
        let watchers = state.withLock { state in
            state.isClosed = true
            defer { state.watchers = [:] }
            return state.watchers.values
        }
        // Outside the lock, because finishing a stream calls its termination handler.
        for watcher in watchers { watcher.finish() }
    }

    private func remove(_ id: UInt64) {
        _ = state.withLock { $0.watchers.removeValue(forKey: id) }
    }
}
