package import AccessPolicy
import Synchronization

/// Introduces control points by Wi-Fi Protected Setup, while its owner has opened the time for it.
///
/// One password is good for one attempt: when a control point has tried it, rightly or not, or left in the middle of
/// trying, the time is over, and the owner opens another with another PIN.
package final class WPSSetup: SetupProtocol {
    /// The bounds of a setup.
    package struct Limits: Hashable, Sendable {
        /// The longest time that may be opened.
        package var longest = Duration.seconds(600)
        /// How long one introduction may take; afterwards another may begin.
        package var runTime = Duration.seconds(60)
        /// Introductions that may begin in one time, those that end before a password is tried.
        package var runs = 16

        package init() {}
    }

    private struct Opening {
        let password: WPSPassword
        let until: ContinuousClock.Instant
        var runs = 0
    }

    private struct Run {
        let peer: SetupPeer
        let until: ContinuousClock.Instant
        var machine: WPSEnrollee
    }

    private struct State {
        var opening: Opening?
        var run: Run?
    }

    package let name = "WPS"
    private let device: WPSParty
    private let limits: Limits
    private let now: @Sendable () -> ContinuousClock.Instant
    private let onChange: @Sendable (_ isReady: Bool) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - now: The clock; tests use another.
    ///   - onChange: Told when an introduction may be tried and when not, for the variable `SetupReady`.
    package init(
        device: WPSParty, limits: Limits = .init(),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        onChange: @escaping @Sendable (_ isReady: Bool) -> Void = { _ in }
    ) {
        self.device = device
        self.limits = limits
        self.now = now
        self.onChange = onChange
    }

    /// Opens the time for one introduction, in place of an earlier one.
    package func open(_ password: WPSPassword, for time: Duration) {
        let until = now() + min(time, limits.longest)
        state.withLock { $0 = State(opening: Opening(password: password, until: until)) }
        onChange(true)
    }

    /// Ends the time.
    package func close() {
        state.withLock { $0 = State() }
        onChange(false)
    }

    package var isReady: Bool {
        state.withLock { state in
            expire(&state)
            return state.opening != nil && state.run == nil
        }
    }

    private func expire(_ state: inout State) {
        let now = now()
        if let run = state.run, run.until <= now { end(&state, run.machine) }
        // A run that has begun in time is finished.
        if state.run == nil, let opening = state.opening, opening.until <= now { state.opening = nil }
    }

    /// A run is over; its password is, if it was tried.
    private func end(_ state: inout State, _ machine: WPSEnrollee) {
        state.run = nil
        if machine.isSpent { state.opening = nil }
    }

    package func answer(
        _ message: [UInt8], from peer: SetupPeer
    ) async throws(DeviceProtectionError) -> SetupAnswer {
        let (answer, isReady) = state.withLock { state -> (Result<SetupAnswer, DeviceProtectionError>, Bool) in
            let answer = receive(message, from: peer, &state)
            return (answer, state.opening != nil && state.run == nil)
        }
        onChange(isReady)
        return try answer.get()
    }

    private func receive(
        _ message: [UInt8], from peer: SetupPeer, _ state: inout State
    ) -> Result<SetupAnswer, DeviceProtectionError> {
        expire(&state)
        guard let opening = state.opening else {
            return .failure(
                DeviceProtectionError(
                    .busy, "Nobody can be introduced at the moment: open the time for it on the device first."))
        }
        var random = SystemRandomNumberGenerator()
        if message.isEmpty, state.run == nil {
            guard opening.runs < limits.runs,
                let machine = WPSEnrollee(
                    device: device, controlPoint: peer.controlPoint, password: opening.password, using: &random)
            else {
                return .failure(DeviceProtectionError(.busy, "Too many introductions were begun; open the time anew."))
            }
            state.opening?.runs += 1
            state.run = Run(peer: peer, until: now() + limits.runTime, machine: machine)
        }
        guard var run = state.run, run.peer == peer else {
            return .failure(DeviceProtectionError(.busy, "Another introduction runs, or none has begun."))
        }
        let step = run.machine.receive(message, using: &random)
        state.run = run
        switch step {
        case .answer(let bytes): return .success(SetupAnswer(message: bytes))
        case .failed(let bytes, _):
            end(&state, run.machine)
            return .success(SetupAnswer(message: bytes))
        case .introduced(let bytes):
            state = State()
            return .success(SetupAnswer(message: bytes, introduces: true))
        }
    }

    package func closed(_ connection: UInt64) async {
        let wasOurs = state.withLock { state in
            guard let run = state.run, run.peer.connection == connection else { return false }
            end(&state, run.machine)
            return true
        }
        if wasOurs { onChange(isReady) }
    }
}
