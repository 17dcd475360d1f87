import AccessPolicy
import Logging
import NIOPosix
import NIOTunnel
import NIOUPnP
import RemoteAccess
import TrustCore
import Tunnel

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

    /// Is introduced to a gateway on this network, and pairs with the code that it hands over.
    static func pairOnLAN(
        _ pin: WPSPIN, named name: String?, identity: StoredDeviceIdentity, deviceName: String, interface: String,
        ssdp: SSDPConfiguration, progress: (String) -> Void, _ logger: Logger
    ) async throws -> PairedGateway {
        let group = MultiThreadedEventLoopGroup.singleton
        do {
            var configuration = ControlPointConfiguration(interface: interface, ssdp: ssdp)
            configuration.families = .ipv4
            let gateway = try await IntroductionClient.find(
                named: name, configuration: configuration, eventLoopGroup: group, logger: logger)
            progress("being introduced to “\(gateway.name)” …")
            let client = try IntroductionClient(
                identity: identity, name: deviceName, eventLoopGroup: group, logger: logger)
            let code = try await client.introduce(to: gateway, pin: pin)
            progress("pairing with \(code.gatewayName) …")
            return try await pair(code, deviceName, logger)
        } catch let error as IntroductionError {
            throw ProgramError.failure(error.description)
        }
    }
}
