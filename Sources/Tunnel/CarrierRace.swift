/// Tries to open a carrier in several ways, each with a head start over the next (RFC 8305 §5), and keeps the first one
/// that stands.
package struct CarrierRace: Sendable {
    /// What an attempt waits for before it begins.
    package struct HeadStart: Hashable, Sendable {
        /// The attempts that have it; when all of these have failed, nothing is waited for any more.
        package var attempts: Range<Int>
        /// How long at most.
        package var time: Duration

        /// Makes a head start.
        package init(of attempts: Range<Int>, atMost time: Duration) {
            self.attempts = attempts
            self.time = time
        }
    }

    private let sleep: @Sendable (Duration) async throws -> Void

    /// Makes a race; `sleep` waits for so long, and throws when its task is cancelled.
    package init(sleep: @escaping @Sendable (Duration) async throws -> Void) { self.sleep = sleep }

    /// Runs `count` attempts, each in a child task, and returns the carrier of the first one that succeeds. The others are
    /// cancelled; what stands all the same is closed.
    /// - Throws: `TunnelError`, the most telling one, when every attempt has failed; `CancellationError`.
    package func first<Winner: Carrier>(
        of count: Int, headStart: (Int) -> HeadStart, attempt: @escaping @Sendable (Int) async throws -> Winner
    ) async throws -> Winner {
        let failed = (0..<count).map { _ in Latch<Void>() }
        return try await withThrowingTaskGroup(of: Result<Winner, any Error>.self) { attempts in
            for index in 0..<count {
                let start = headStart(index)
                attempts.addTask {
                    await wait(for: failed[start.attempts], atMost: start.time)
                    do {
                        try Task.checkCancellation()
                        return .success(try await attempt(index))
                    } catch {
                        failed[index].set(())
                        return .failure(error)
                    }
                }
            }
            var winner: Winner?
            var failures: [any Error] = []
            while let result = try await attempts.next() {
                switch result {
                case .success(let carrier) where winner == nil:
                    winner = carrier
                    attempts.cancelAll()
                case .success(let carrier): carrier.close(.closed)
                case .failure(let error): failures.append(error)
                }
            }
            if let winner { return winner }
            try Task.checkCancellation()
            throw TunnelError.mostTelling(of: failures)
        }
    }

    private func wait(for previous: ArraySlice<Latch<Void>>, atMost time: Duration) async {
        guard !previous.isEmpty else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for latch in previous { _ = await latch.wait() } }
            // Cancelled when the others have failed, or the race is over.
            group.addTask { try? await sleep(time) }
            await group.next()
            group.cancelAll()
        }
    }
}
