import NIOCore
import NetworkTypes
import Synchronization
import Traversal

/// What is known of the NAT in front of this host: looked at when somebody asks, at most once in five minutes as long as the
/// host's addresses are the same, and never twice at once.
final class NATView: Sendable {
    private static let goodFor = Duration.seconds(300)
    /// Where nobody answered, somebody may soon.
    private static let silenceGoodFor = Duration.seconds(30)

    private struct State {
        var last: (behavior: NATBehavior?, addresses: [InterfaceAddress], at: ContinuousClock.Instant)?
        var looking: Task<NATBehavior?, Never>?
    }

    private let settings: PunchingSettings
    private let group: any EventLoopGroup
    private let state = Mutex(State())

    init(_ settings: PunchingSettings, eventLoopGroup: any EventLoopGroup) {
        self.settings = settings
        self.group = eventLoopGroup
    }

    /// Takes up to ten seconds; nil where nobody can be asked.
    func behavior() async -> NATBehavior? {
        guard let look = settings.lookAtNAT else { return nil }
        let (addresses, loop) = (settings.addresses(), group.next())
        let known = state.withLock { state -> Known in
            if let last = state.last, last.addresses == addresses,
                .now - last.at < (last.behavior?.mapping == nil ? Self.silenceGoodFor : Self.goodFor)
            {
                return .behavior(last.behavior)
            }
            if let looking = state.looking { return .looking(looking) }
            // Not a child: who asked first may go before the others.
            let looking = Task { await look(loop) }
            state.looking = looking
            return .looking(looking)
        }
        switch known {
        case .behavior(let behavior): return behavior
        case .looking(let task):
            let behavior = await task.value
            state.withLock { state in
                guard state.looking == task else { return }
                state.looking = nil
                state.last = (behavior, addresses, .now)
            }
            return behavior
        }
    }

    private enum Known {
        case behavior(NATBehavior?)
        case looking(Task<NATBehavior?, Never>)
    }
}
