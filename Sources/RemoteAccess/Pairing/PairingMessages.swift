package import Foundation
package import TrustCore

/// `POST /v1/pair`: a certificate request, and proof of the code's secret.
package struct PairingMessage: Codable, Hashable, Sendable {
    var code: String
    var csr: Data
    var device: String
    var mac: Data

    package init(_ request: PairingRequest) {
        self.code = request.codeID.description
        self.csr = Data(request.csrDER)
        self.device = request.deviceName
        self.mac = Data(request.mac)
    }

    /// The request; nil when the code's id has not the form of one.
    package var request: PairingRequest? {
        PairingCodeID(hex: code).map {
            PairingRequest(codeID: $0, csrDER: Array(csr), deviceName: device, mac: Array(mac))
        }
    }
}

/// The answer to a pairing that succeeded.
package struct PairingAnswer: Codable, Hashable, Sendable {
    /// The client's certificate and the authority's, in DER.
    var chain: [Data]
    var gatewayName: String
    /// The pins of the current server key and of its successor.
    var pins: [String]
    /// The name that the gateway knows this client by.
    var clientName: String

    package init(chain: [IssuedCertificate], gatewayName: String, pins: [KeyPin], clientName: String) {
        self.chain = chain.map { Data($0.der) }
        self.gatewayName = gatewayName
        self.pins = pins.map(\.description)
        self.clientName = clientName
    }

    /// What the client keeps. Throws `TrustError` when the answer does not fit the key.
    package func gateway(
        key: IdentityKey, addresses: [GatewayAddress], at now: Date
    ) throws -> PairedGateway {
        let chain = try self.chain.prefix(4).map { try IssuedCertificate(der: Array($0)) }
        guard chain.count >= 2, let leaf = chain.first, let authority = chain.last else {
            throw TrustError("the gateway's answer holds no certificate chain")
        }
        guard leaf.pin == key.pin else { throw TrustError("the gateway certified a key that is not ours") }
        let pins = self.pins.prefix(4).compactMap { KeyPin(base64URL: $0) }
        guard !pins.isEmpty else { throw TrustError("the gateway announced no pin") }
        return PairedGateway(
            id: GatewayID(authority: authority), name: gatewayName, addresses: addresses, pins: pins,
            subjectName: clientName, key: key, chain: chain, pairedAt: now)
    }
}
