import NIOPosix
import NIOTunnel
import RemoteAccess

/// Fits the gateway's services to the program.
package enum GatewayFitting {
    /// Makes the gateway.
    package static let make: GatewayProgram.Factory = { try await GatewayService($0) }
}

/// Fits the away client's services to the program.
package enum AwayFitting {
    /// Makes the away client.
    package static let make: AwayProgram.Factory = { try AwayService($0) }

    /// Pairs with a gateway.
    package static let pair: AwayProgram.Pairing = { code, deviceName, logger in
        let dialer = TunnelDialer(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        do {
            return try await PairingClient(dialer: dialer).redeem(code, deviceName: deviceName)
        } catch let problem as Problem {
            throw ProgramError.failure(problem.title)
        } catch let error as TunnelError {
            throw ProgramError.failure(error.message)
        }
    }
}
