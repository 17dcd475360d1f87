import Logging
import SUPnP

/// Renews the forwarder's lease while the store answers.
///
/// In one process nobody is there to take the lease away, so it is bound to what makes an eviction hold: each renewal
/// is a question to the store, and counts from the time at which it was asked. While a commit is on its way it counts
/// from the beginning of that commit at most: when the store hangs, an eviction hangs with it, and 2.4 s later the
/// forwarder says nothing any more to anybody. That the key manager leads and runs, the forwarder sees by its stream.
///
/// A revision that no commit of the key manager has made is another program's: the state is read again, and until then
/// nothing is renewed.
struct ForwarderLeaseKeeper: Sendable {
    /// The time between two renewals: several fit the lease.
    static let interval: Duration = .milliseconds(500)

    let store: any GroupStore
    let ledger: GroupLedger
    let desk: GroupStoreDesk
    let logger: Logger

    /// Works until cancelled.
    func run(
        renewed renew: @Sendable (ContinuousClock.Instant) -> Void, outdated: @Sendable () -> Void
    ) async throws {
        while true {
            let sentAt = ContinuousClock.now
            do {
                if try await isCurrent(sentAt: sentAt, renew) == false { outdated() }
            } catch let error where !(error is CancellationError) {
                logger.warning("the group's store does not answer", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(until: sentAt + Self.interval, clock: .continuous)
        }
    }

    private func isCurrent(
        sentAt: ContinuousClock.Instant, _ renew: (ContinuousClock.Instant) -> Void
    ) async throws -> Bool {
        let before = ledger.revision
        let revision = try await store.revision()
        // In this order: what is no longer on its way is in the ledger.
        if let pending = desk.pendingSince {
            renew(min(sentAt, pending))
            return true
        }
        guard before <= revision, revision <= ledger.revision else { return false }
        renew(sentAt)
        return true
    }
}
