import Foundation
import NIOSUPnP
import SUPnP
import Synchronization

/// A closed loop: so many requests are under way, and for each that is over the next one goes out.
final class ClientLoad: Sendable {
    private struct State {
        var isRunning = false
        var payload = 64
        var eachInFlight = 1
        var untilAnswered = false
        var inFlight: [String: Int] = [:]
        var scheduled: Set<String> = []
        var messages = 0
        var lost = 0
    }

    private let state = Mutex(State())

    /// Loads the forwarder; what was counted between the first and the last second.
    func run(
        _ members: [BenchMember], seconds: Int, payload: Int, inFlight: Int, answers: Bool
    ) async -> [String: any Sendable] {
        state.withLock {
            $0 = State()
            $0.isRunning = true
            $0.payload = max(8, payload)
            $0.eachInFlight = max(1, inFlight / max(1, min(inFlight, members.count)))
            $0.untilAnswered = answers
        }
        for member in members.prefix(inFlight) { refill(member) }
        let begin = Resources.nanoseconds
        let processor = Resources.process
        try? await Task.sleep(for: .seconds(seconds))
        let (messages, lost) = state.withLock { state in
            state.isRunning = false
            return (state.messages, state.lost)
        }
        return [
            "messages": messages, "lost": lost, "seconds": Double(Resources.nanoseconds - begin) / 1e9,
            "process_seconds": Resources.process - processor,
        ]
    }

    func take(_ event: MemberEvent, of member: BenchMember) {
        let isOver = state.withLock { state in
            switch event {
            case .accepted:
                state.messages += 1
                if state.untilAnswered { return false }
                state.inFlight[member.name, default: 1] -= 1
            case .completed:
                // Without answers, it is over when it is accepted; but a client has 64 open ones at most.
                guard state.untilAnswered else { return true }
                state.inFlight[member.name, default: 1] -= 1
            case .refused, .timedOut:
                state.lost += 1
                state.inFlight[member.name, default: 1] -= 1
            default: return false
            }
            return true
        }
        if isOver { refill(member) }
    }

    /// Once for all that came in one batch.
    private func refill(_ member: BenchMember) {
        let isDue = state.withLock { $0.isRunning && $0.scheduled.insert(member.name).inserted }
        guard isDue, let service = ServiceName(ControllerRole.service) else { return }
        member.host.act { machine, now in
            let (room, size, untilAnswered) = self.state.withLock { state in
                state.scheduled.remove(member.name)
                return (
                    state.isRunning ? state.eachInFlight - state.inFlight[member.name, default: 0] : 0, state.payload,
                    state.untilAnswered
                )
            }
            var sent = 0
            while sent < room {
                var payload = [UInt8](repeating: 0x5A, count: size)
                let at = Resources.nanoseconds
                for index in 0..<8 { payload[index] = UInt8(truncatingIfNeeded: at >> (56 - 8 * UInt64(index))) }
                // With a window that is over before the broadcast would be repeated.
                let request = machine.member.request(
                    service, payload: payload, window: .milliseconds(untilAnswered ? 2_000 : 50),
                    maximumAnswers: untilAnswered ? 1 : 0, now: now)
                guard request != nil else { break }
                sent += 1
            }
            self.state.withLock { $0.inFlight[member.name, default: 0] += sent }
        }
    }
}
