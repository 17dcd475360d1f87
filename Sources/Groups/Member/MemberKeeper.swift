import Logging
import SUPnP

/// Where a member keeps its keys over a restart.
protocol MemberKeeping: Sendable {
    /// What is stored; nil for nothing.
    func load() async throws -> KeptMember?
    /// Stores it in the place of what is; nil erases it. Returns when it is durable.
    func save(_ state: KeptMember?) async throws
}

/// Writes what the machine wants kept, one after the other and away from its loop.
final class MemberKeeper: Sendable {
    /// What was stored at the start.
    let kept: KeptMember?
    private let store: (any MemberKeeping)?
    private let logger: Logger
    private let firstWait: Duration
    private let writes = AsyncStream.makeStream(of: (state: KeptMember?, number: UInt64).self)

    /// Reads what is stored.
    init(_ store: (any MemberKeeping)?, logger: Logger, firstWait: Duration = .milliseconds(250)) async throws {
        self.store = store
        self.firstWait = firstWait
        self.logger = logger
        do {
            kept = try await store?.load()
        } catch {
            throw GroupError(.storage, "what the member has kept cannot be read: \(error)")
        }
    }

    /// Takes a state to write. The machine gives the next one when this one is written, so few of them wait.
    func keep(_ state: KeptMember?, number: UInt64) { writes.continuation.yield((state, number)) }

    /// Works until cancelled. `written` is told what is durable.
    func run(_ written: (UInt64) -> Void) async {
        for await write in writes.stream {
            guard await save(write.state) else { return }
            if write.state != nil { written(write.number) }
        }
    }

    /// What is not stored is not used, and the machine gives nothing else meanwhile: so it is tried until it succeeds,
    /// and a member whose disk is full for a while goes on where it was. False when cancelled.
    private func save(_ state: KeptMember?) async -> Bool {
        var wait = firstWait
        while true {
            do {
                try await store?.save(state)
                return true
            } catch {
                logger.error(
                    "the member's keys cannot be stored, and are tried again",
                    metadata: ["error": "\(error)", "wait": "\(wait)"])
            }
            do { try await Task.sleep(for: wait) } catch { return false }
            wait = min(wait * 2, .seconds(15))
        }
    }
}
