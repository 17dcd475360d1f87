import NIOCore
import NIOPosix
import NIOUPnP
import NetworkTypes
import RemoteAccess
import Traversal

extension TraversalSettings {
    /// What the search for direct paths is made of; nil where none is wanted.
    func punching() -> PunchingSettings? {
        guard isEnabled else { return nil }
        let (stun, turn) = (stunServers, turnServers)
        var settings = PunchingSettings(
            stunServers: { await Self.resolve(stun).map(\.endpoint) },
            relays: {
                await Self.resolve(turn.current).map { server, endpoint in
                    ICEEngine.Relay(
                        endpoint,
                        stream: server.transport == .udp ? nil : server.transport == .tcp ? .tcp : .tls,
                        username: server.username, password: server.password)
                }
            },
            addresses: { ownAddresses() })
        settings.lookAtNAT = { await lookAtNAT(on: $0) }
        return settings
    }

    /// Where the servers are at the moment; those whose names are unknown are left out.
    static func resolve(_ servers: [TraversalServer]) async -> [(
        server: TraversalServer, endpoint: SocketEndpoint
    )] {
        await withTaskGroup(of: (Int, SocketEndpoint)?.self) { group in
            for (index, server) in servers.enumerated() {
                group.addTask {
                    if let address = IPAddress(server.host) {
                        return (index, SocketEndpoint(address, port: server.port))
                    }
                    let found = try? await NIOThreadPool.singleton.runIfActive {
                        try SocketAddress.makeAddressResolvingHost(server.host, port: Int(server.port))
                    }
                    guard let text = found?.ipAddress, let address = IPAddress(text) else { return nil }
                    return (index, SocketEndpoint(address, port: server.port))
                }
            }
            var found: [(Int, SocketEndpoint)] = []
            for await one in group { if let one { found.append(one) } }
            return found.sorted { $0.0 < $1.0 }.map { (servers[$0.0], $0.1) }
        }
    }
}
