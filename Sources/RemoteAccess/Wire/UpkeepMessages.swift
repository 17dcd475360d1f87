package import Foundation

/// `POST /v1/renew`: the certificate request (PKCS #10) of the client's next key.
package struct RenewalRequest: Codable, Hashable, Sendable {
    package var request: Data

    package init(request: Data) {
        self.request = request
    }
}

/// The answer to `POST /v1/renew`: the next certificate and the authority's, in DER.
package struct RenewalAnswer: Codable, Hashable, Sendable {
    package var chain: [Data]

    package init(chain: [Data]) {
        self.chain = chain
    }
}

/// `POST /v1/audit`: asks for the newest checkpoint, and for what shows that it extends the entry that is held.
package struct AuditHeadRequest: Codable, Hashable, Sendable {
    /// The last entry that the client knows the head of; nil when it holds none.
    package var after: UInt64?

    package init(after: UInt64?) {
        self.after = after
    }
}

/// The answer to `POST /v1/audit`.
package struct AuditHeadAnswer: Codable, Hashable, Sendable {
    /// The newest checkpoint, as `latchkey away audit-head` prints it.
    package var checkpoint: String
    /// The digests of the entries after `after`, at most `AuditExtension.step` of them, 32 bytes each.
    package var digests: Data
    /// Entries up to this one were removed.
    package var pruned: UInt64

    package init(checkpoint: String, digests: Data, pruned: UInt64) {
        self.checkpoint = checkpoint
        self.digests = digests
        self.pruned = pruned
    }
}
