/// What the Remote Access services keep: a document for each thing, read and replaced as a whole.
package protocol RemoteAccessStore: Sendable {
    /// The document, and the revision to replace it at; revision 0 and no bytes while there is none.
    func remoteAccessDocument(_ name: RemoteAccessDocumentName) async throws -> StoredDocument
    /// Replaces a document; durable when it returns, sealed, because it may hold a password. Throws `conflict` when the
    /// document's revision is not `revision`, `full` above ``RemoteAccessDocumentName/maximumBytes``.
    func replaceRemoteAccessDocument(
        _ name: RemoteAccessDocumentName, with bytes: [UInt8], expecting revision: UInt64
    ) async throws -> StoredDocument
}

/// The documents that are kept.
package enum RemoteAccessDocumentName: String, Hashable, Sendable, CaseIterable {
    /// RADAConfig's filters.
    case filters
    /// RADAConfig's virtual devices.
    case virtualDevices = "virtual-devices"
    /// InboundConnectionConfig's dynamic name, with its password.
    case dynamicDNS = "dynamic-dns"
    /// InboundConnectionConfig's STUN server.
    case stunServer = "stun-server"

    /// The largest document.
    package static let maximumBytes = 512 << 10
}

/// A document as it is stored.
package struct StoredDocument: Hashable, Sendable {
    /// Rises with each replacement; 0 before the first.
    package let revision: UInt64
    /// Nothing before the first replacement.
    package let bytes: [UInt8]

    /// Makes one.
    package init(revision: UInt64, bytes: [UInt8]) {
        self.revision = revision
        self.bytes = bytes
    }

    /// Before the first replacement.
    package static let none = StoredDocument(revision: 0, bytes: [])
}

extension StoreError {
    /// Checks a replacement against the document that is there.
    package static func checkReplacement(
        of stored: StoredDocument, with bytes: [UInt8], expecting revision: UInt64
    ) throws(StoreError) {
        guard stored.revision == revision else {
            throw StoreError(.conflict, "somebody else changed it meanwhile: read it again and repeat the change")
        }
        guard bytes.count <= RemoteAccessDocumentName.maximumBytes else {
            throw StoreError(.full, "the document is larger than \(RemoteAccessDocumentName.maximumBytes) bytes")
        }
    }
}
