import Logging
import SUPnP
import Synchronization

/// Does the key manager's commits, one after the other, and tells it what became of each.
///
///     commit ──made──▶ committed
///            ──not made, or not known──▶ conflict ──▶ reread ──▶ the state as it is
///
/// Whether a commit that has thrown was made is not known: the key manager drops what depends on it and decides anew
/// from the state as it is. When that happens several times in a row, the controller ends.
final class GroupStoreDesk: Sendable {
    private enum Wish: Sendable {
        case commit([StateChange], expectedRevision: UInt64)
        case reread
    }

    private struct Order: Sendable {
        let number: Int
        let wish: Wish
    }

    private struct Progress: Sendable {
        /// When the order was given that is not carried out yet, or the first of those that belong together.
        var pendingSince: ContinuousClock.Instant?
        var lastOrder = 0
        var failures = 0
        var lastError = ""
    }

    private let store: any GroupStore
    private let ledger: GroupLedger
    private let attempts: Int
    private let logger: Logger
    private let progress = Mutex(Progress())
    private let orders: AsyncStream<Order>
    private let order: AsyncStream<Order>.Continuation

    init(store: any GroupStore, ledger: GroupLedger, attempts: Int, logger: Logger) {
        self.store = store
        self.ledger = ledger
        self.attempts = attempts
        self.logger = logger
        // A key manager has one order at a time; the bound is there to be one.
        (orders, order) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(16))
    }

    /// When the order was given that the store has not carried out; nil when it has carried out all.
    var pendingSince: ContinuousClock.Instant? { progress.withLock { $0.pendingSince } }

    /// From the key manager's loop: make these changes.
    func commit(_ changes: [StateChange], expectedRevision: UInt64) {
        give(.commit(changes, expectedRevision: expectedRevision))
    }

    /// From the key manager's loop: read the state.
    func reread() { give(.reread) }

    private func give(_ wish: Wish) {
        let number = progress.withLock { progress in
            progress.pendingSince = progress.pendingSince ?? .now
            progress.lastOrder += 1
            return progress.lastOrder
        }
        order.yield(Order(number: number, wish: wish))
    }

    /// An order is carried out. The key manager may have given the next one by now.
    private func done(_ order: Order, isMade: Bool) {
        progress.withLock { progress in
            progress.pendingSince = progress.lastOrder == order.number ? nil : .now
            if isMade { progress.failures = 0 }
        }
    }

    /// Works until cancelled; throws when the store fails again and again.
    ///
    /// What is in the ledger has been told to the key manager: whoever waits for it finds the key manager told.
    func run(_ tell: @Sendable (KeyManagerMachine.Input) -> Void) async throws {
        for await order in orders {
            switch order.wish {
            case .commit(let changes, let expected):
                guard let revision = try await make(changes, expected) else {
                    tell(.conflict)
                    continue
                }
                tell(.committed(revision: revision))
                ledger.applied(changes, revision: revision)
                done(order, isMade: true)
            case .reread:
                let (state, revision) = try await read()
                tell(.reread(state, revision: revision))
                ledger.reset(state, revision: revision)
                done(order, isMade: false)
            }
        }
    }

    /// Nil when it was not made, or nobody knows.
    private func make(_ changes: [StateChange], _ expected: UInt64) async throws -> UInt64? {
        do {
            return try await store.commit(changes, expectedRevision: expected)
        } catch let error where !(error is CancellationError) {
            try failed(error)
            return nil
        }
    }

    private func read() async throws -> (GroupState, UInt64) {
        while true {
            // The more often it has failed, the longer it is left in peace.
            let failures = progress.withLock { $0.failures }
            if failures > 0 { try await Task.sleep(for: .milliseconds(50) * (1 << min(failures, 6))) }
            do {
                return try await store.load()
            } catch let error where !(error is CancellationError) {
                try failed(error)
            }
        }
    }

    private func failed(_ error: any Error) throws {
        let (failures, text) = progress.withLock { progress in
            progress.failures += 1
            progress.lastError = "\(error)"
            return (progress.failures, progress.lastError)
        }
        logger.warning(
            "the group's state could not be stored", metadata: ["error": "\(text)", "in a row": "\(failures)"])
        guard failures < attempts else { throw GroupControllerError.storeFailed(text) }
    }
}
