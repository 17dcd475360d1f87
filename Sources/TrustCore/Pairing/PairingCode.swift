package import FoundationEssentials
import NetworkTypes

/// What a gateway's owner hands to a client: where the gateway is, how to know it, and a one-time secret.
package struct PairingCode: Hashable, Sendable {
    /// The URI scheme.
    package static let scheme = "latchkey"
    /// The newest version of the encoding: 2 has addresses of relays. A code without any is written as version 1, which
    /// every program reads.
    package static let version: UInt8 = 2
    /// The longest gateway name, in bytes of UTF-8.
    package static let maximumNameBytes = 64
    /// The most addresses.
    package static let maximumAddresses = 8
    /// The largest encoding, in bytes before base 32: what a QR code of version 12 with medium error
    /// correction holds beside the scheme (419 alphanumeric characters).
    package static let maximumBytes = 256

    /// The gateway's name for people.
    package let gatewayName: String
    /// Where to reach it, in the order of preference; at least one.
    package let addresses: [GatewayAddress]
    /// The pin of its server key.
    package let pin: KeyPin
    /// Which code this is.
    package let id: PairingCodeID
    /// The one-time secret.
    package let secret: PairingSecret
    /// When the code ends, in whole seconds.
    package let expiresAt: Date

    /// Makes a code; throws when it would be too large for its QR code.
    package init(
        gatewayName: String, addresses: [GatewayAddress], pin: KeyPin, id: PairingCodeID, secret: PairingSecret,
        expiresAt: Date
    ) throws(PairingCodeError) {
        guard (1...Self.maximumNameBytes).contains(gatewayName.utf8.count) else {
            throw .tooLarge("the gateway's name must have 1 to \(Self.maximumNameBytes) bytes")
        }
        guard (1...Self.maximumAddresses).contains(addresses.count) else {
            throw .tooLarge("a pairing code holds 1 to \(Self.maximumAddresses) addresses")
        }
        self.gatewayName = gatewayName
        self.addresses = addresses
        self.pin = pin
        self.id = id
        self.secret = secret
        let seconds = min(max(expiresAt.timeIntervalSince1970.rounded(.down), 0), Double(UInt32.max))
        self.expiresAt = Date(timeIntervalSince1970: seconds)
        guard encoded.count <= Self.maximumBytes else {
            throw .tooLarge("the pairing code is too long for a QR code: give fewer or shorter addresses")
        }
    }

    /// The code as a URI: the scheme and base 32.
    package var uri: String { "\(Self.scheme):\(Base32.encode(encoded))" }
    /// The same URI with an upper-case scheme, which fits a QR code's alphanumeric mode whole.
    package var qrText: String { uri.uppercased() }
}

extension PairingCode: CustomStringConvertible {
    /// Everything but the secret.
    package var description: String {
        "pairing code \(id) of \(gatewayName) at \(addresses.map(\.description).joined(separator: ", "))"
    }
}

/// Why a text is not a usable pairing code.
package enum PairingCodeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text is something else.
    case notACode
    /// It began as a code but is cut short, mistyped or altered.
    case damaged
    /// It was made by another version of the program.
    case otherVersion(UInt8)
    /// It was good until then.
    case expired(Date)
    /// What was to be put into a code does not fit.
    case tooLarge(String)

    /// A sentence for the user.
    package var description: String {
        switch self {
        case .notACode: "this is not a pairing code: it should begin with latchkey:"
        case .damaged: "the pairing code is damaged: it is cut short or mistyped; copy all of it again"
        case .otherVersion(let version):
            "the pairing code is of version \(version) and this program reads version \(PairingCode.version): update the older of the two"
        case .expired(let date): PairingRefusal.expired(date).sentence
        case .tooLarge(let reason): reason
        }
    }
}
