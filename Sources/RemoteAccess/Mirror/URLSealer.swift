import Crypto
import CryptoExtras

/// Turns home URLs into tokens and back, without a table.
///
/// A token is the deterministic authenticated encryption of (device, URL) under the gateway's URL key,
/// with the kind and the subject as associated data: a token of one subject does not open for another,
/// nor as another kind. The same input gives the same token over reconnects, restarts and the gateways
/// of a cluster.
///
/// The cipher is AES-256-GCM-SIV (RFC 8452), which is itself an SIV construction: its synthetic IV is a
/// keyed hash of nonce, associated data and plaintext, so a repeated nonce costs nothing but the fact
/// that equal inputs are visibly equal, and that is the property wanted. A nonce derived from the
/// plaintext would therefore add nothing but 16 characters to each URL. The nonce is derived from the
/// subject: RFC 8452 §4 makes fresh keys for each nonce, so every subject has keys of its own,
/// and the nonce need not travel. Its bound of 2^48 blocks for each key (§9) is far above what one
/// subject's URLs can reach.
package struct URLSealer: Sendable {
    private static let context = Array("latchkey-url-1".utf8)

    private let key: SymmetricKey

    /// Uses a key of 32 secret random bytes from the state store; throws ``TokenError/keyLength(_:)``
    /// for another length.
    package init(key: [UInt8]) throws(TokenError) {
        guard key.count == 32 else { throw .keyLength(key.count) }
        self.key = SymmetricKey(data: key)
    }

    /// The token's path for a subject; throws ``TokenError/tooLong`` for a URL above 2 KiB.
    package func seal(_ resource: SealedResource, for subject: String) throws(TokenError) -> SealedPath {
        let plaintext = try ResourceCodec.encoded(resource)
        do {
            let box = try AES.GCM._SIV.seal(
                plaintext,
                using: key,
                nonce: try Self.nonce(subject),
                authenticating: Self.associatedData(resource.kind, subject)
            )
            let token = Base64URL.encoded(box.combined.dropFirst(12))
            guard token.utf8.count <= SealedPath.maximumTokenLength else { throw TokenError.tooLong }
            let name = resource.kind == .media ? SealedPath.cosmeticName(of: resource.url) : ""
            return SealedPath(kind: resource.kind, token: token, name: name)
        } catch {
            throw error as? TokenError ?? .tooLong
        }
    }

    /// What a path stands for, if this gateway issued it to this subject; throws
    /// ``TokenError/notIssued`` otherwise.
    package func open(_ path: SealedPath, for subject: String) throws(TokenError) -> SealedResource {
        guard let sealed = Base64URL.decoded(path.token), sealed.count > 16 else { throw .notIssued }
        do {
            let nonce = try Self.nonce(subject)
            let box = try AES.GCM._SIV.SealedBox(combined: Array(nonce) + sealed)
            let plaintext = try AES.GCM._SIV.open(
                box,
                using: key,
                authenticating: Self.associatedData(path.kind, subject)
            )
            guard let resource = ResourceCodec.decoded(Array(plaintext), kind: path.kind) else {
                throw TokenError.notIssued
            }
            return resource
        } catch {
            throw .notIssued
        }
    }

    /// Opens a request's path; throws ``TokenError/malformed`` or ``TokenError/notIssued``.
    package func open(_ path: String, for subject: String) throws(TokenError) -> SealedResource {
        guard let parsed = SealedPath(parsing: path) else { throw .malformed }
        return try open(parsed, for: subject)
    }

    private static func nonce(_ subject: String) throws -> AES.GCM._SIV.Nonce {
        var hash = SHA256()
        hash.update(data: context)
        hash.update(data: Array(subject.utf8))
        return try AES.GCM._SIV.Nonce(data: Array(hash.finalize().prefix(12)))
    }

    private static func associatedData(_ kind: ResourceKind, _ subject: String) -> [UInt8] {
        context + Array(kind.rawValue.utf8) + Array(subject.utf8)
    }
}
