internal import Synchronization

/// Copies each element to every stream made from it. A reader that lags loses the oldest elements.
package final class StreamBroadcaster<Element: Sendable>: Sendable {
    private struct State {
        var continuations: [Int: AsyncStream<Element>.Continuation] = [:]
        var nextID = 0
        var isFinished = false
        var dropped = 0
    }

    private let buffer: Int
    private let state = Mutex(State())

    /// A broadcaster whose streams hold `buffer` elements for a reader that lags.
    package init(buffer: Int) { self.buffer = max(1, buffer) }

    /// How many elements lagging readers have lost.
    package var dropped: Int { state.withLock { $0.dropped } }

    /// A stream of `first` and of everything yielded from here on.
    package func stream(startingWith first: [Element] = []) -> AsyncStream<Element> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Element.self, bufferingPolicy: .bufferingNewest(buffer + first.count))
        for element in first { continuation.yield(element) }
        let id: Int? = state.withLock {
            guard !$0.isFinished else { return nil }
            $0.nextID += 1
            $0.continuations[$0.nextID] = continuation
            return $0.nextID
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.continuations.removeValue(forKey: id) }
        }
        return stream
    }

    /// Gives an element to every stream.
    package func yield(_ element: Element) {
        // Outside the lock: a continuation may call its termination handler, which takes it.
        for continuation in state.withLock({ Array($0.continuations.values) }) {
            if case .dropped = continuation.yield(element) { state.withLock { $0.dropped += 1 } }
        }
    }

    /// Ends every stream, and those that are made later at once.
    package func finish() {
        let continuations = state.withLock {
            $0.isFinished = true
            return Array($0.continuations.values)
        }
        for continuation in continuations { continuation.finish() }
    }
}
