import NIOTunnel
package import Tunnel

extension SessionKeeper {
    /// Whom to reach, and as whom.
    package struct Target: Sendable {
        /// In what ways, at most `maximumWays` of them.
        let ways: [Way]

        /// Ways that are tried at most.
        package static let maximumWays = 16

        /// A gateway that can be reached in several ways.
        package init(ways: [Way]) { self.ways = Array(ways.prefix(Self.maximumWays)) }

        /// A gateway behind a tunnel.
        /// - Parameters:
        ///   - addresses: In the order of preference.
        ///   - verifyServer: Nil to accept the gateway's certificate, or a sentence that says why not.
        package init(
            addresses: [TunnelAddress], identity: TunnelIdentity,
            verifyServer: @escaping @Sendable (PeerCertificate) -> String?
        ) {
            self.ways = Way.tunnels(to: addresses, identity: identity, verifyServer: verifyServer)
        }

        /// A gateway in this process.
        package init(entrance: LocalEntrance) {
            self.ways = [Way(.direct, "in this process", dial: { _ in try entrance.connect() })]
        }
    }

    /// When it is tried again, and when something better is looked for.
    package struct Pace: Sendable {
        package var backoff = ReconnectBackoff()
        /// Which kinds of ways are used, the best first.
        package var order = PathOrder.all
        package var climb = ClimbSchedule()
        /// How long a way is tried before the next worse one is tried beside it.
        package var headStart = Duration.milliseconds(250)
        /// How long a carrier that was replaced stays for streams that cannot move.
        package var retirement = Duration.seconds(3600)

        package init() {}
    }
}
