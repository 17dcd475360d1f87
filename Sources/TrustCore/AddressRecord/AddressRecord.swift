package import Foundation

/// Where a gateway is reached at the moment, for clients that cannot reach it any more: published where anybody can read
/// it, sealed to the paired clients, and signed by the gateway's server key.
///
/// In bytes, all numbers big-endian:
///
///     version 1 (1)  salt (16)  entries (1)  { tag (8)  wrapped key (48) } …  sealed body
///     body: sequence (8)  issued (8)  expires (8)  addresses (1) { length (1) host:port } …
///           public key, compressed (33)  signature (64)
///
/// The signature is over everything before it, the clear part too, and inside the seal, so that who is no client learns
/// neither the addresses nor whose they are. Entries are filled up with random ones to a multiple of four. As text it is
/// `latchkey1:` and Base64url.
package struct AddressRecord: Hashable, Sendable {
    static let version: UInt8 = 1
    static let saltBytes = 16
    static let tagBytes = 8
    static let wrappedBytes = 48
    static let entryBytes = tagBytes + wrappedBytes
    static let publicKeyBytes = 33
    static let signatureBytes = 64
    static let prefix = "latchkey1:"
    /// Clients that one record is for.
    package static let maximumRecipients = 64
    /// Addresses in one record; as many as in a pairing code.
    package static let maximumAddresses = PairingCode.maximumAddresses
    /// Characters of the text of the largest record.
    package static let maximumText = 8_192
    /// The longest time that a record is good for: 30 days.
    package static let longestLife: TimeInterval = 30 * 86_400
    /// How far clocks may differ.
    package static let clockSkew: TimeInterval = 600

    /// In the order of preference, at least one.
    package let addresses: [GatewayAddress]
    /// Grows with each record of a gateway; an older one is refused.
    package let sequence: UInt64
    /// When it was made, to the second.
    package let issuedAt: Date
    /// Until when it is believed, to the second.
    package let expiresAt: Date

    package init(addresses: [GatewayAddress], sequence: UInt64, issuedAt: Date, expiresAt: Date) {
        self.addresses = Array(addresses.prefix(Self.maximumAddresses))
        self.sequence = sequence
        self.issuedAt = Date(timeIntervalSince1970: issuedAt.timeIntervalSince1970.rounded(.down))
        self.expiresAt = Date(timeIntervalSince1970: expiresAt.timeIntervalSince1970.rounded(.down))
    }
}

/// Why a record is not believed.
package enum AddressRecordError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It is none, or too large.
    case notRecord
    /// It is not for this client: of another gateway, or the pairing was revoked.
    case notForThisClient
    /// Somebody has changed it.
    case damaged
    /// It is signed by a key that this client does not know.
    case wrongSigner
    /// It is not newer than one that was seen before.
    case replayed
    /// Its time is over.
    case expired
    /// It was made in the future, or is good for too long.
    case wrongTime

    package var description: String {
        switch self {
        case .notRecord: "not an address record"
        case .notForThisClient: "an address record that is not for this client"
        case .damaged: "an address record that somebody has changed"
        case .wrongSigner: "an address record that is not signed by the paired gateway"
        case .replayed: "an address record that is older than the last one"
        case .expired: "an address record whose time is over"
        case .wrongTime: "an address record that is not of this time: check the clocks"
        }
    }
}
