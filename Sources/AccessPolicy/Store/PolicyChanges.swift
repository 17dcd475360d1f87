import Crypto
package import FoundationEssentials
package import TrustCore

/// The rules of a policy store, written down once for all of them.
package enum PolicyChanges {
    /// The next version after `current`. Throws what `PolicyStore.replacePolicy` promises.
    package static func next(
        after current: StoredPolicy?, text: String, expecting version: Int?, author: String, now: Date
    ) throws(StoreError) -> StoredPolicy {
        guard text.utf8.count <= PolicyStoreLimits.textBytes else {
            throw StoreError(.invalid, "a policy may have at most \(PolicyStoreLimits.textBytes) bytes")
        }
        guard (1...PolicyStoreLimits.authorBytes).contains(author.utf8.count) else {
            throw StoreError(.invalid, "a policy's author has 1 to \(PolicyStoreLimits.authorBytes) bytes")
        }
        let inForce = current?.version ?? 0
        if let version, version != inForce {
            throw StoreError(
                .conflict, "the policy was changed by somebody else to version \(inForce): look again, then repeat")
        }
        return StoredPolicy(
            version: inForce + 1, text: text, author: author, storedAt: now, sha256: digest(of: text))
    }

    /// The SHA-256 of a text's UTF-8 in hexadecimal.
    package static func digest(of text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0\(digits)" : digits
        }.joined()
    }

    /// Throws `invalid` for what cannot be a consent, and `full` when `count` others are there.
    package static func checkConsent(rule: String, author: String, count: Int) throws(StoreError) {
        guard PolicyRule.isName(rule) else { throw StoreError(.invalid, "no rule is called so") }
        guard (1...PolicyStoreLimits.authorBytes).contains(author.utf8.count) else {
            throw StoreError(.invalid, "a consent's author has 1 to \(PolicyStoreLimits.authorBytes) bytes")
        }
        guard count < PolicyStoreLimits.consents else {
            throw StoreError(
                .full, "\(PolicyStoreLimits.consents) consents are kept, which is the limit: withdraw some")
        }
    }
}
