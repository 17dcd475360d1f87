import Crypto

/// What a client sends to the pairing handler. The code's secret is not in it, only proof of it.
package struct PairingRequest: Hashable, Sendable {
    /// The longest device name, in bytes of UTF-8.
    package static let maximumNameBytes = 64

    /// Which code.
    package let codeID: PairingCodeID
    /// The certificate request of the client's key.
    package let csrDER: [UInt8]
    /// What the device calls itself, for display only.
    package let deviceName: String
    /// HMAC-SHA256 over the pin of the gateway that the client is connected to, and over the rest.
    package let mac: [UInt8]

    /// Takes a request that was received. It is checked by `PairingDesk`.
    package init(codeID: PairingCodeID, csrDER: [UInt8], deviceName: String, mac: [UInt8]) {
        self.codeID = codeID
        self.csrDER = csrDER
        self.deviceName = deviceName
        self.mac = mac
    }

    /// Makes the request of a client that holds `code` and was shown a gateway of `pin`. The pin is in the
    /// HMAC, so that a request made toward one gateway is worth nothing at another.
    package static func make(
        code: PairingCode, key: IdentityKey, deviceName: String
    ) throws(TrustError) -> PairingRequest {
        let csr = try CertificateRequest.make(key: key)
        let name = boundedName(deviceName)
        let mac = HMAC<SHA256>.authenticationCode(
            for: authenticatedBytes(codeID: code.id, pin: code.pin, csrDER: csr, deviceName: name),
            using: SymmetricKey(data: code.secret.requestKey(for: code.id).bytes)
        )
        return PairingRequest(codeID: code.id, csrDER: csr, deviceName: name, mac: Array(mac))
    }

    /// Whether the sender knows the code's secret and speaks to the gateway of that pin. Constant time.
    package func isAuthentic(key: PairingKey, pin: KeyPin) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(
            mac,
            authenticating: Self.authenticatedBytes(
                codeID: codeID, pin: pin, csrDER: csrDER, deviceName: deviceName
            ),
            using: SymmetricKey(data: key.bytes)
        )
    }

    /// What is wrong with the request's sizes, as a sentence.
    var problem: String? {
        if csrDER.count > CertificateRequest.maximumBytes {
            return "the certificate request is larger than \(CertificateRequest.maximumBytes) bytes"
        }
        if deviceName.utf8.count > Self.maximumNameBytes {
            return "the device name is longer than \(Self.maximumNameBytes) bytes"
        }
        return nil
    }

    /// Every part has a fixed length or carries its own, so that no two requests share their bytes.
    private static func authenticatedBytes(
        codeID: PairingCodeID, pin: KeyPin, csrDER: [UInt8], deviceName: String
    ) -> [UInt8] {
        var bytes = Array("latchkey pairing request 1\0".utf8)
        bytes += codeID.bytes
        bytes += pin.bytes
        for part in [Array(deviceName.utf8), csrDER] {
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: part.count >> shift)) }
            bytes += part
        }
        return bytes
    }

    private static func boundedName(_ name: String) -> String {
        var result = ""
        for character in name
        where !character.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            guard result.utf8.count + character.utf8.count <= maximumNameBytes else { break }
            result.append(character)
        }
        return result
    }
}
