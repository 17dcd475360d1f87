package import Crypto
import X509

/// A P-256 private key: the authority's, a gateway's or a client's own. Its description shows only the pin.
package struct IdentityKey: Sendable {
    /// The key as the crypto library holds it.
    package let signing: P256.Signing.PrivateKey

    /// Makes a key from the system's random source.
    package init() {
        self.signing = P256.Signing.PrivateKey()
    }

    /// Reads the 32 bytes that `rawRepresentation` gives.
    package init(rawRepresentation: some Sequence<UInt8>) throws(TrustError) {
        do {
            self.signing = try P256.Signing.PrivateKey(rawRepresentation: Array(rawRepresentation))
        } catch {
            throw TrustError("the stored private key is damaged: it is not a P-256 key")
        }
    }

    /// Reads a PEM document (PKCS #8 or SEC 1).
    package init(pem: String) throws(TrustError) {
        do {
            self.signing = try P256.Signing.PrivateKey(pemRepresentation: pem)
        } catch {
            throw TrustError("the PEM document does not hold a P-256 private key")
        }
    }

    /// The private scalar, 32 bytes: a secret.
    package var rawRepresentation: [UInt8] { Array(signing.rawRepresentation) }
    /// PKCS #8 DER: a secret.
    package var pkcs8DER: [UInt8] { Array(signing.derRepresentation) }
    /// PKCS #8 in PEM: a secret.
    package var pem: String { signing.pemRepresentation }
    /// The pin of the public half.
    package var pin: KeyPin { KeyPin(subjectPublicKeyInfoDER: signing.publicKey.derRepresentation) }

    var certificateKey: Certificate.PrivateKey { Certificate.PrivateKey(signing) }
    var publicKey: Certificate.PublicKey { Certificate.PublicKey(signing.publicKey) }
}

extension IdentityKey: Equatable {
    /// Whether both are the same key, compared by their public halves.
    package static func == (left: IdentityKey, right: IdentityKey) -> Bool { left.pin == right.pin }
}

extension IdentityKey: CustomStringConvertible {
    /// The pin, never the key.
    package var description: String { "private key of pin \(pin)" }
}

/// What went wrong with a key, a certificate or a certificate request, in a sentence for the user.
package struct TrustError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What happened, and what to do where that is not obvious.
    package let message: String

    /// Makes an error of its sentence.
    package init(_ message: String) {
        self.message = message
    }

    /// The sentence.
    package var description: String { message }
}
