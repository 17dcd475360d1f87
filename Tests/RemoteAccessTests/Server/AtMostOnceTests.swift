import Foundation
import NetworkTypes
import Synchronization
import Testing
import TrustCore
import Tunnel

@testable import RemoteAccess

@Suite("An action runs at most once, however often its request comes")
struct AtMostOnceTests {
    private func session() throws -> RemoteSession {
        var random = SeededGenerator(seed: 1)
        let subject = Subject(id: SubjectID(using: &random), name: "phone", createdAt: Date(timeIntervalSince1970: 0))
        return RemoteSession(
            id: SessionID(using: &random), subject: subject,
            authority: "192.0.2.5:80", limits: .init())
    }

    /// Counts from several tasks.
    private final class Counter: Sendable {
        private let count = Mutex(0)
        var value: Int { count.withLock { $0 } }
        func add() { count.withLock { $0 += 1 } }
    }

    /// A door that lets everybody through once it is open.
    private final class Door: Sendable {
        private let stream = AsyncStream<Void>.makeStream()
        func open() { stream.continuation.finish() }
        func pass() async { for await _ in stream.stream {} }
    }

    @Test("The repetition of an answered request gets the same answer")
    func repeated() async throws {
        let session = try session()
        let runs = Counter()
        for _ in 0..<3 {
            let answer = try await session.atMostOnce("one") {
                runs.add()
                return .init(status: 200, body: "done")
            }
            #expect(answer.body == "done")
        }
        #expect(runs.value == 1)
    }

    @Test("A repetition that comes while the action runs waits for its answer")
    func concurrent() async throws {
        let session = try session()
        let runs = Counter()
        let door = Door()
        let answers = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await session.atMostOnce("one") {
                        runs.add()
                        await door.pass()
                        return .init(status: 200, body: "done")
                    }.body
                }
            }
            door.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers == Array(repeating: "done", count: 8))
        #expect(runs.value == 1)
    }

    @Test("An action whose exchange is broken off runs to its end, and its answer is kept")
    func brokenOff() async throws {
        let session = try session()
        let started = Door()
        let door = Door()
        let first = Task {
            try await session.atMostOnce("one") {
                started.open()
                await door.pass()
                return .init(status: 200, body: Task.isCancelled ? "cancelled" : "done")
            }
        }
        await started.pass()
        first.cancel()
        door.open()
        let again = try await session.atMostOnce("one") { .init(status: 200, body: "run twice") }
        #expect(again.body == "done")
    }

    @Test("Two requests are two actions")
    func distinct() async throws {
        let session = try session()
        let first = try await session.atMostOnce("one") { .init(status: 200, body: "1") }
        let second = try await session.atMostOnce("two") { .init(status: 200, body: "2") }
        #expect([first.body, second.body] == ["1", "2"])
    }

    @Test("Who waits is let go when the session ends")
    func ended() async throws {
        let session = try session()
        let door = Door()
        let started = Door()
        let first = Task {
            try await session.atMostOnce("one") {
                started.open()
                await door.pass()
                return .init(status: 200, body: "done")
            }
        }
        await started.pass()
        let second = Task { try await session.atMostOnce("one") { .init(status: 200, body: "run twice") } }
        session.end()
        await #expect(throws: Problem.self) { _ = try await second.value }
        door.open()
        #expect(try await first.value.body == "done")
    }
}
