package import Foundation

/// The answer to `POST /v1/addresses`: where the gateway is reached at the moment, and how it is found again after that
/// has changed. For the client alone that asks.
package struct AddressAnswer: Codable, Hashable, Sendable {
    /// `host:port`, in the order of preference.
    package var addresses: [String]
    /// What reads the address records of this client: 32 bytes, a secret.
    package var key: Data
    /// The newest record's number.
    package var sequence: UInt64
    /// The name below which records are published; nil where there is none.
    package var name: String?
    /// Where records are posted; nil where they are not.
    package var push: String?

    package init(addresses: [String], key: Data, sequence: UInt64, name: String?, push: String?) {
        self.addresses = addresses
        self.key = key
        self.sequence = sequence
        self.name = name
        self.push = push
    }
}

/// `POST /v1/addresses`.
package struct AddressQuestion: Codable, Hashable, Sendable {
    package init() {}
}
