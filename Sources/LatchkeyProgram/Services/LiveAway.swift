package import Logging
package import NIOCore
package import NIOUPnP
package import ServiceLifecycle
package import TrustCore

/// The running away client, as the program needs it.
///
/// `run()` serves until graceful shutdown: then it withdraws the mirrored devices with a byebye.
package protocol LiveAway: Service {
    /// What is announced here.
    func devices() async -> [DeviceReport]
    /// What it is doing: connected, reconnecting, silent because it is at home, ….
    func status() async -> StatusReport
    /// How the gateway is reached, and what would improve that.
    func doctor() async -> DoctorReport
    /// Does something about the role of the session; answers the role after it.
    func role(_ order: RoleOrder) async throws -> RoleReport
}

extension LiveAway {
    /// Nothing is known of it.
    package func doctor() async -> DoctorReport { DoctorReport(role: "away") }
}

/// What an away client is made of.
package struct AwayContext: Sendable {
    package let configuration: AwayConfiguration
    package let store: any AwayStore
    package let gateway: PairedGateway
    package let interface: NetworkInterface
    package let eventLoopGroup: any EventLoopGroup
    package let logger: Logger
    /// Prints an event.
    package let report: @Sendable (ProgramEvent) -> Void
    /// To be called once, when the client has begun to work: it need not be connected yet.
    package let serving: @Sendable () -> Void
}

/// Answers control requests while the away client runs.
package struct LiveAwayHandler: ControlRequestHandler {
    private let away: any LiveAway
    private let pid: Int32

    package init(away: any LiveAway, pid: Int32) {
        self.away = away
        self.pid = pid
    }

    package func handle(_ request: ControlRequest) async throws -> ControlReply {
        switch request {
        case .ping: .pong(ProgramIdentity(role: "away", pid: pid))
        case .status: .status(await away.status())
        case .devices: .devices(await away.devices())
        case .doctor: .doctor(await away.doctor())
        case .role(let order): .role(try await away.role(order))
        case .sessions, .clients, .revoke, .pair, .rotateKey, .group, .policy, .consent, .protection:
            throw ProgramError.failure("only a gateway can answer this, and this is an away client")
        }
    }
}
