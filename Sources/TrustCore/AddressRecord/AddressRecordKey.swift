import Crypto

/// The secret by which one client reads its gateway's address records: handed to it inside the tunnel.
///
/// All of them follow from one secret of the gateway's, so that nothing is kept for each client, and nobody can make
/// another's out of their own.
package struct AddressRecordKey: Sendable, Equatable, CustomStringConvertible {
    /// Bytes of a key.
    package static let bytes = 32

    private let secret: SymmetricKey

    /// The key of a client. `root`: the gateway's own secret, at least 32 bytes.
    package init(root: [UInt8], client: SubjectID) {
        secret = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: root), salt: [UInt8](),
            info: Array("latchkey address record client \(client)".utf8), outputByteCount: Self.bytes)
    }

    /// Takes a key that was handed over; nil unless it has 32 bytes.
    package init?(rawRepresentation bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == Self.bytes else { return nil }
        secret = SymmetricKey(data: bytes)
    }

    /// The bytes: a secret.
    package var rawRepresentation: [UInt8] { secret.withUnsafeBytes { Array($0) } }

    /// Never the key.
    package var description: String { "address record key" }

    /// What of a record is meant for this key: where its entry is found, and what opens that. Both are of one record
    /// only, so that nobody can tell which of two records are for the same client.
    func entry(salt: [UInt8]) -> (tag: [UInt8], wrapping: SymmetricKey) {
        let derived = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: secret, salt: salt, info: Array("latchkey address record entry".utf8),
            outputByteCount: AddressRecord.tagBytes + 32
        ).withUnsafeBytes { Array($0) }
        return (
            Array(derived[..<AddressRecord.tagBytes]), SymmetricKey(data: derived[AddressRecord.tagBytes...])
        )
    }
}
