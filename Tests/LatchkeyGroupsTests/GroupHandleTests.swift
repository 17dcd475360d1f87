import Dispatch
import Foundation
import Groups
import Testing

@testable import LatchkeyGroups

/// What a handle does for more than one thread.
@Suite("A membership that C holds")
struct GroupHandleTests {
    @Test("of several threads that close it at one time each returns, and none before the membership has ended")
    func closers() async throws {
        let member = try GroupMember(id: "kiosk", setupCode: "7K3QX-9M2TB")
        let handle = GroupHandle(member)
        handle.start { _ in }
        let returned = DispatchSemaphore(value: 0)
        for _ in 0..<4 {
            Thread.detachNewThread {
                handle.close()
                returned.signal()
            }
        }
        try await onThread {
            for _ in 0..<4 { #expect(returned.wait(timeout: .now() + .seconds(100)) == .success) }
        }
        await #expect(throws: GroupError.self) { try await member.registered() }
    }

    @Test("it is found by a callback that closes it, however early that comes")
    func closedByItsFirstCallback() async throws {
        for _ in 0..<3 {
            // Nobody is there: its end is the first that it tells, and soon.
            var configuration = GroupMemberConfiguration(id: "kiosk", setupCode: "7K3QX-9M2TB")
            configuration.patience = .milliseconds(1)
            let member = try GroupMember(configuration)
            let handle = GroupHandle(member)
            let (told, tell) = AsyncStream.makeStream(of: Void.self)
            handle.start { _ in
                handle.close()
                tell.finish()
            }
            for await _ in told {}
            await #expect(throws: GroupError.self) { try await member.registered() }
        }
    }
}
