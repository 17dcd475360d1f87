package import AccessPolicy
package import Logging
package import NIOCore
package import NIOUPnP
import NetworkTypes
package import TrustCore
import Tunnel
package import UPnP

/// Introduces this client to a gateway on its own network by DeviceProtection:1 (`SendSetupMessage`), and gets the
/// pairing code that waits there for who knows the PIN.
///
/// The whole run goes over one TLS connection with one certificate of the gateway, whose hash is proved together with
/// the PIN: somebody in between has another certificate, and the run ends before a code is told.
package struct IntroductionClient: Sendable {
    /// A gateway on the network.
    package struct Gateway: Hashable, Sendable {
        /// Its UDN.
        package let udn: String
        /// Its name for people.
        package let name: String
        /// Its description over HTTPS, at its own address.
        package let location: HTTPURL

        /// Names a gateway.
        package init(udn: String, name: String, location: HTTPURL) {
            self.udn = udn
            self.name = name
            self.location = location
        }
    }

    private let identity: TunnelIdentity
    private let party: WPSParty
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger

    /// - Parameters:
    ///   - identity: What the client is known by in the gateway's ACL.
    ///   - name: The common name of its certificate.
    package init(
        identity: StoredDeviceIdentity, name: String, eventLoopGroup: any EventLoopGroup, logger: Logger
    ) throws {
        self.identity = try TunnelIdentity(chainDER: identity.chainDER, privateKeyDER: identity.privateKeyDER)
        self.party = WPSParty(id: identity.id, name: name)
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
    }

    /// The gateway on the network that can be paired with so: the only one, or the one of that name or UDN.
    ///
    /// Looks for about four seconds. Throws `IntroductionError` and `SSDPDriverError`.
    package static func find(
        named name: String?, configuration: ControlPointConfiguration, eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) async throws -> Gateway {
        let controlPoint = ControlPoint(configuration: configuration, eventLoopGroup: eventLoopGroup, logger: logger)
        let found = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controlPoint.run() }
            defer { group.cancelAll() }
            var found: [Gateway] = []
            for try await device in controlPoint.search(.type(searchedType)) {
                guard let root = controlPoint.device(udn: device.udn), let location = root.secureLocation else {
                    continue
                }
                found.append(
                    Gateway(udn: root.udn, name: root.description.device.friendlyName, location: location))
            }
            return found
        }
        return try choose(name, from: found)
    }

    /// What is searched for; the gateway is of version 2 and answers for 1 as well.
    private static let searchedType = "urn:schemas-upnp-org:device:RAServer:1"

    static func choose(_ name: String?, from found: [Gateway]) throws(IntroductionError) -> Gateway {
        let meant = name.map { name in found.filter { $0.name == name || $0.udn == name } } ?? found
        if meant.count == 1 { return meant[0] }
        let names = found.map { "“\($0.name)” (\($0.udn))" }.joined(separator: ", ")
        guard !meant.isEmpty else {
            throw IntroductionError(
                .notFound,
                found.isEmpty
                    ? "no gateway was found on this network: run “latchkey gateway pair --lan” on it, and be on its network"
                    : "no gateway “\(name ?? "")” was found on this network, but \(names)")
        }
        throw IntroductionError(
            .severalFound, "several gateways are on this network, \(names): choose one with --gateway")
    }

    /// Proves to know the PIN, has the gateway prove it, and returns the pairing code that the gateway hands over.
    ///
    /// The PIN is used up by it, unless the gateway refused before it was tried. Throws `IntroductionError`.
    package func introduce(to gateway: Gateway, pin: WPSPIN) async throws -> PairingCode {
        let door = try IntroductionDoor(gateway, identity: identity, eventLoopGroup: eventLoopGroup, logger: logger)
        defer { door.close() }
        let device = try await door.open()
        var random = SystemRandomNumberGenerator()
        guard var registrar = WPSRegistrar(controlPoint: party, device: device, password: .pin(pin), using: &random)
        else { throw IntroductionError(.refused, "there is no memory left") }
        var message: [UInt8] = []
        var isIntroduced = false
        while !isIntroduced {
            let answer = try await door.setupMessage(message)
            switch registrar.receive(answer, using: &random) {
            case .answer(let next): message = next
            case .introduced: isIntroduced = true
            case .failed(let notice, let reason):
                // The gateway is told, so that it need not wait; the run is over either way.
                if !notice.isEmpty { _ = try? await door.setupMessage(notice) }
                throw IntroductionError(
                    registrar.isSpent ? .wrongPIN : .notAuthentic,
                    registrar.isSpent
                        ? "\(reason); the PIN is used up, have the gateway show another one" : reason)
            }
        }
        return try await door.pairingCode()
    }
}
