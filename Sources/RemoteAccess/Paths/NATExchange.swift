package import NIOCore
import Synchronization
package import Traversal

/// The client's half of telling each other of the NATs in between: over each carrier, and when somebody wants to know.
package final class NATExchange: Sendable {
    private struct State {
        var link: Link?
        var peer: NATBehavior?
    }

    private let view: NATView
    private let state = Mutex(State())

    package init(_ settings: PunchingSettings, eventLoopGroup: any EventLoopGroup) {
        view = NATView(settings, eventLoopGroup: eventLoopGroup)
    }

    /// Tells the gateway of the client's NAT, and keeps what it says of its own.
    package func run(over link: Link) async {
        state.withLock { $0.link = link }
        let notice = NATNotice(await view.behavior())
        let answer = try? await link.carrier.post(
            notice, to: WirePath.nat, session: link.session, answer: NATNotice.self, limits: WireLimits())
        // A gateway that looks for no direct paths, or is older, says nothing.
        guard let answer else { return }
        state.withLock { $0.peer = answer.behavior }
    }

    /// What the gateway says of its NAT, asked for anew where there is a carrier, and what it has said last where there is
    /// none; nil where it has not.
    package func peer() async -> NATBehavior? {
        if let link = state.withLock({ $0.link }) { await run(over: link) }
        return state.withLock { $0.peer }
    }
}
