import NIOCore
import NetworkTypes
import Synchronization
import UPnP

/// A call that the accepting end of a tunnel makes, as a line of the exchange that waits for calls.
package struct ReverseCall: Codable, Hashable, Sendable {
    /// To be named in the answer.
    package let id: UInt64
    /// SOAP's header.
    package let soapAction: String
    /// The SOAP message.
    package let body: String
}

/// The answer to a reverse call.
package struct ReverseAnswer: Codable, Hashable, Sendable {
    /// As of HTTP.
    package let status: Int
    /// The SOAP message.
    package let body: String

    /// Makes an answer.
    package init(status: Int, body: String) {
        self.status = status
        self.body = body
    }
}

/// The calls of the end that cannot open exchanges: they wait for the peer, which fetches them, and answers them with
/// exchanges of its own. A carrier on which both ends open exchanges needs none of it.
final class ReverseCalls: RADAPeerAccess {
    private struct State {
        var nextID: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<ReverseAnswer, any Error>] = [:]
        var isOver = false
    }

    /// How long a call waits for its answer.
    private let limit: Duration
    private let state = Mutex(State())
    private let continuation: AsyncStream<ReverseCall>.Continuation
    /// The calls to be sent; for one reader.
    let calls: AsyncStream<ReverseCall>
    private let agent: String

    /// - Parameter agent: The peer's RADA, as it said when it connected: its description cannot be fetched from this
    ///   end. The tunnel has proven whose it is.
    init(agent: String, limit: Duration) {
        self.limit = limit
        self.agent = agent
        (calls, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(16))
    }

    func discoveryAgent(at location: String) async throws -> String? { agent }

    func call(_ request: ActionRequest) async throws -> ControlResult {
        let answer = try await withThrowingTaskGroup(of: ReverseAnswer.self) { group in
            group.addTask { try await self.send(request) }
            group.addTask {
                try await Task.sleep(for: self.limit)
                throw Problem(.unavailable, "The peer did not answer.", status: 504)
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw CancellationError() }
            return answer
        }
        return try ControlResult.parse(status: answer.status, body: Array(answer.body.utf8))
    }

    private func send(_ request: ActionRequest) async throws -> ReverseAnswer {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isOver = state.withLock { state in
                    if !state.isOver, !Task.isCancelled { state.waiting[id] = continuation }
                    return state.isOver || Task.isCancelled
                }
                if isOver { return continuation.resume(throwing: CancellationError()) }
                self.continuation.yield(
                    ReverseCall(id: id, soapAction: request.soapActionHeader, body: request.serialized()))
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
    }

    /// An answer came; false when nobody waits for it.
    func answered(_ id: UInt64, _ answer: ReverseAnswer) -> Bool {
        guard let waiter = state.withLock({ $0.waiting.removeValue(forKey: id) }) else { return false }
        waiter.resume(returning: answer)
        return true
    }

    /// Nobody fetches calls any longer.
    func end() {
        let waiting = state.withLock { state in
            defer { state.waiting = [:] }
            state.isOver = true
            return state.waiting.values
        }
        for waiter in waiting { waiter.resume(throwing: CancellationError()) }
        continuation.finish()
    }
}
