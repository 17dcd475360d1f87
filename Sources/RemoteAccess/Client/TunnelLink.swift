import Synchronization
package import Tunnel

/// A carrier with the session that it reaches.
package struct Link: Sendable {
    package let carrier: any Carrier
    package let session: String
    let use = LinkUse()

    package init(carrier: any Carrier, session: String) {
        self.carrier = carrier
        self.session = session
    }
}

/// Who still reads over a carrier that a better one has replaced.
final class LinkUse: Sendable {
    private struct State {
        var streams = 0
        var isRetired = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Whether a better carrier stands: a stream that can go on over another one does so.
    var isRetired: Bool { state.withLock { $0.isRetired } }

    /// A stream begins; to be followed by `ended`.
    func began() { state.withLock { $0.streams += 1 } }

    /// A stream ended.
    func ended() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.streams -= 1
            guard state.streams == 0 else { return nil }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Retires the carrier and waits until the last stream over it has ended. For one caller.
    func retire() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isIdle = state.withLock { state in
                    state.isRetired = true
                    guard state.streams > 0, !Task.isCancelled else { return true }
                    state.waiter = continuation
                    return false
                }
                if isIdle { continuation.resume() }
            }
        } onCancel: {
            state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }?.resume()
        }
    }
}

/// Where a request finds the session's carrier of the moment, or waits for the next one.
///
/// Requests of apps outlive a carrier: one that finds the tunnel down waits here, within its own limit.
package final class TunnelLink: Sendable {
    private struct State {
        var link: Link?
        /// Counts carriers, so that a request which saw one die does not get the same one again.
        var generation = 0
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0

        func found(after: Int) -> Found? {
            link.flatMap { generation > after ? Found(link: $0, generation: generation) : nil }
        }
    }

    private struct Waiter {
        let after: Int
        let continuation: CheckedContinuation<Found, any Error>
    }

    /// A link and which one it is in the order of carriers.
    package struct Found: Sendable {
        package let link: Link
        package let generation: Int
    }

    private let state = Mutex(State())

    package init() {}

    /// Whether a carrier stands.
    package var isUp: Bool { state.withLock { $0.link != nil } }

    /// A new carrier stands.
    package func up(_ link: Link) {
        let woken = state.withLock { state in
            state.generation += 1
            state.link = link
            let found = Found(link: link, generation: state.generation)
            let woken = state.waiters.filter { $0.value.after < found.generation }
            for id in woken.keys { state.waiters[id] = nil }
            return woken.values.map { ($0.continuation, found) }
        }
        for (continuation, found) in woken { continuation.resume(returning: found) }
    }

    /// The carrier ended.
    package func down() {
        state.withLock { $0.link = nil }
    }

    /// The gateway does not let this client in: who waits for a carrier need not go on.
    func refused(_ sentence: String) {
        let woken = state.withLock { state in
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume(throwing: Problem(.refused, sentence, status: 403)) }
    }

    /// The carrier of the moment, or the next one. Throws `Problem` after `limit`.
    /// - Parameter after: The generation of a carrier that was seen to fail; 0 takes any.
    package func link(after: Int = 0, within limit: Duration) async throws -> Found {
        if let found = state.withLock({ $0.found(after: after) }) { return found }
        return try await withThrowingTaskGroup(of: Found.self) { group in
            group.addTask { try await self.next(after: after) }
            group.addTask {
                try await Task.sleep(for: limit)
                throw Problem(
                    .unavailable, "The home could not be reached within \(limit.components.seconds) seconds.",
                    status: 504)
            }
            defer { group.cancelAll() }
            guard let found = try await group.next() else { throw CancellationError() }
            return found
        }
    }

    /// Where a stream goes on that broke off over `failed`: over the next carrier as soon as it stands, or over the same one
    /// again if that still stands after `pause`, because then a connection of it has ended and not the carrier.
    func link(afterStreamOver failed: Found, pause: Duration, within limit: Duration) async throws -> Found {
        do {
            return try await link(after: failed.generation, within: min(pause, limit))
        } catch let problem as Problem where problem.type == Problem.Kind.unavailable.rawValue {
            return try await link(after: failed.generation - 1, within: limit - min(pause, limit))
        }
    }

    /// Calls `body` over each carrier as soon as it stands, and again over the same one after the time that it asks for.
    /// Runs until the task is cancelled.
    func overEachCarrier(_ body: (Link) async -> Duration) async throws {
        var generation = 0
        var wait = Duration.seconds(3_600)
        while true {
            let found: Found
            do {
                found = try await link(after: generation, within: wait)
            } catch is Problem {
                // The time has come; while no carrier stands there is nothing to do.
                guard let same = state.withLock({ $0.found(after: 0) }) else { continue }
                found = same
            }
            generation = found.generation
            wait = await body(found.link)
        }
    }

    private func next(after: Int) async throws -> Found {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let found: Result<Found, any Error>? = state.withLock { state in
                    if let found = state.found(after: after) { return .success(found) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiters[id] = Waiter(after: after, continuation: continuation)
                    return nil
                }
                if let found { continuation.resume(with: found) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }
}
