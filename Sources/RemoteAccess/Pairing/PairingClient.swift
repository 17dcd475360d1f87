import Foundation
package import NIOTunnel
package import TrustCore
package import Tunnel

/// Redeems a pairing code: connects to the gateway of the pin, proves the secret, takes the certificate.
package struct PairingClient: Sendable {
    private let dialer: TunnelDialer

    package init(dialer: TunnelDialer) {
        self.dialer = dialer
    }

    /// Pairs with the gateway of `code`.
    ///
    /// Nothing is sent before the gateway's key was compared with the code's pin. The secret is never
    /// sent: an HMAC over the pin and the certificate request is.
    /// - Throws: `TunnelError`, `Problem` with the gateway's own sentence, `TrustError`.
    package func redeem(_ code: PairingCode, deviceName: String) async throws -> PairedGateway {
        let key = IdentityKey()
        let request = try PairingRequest.make(code: code, key: key, deviceName: deviceName)
        let addresses = code.addresses.tunnelAddresses(pins: [code.pin])
        let carrier = try await dialer.connect(
            to: addresses, identity: nil, purpose: .pairing, verifyServer: Self.verification(pins: [code.pin]))
        defer { carrier.close(.closed) }
        let answer = try await carrier.post(
            PairingMessage(request), to: WirePath.pairing, session: nil, answer: PairingAnswer.self,
            limits: WireLimits())
        return try answer.gateway(key: key, addresses: code.addresses, at: Date())
    }

    /// The check of a gateway's certificate: its own key has one of the pins, and it is a server's.
    package static func verification(pins: [KeyPin]) -> @Sendable (PeerCertificate) -> String? {
        { certificate in
            switch CertificateCheck.server(leafDER: certificate.der, pins: pins, now: Date()) {
            case .accepted: nil
            case .refused(let refusal): refusal.sentence
            }
        }
    }
}
