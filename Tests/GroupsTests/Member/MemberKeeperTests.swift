import Logging
import SUPnP
import Synchronization
import Testing

@testable import Groups

@Suite("Keeping a member's keys")
struct MemberKeeperTests {
    private final class FailingStore: MemberKeeping {
        struct DiskFull: Error {}
        let failures: Mutex<Int>
        let saves = Mutex(0)

        init(failures: Int) { self.failures = Mutex(failures) }

        func load() async throws -> KeptMember? { nil }

        func save(_ state: KeptMember?) async throws {
            let fails = failures.withLock { left in
                guard left > 0 else { return false }
                left -= 1
                return true
            }
            if fails { throw DiskFull() }
            saves.withLock { $0 += 1 }
        }
    }

    @Test("A disk that is full for a while ends no writes: each is made, in order, once there is room")
    func fullDisk() async throws {
        let store = FailingStore(failures: 3)
        let keeper = try await MemberKeeper(
            store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, firstWait: .milliseconds(1))
        keeper.keep(nil, number: 1)
        keeper.keep(nil, number: 2)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await keeper.run { _ in } }
            while store.saves.withLock({ $0 }) < 2, !Task.isCancelled { await Task.yield() }
            group.cancelAll()
        }
        #expect(store.saves.withLock { $0 } == 2)
        #expect(store.failures.withLock { $0 } == 0)
    }
}
