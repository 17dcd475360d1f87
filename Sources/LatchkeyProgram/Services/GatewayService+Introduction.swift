import AccessPolicy
import Foundation
import NIOUPnP
import NetworkTypes
import RemoteAccess
import TrustCore

/// Pairing on the home's own network.
extension GatewayService {
    /// Introductions of the gateway's own device; nil where it has no DeviceProtection.
    static func introduction(
        _ protection: DeviceProtectionService.Configuration, _ context: GatewayContext
    ) async throws -> PairingIntroduction? {
        guard context.configuration.standardServices, context.interface?.ipv4 != nil,
            let store = context.deviceProtection
        else { return nil }
        return PairingIntroduction(device: try await DeviceProtectionService.party(of: protection, in: store))
    }

    func introduce(
        _ code: @Sendable (_ local: GatewayAddress?) async throws -> PairingCode
    ) async throws -> String {
        guard let introduction, let home = context.interface?.ipv4 else {
            throw ProgramError.failure(
                "--lan needs a network and the Remote Access services, which this gateway runs without; make a code without it"
            )
        }
        let listen = context.configuration.listen
        // It is reached there unless it listens at another address alone.
        let reached = listen.address.isUnspecified || listen.address == home.address
        let local = reached ? GatewayAddress(SocketEndpoint(home.address, port: listen.port)) : nil
        return introduction.open(try await code(local)).shown
    }
}
