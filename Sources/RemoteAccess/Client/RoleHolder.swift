package import Foundation
import HTTPTypes
import NIOCore
import Synchronization
import Tunnel

/// Keeps the DeviceProtection role that the owner of an away client has taken up: one exchange with the gateway, for as
/// long as the role is wanted. When the carrier breaks, the role is gone, and has to be taken up anew.
package final class RoleHolder: Sendable {
    /// A role and when it ends by itself.
    package struct Held: Hashable, Sendable {
        package let role: String
        package let until: Date
    }

    private struct State {
        var number = 0
        var held: Held?
        var task: Task<Void, Never>?
    }

    private let link: TunnelLink
    private let limits = WireLimits()
    private let state = Mutex(State())

    init(link: TunnelLink) { self.link = link }

    /// What is held at the moment.
    package var current: Held? { state.withLock { $0.held } }

    /// Takes a role up, in place of an earlier one; returns when the gateway has said yes.
    /// - Parameter seconds: At most `RoleRequest.longest`.
    /// - Throws: `Problem` with the gateway's sentence.
    package func takeUp(_ role: String, seconds: Int) async throws -> Held {
        layDown()
        let found = try await link.link(within: .seconds(10))
        let (answers, answer) = AsyncThrowingStream.makeStream(of: Held.self)
        let number = state.withLock { state in
            state.number += 1
            return state.number
        }
        // Unstructured because the role outlives the command that took it up; `layDown` ends it, and so does the carrier.
        let task = Task {
            do {
                try await self.hold(RoleRequest(role: role, seconds: seconds), over: found.link) { held in
                    self.state.withLock { if $0.number == number { $0.held = held } }
                    answer.yield(held)
                }
                answer.finish()
            } catch {
                answer.finish(throwing: error)
            }
            self.state.withLock { if $0.number == number { $0.held = nil } }
        }
        let isCurrent = state.withLock { state in
            guard state.number == number else { return false }
            state.task = task
            return true
        }
        if !isCurrent { task.cancel() }
        for try await held in answers { return held }
        throw Problem(.unavailable, "The gateway gave no answer.", status: 503)
    }

    /// Lays the role down, if there is one.
    package func layDown() {
        let task = state.withLock { state in
            defer {
                state.number += 1
                state.task = nil
                state.held = nil
            }
            return state.task
        }
        task?.cancel()
    }

    private func hold(_ wanted: RoleRequest, over link: Link, onHeld: @escaping @Sendable (Held) -> Void) async throws {
        var request = HTTPRequest(method: .post, scheme: "https", authority: "gateway", path: WirePath.role)
        request.headerFields[.contentType] = "application/x-ndjson"
        request.headerFields[.latchkeySession] = link.session
        try await link.carrier.withExchange(request, trafficClass: .control) { exchange in
            var line = try WireCoding.encode(wanted)
            line.writeString("\n")
            try await exchange.send(line)
            let head = try await exchange.response()
            guard head.status.kind == .successful else {
                throw Problem(reading: head, try await exchange.body.collect(upTo: limits.messageBytes))
            }
            var isHeld = false
            for try await line in exchange.body.lines(upTo: limits.messageBytes) {
                let answer = try WireCoding.decode(RoleAnswer.self, from: line)
                guard !isHeld else { continue }
                isHeld = true
                onHeld(Held(role: answer.role, until: Date() + Double(answer.seconds)))
            }
            // Told at once that nobody holds it any more, and not when the exchange is collected.
            try await exchange.finish()
        }
    }
}
