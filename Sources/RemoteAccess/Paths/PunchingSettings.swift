package import NIOCore
import NIOTraversal
package import NetworkTypes
package import Traversal

/// How a direct path of datagrams is looked for; both ends have their own.
package struct PunchingSettings: Sendable {
    /// Servers that say where this end is outside (RFC 8489), at most `ICEEngine.maximumServers`; asked anew for each path.
    package var stunServers: @Sendable () async -> [SocketEndpoint]
    /// Servers that relay datagrams (RFC 8656), at most `ICEEngine.maximumServers`; asked anew for each path, because
    /// credentials end.
    package var relays: @Sendable () async -> [ICEEngine.Relay]
    /// The own addresses, the best first; asked for each path.
    package var addresses: @Sendable () -> [InterfaceAddress]
    /// Adds TLS to the stream to a relay.
    package var secure: (@Sendable (any Channel, ICEEngine.Relay) throws -> Void)?
    /// Finds out how the NAT in front of this host treats datagrams; nil where nobody can be asked. Takes up to ten seconds.
    package var lookAtNAT: (@Sendable (any EventLoop) async -> NATBehavior?)?
    /// How long candidates are gathered before the peer is told of those that are known.
    package var gathering = Duration.milliseconds(900)
    /// How long a path may take to be found and used.
    package var patience = Duration.seconds(12)

    package init(
        stunServers: @escaping @Sendable () async -> [SocketEndpoint] = { [] },
        relays: @escaping @Sendable () async -> [ICEEngine.Relay] = { [] },
        addresses: @escaping @Sendable () -> [InterfaceAddress]
    ) {
        self.stunServers = stunServers
        self.relays = relays
        self.addresses = addresses
    }

    /// Begins to look for a path.
    func begin(_ role: ICEAgent.Role, on loop: any EventLoop) async throws -> ICESession {
        var configuration = ICESession.Configuration(role, addresses: addresses())
        configuration.engine.stunServers = await stunServers()
        configuration.engine.relays = await relays()
        configuration.secure = secure
        return try await ICESession(configuration, on: loop)
    }

    /// What the peer is to be told: all candidates, or those that are known when the time for it is over.
    func description(of session: ICESession) async throws -> ICEDescription {
        let newest = Newest()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await description in session.descriptions {
                    newest.set(description)
                    if description.isComplete { return }
                }
            }
            group.addTask { try? await Task.sleep(for: gathering) }
            await group.next()
            group.cancelAll()
        }
        try Task.checkCancellation()
        guard let description = newest.value else {
            throw Problem(.unavailable, "No address of this end can be used for a direct path.", status: 503)
        }
        return description
    }
}
