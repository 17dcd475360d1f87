/// Why a batch, a stored batch or a snapshot is refused. The tree is then what it was before.
package enum KeyTreeError: Error, Hashable, Sendable {
    /// A leaf to remove or to refresh has no member.
    case vacantLeaf(UInt32)
    /// A leaf is named twice.
    case repeatedLeaf(UInt32)
    /// A leaf secret has not 32 bytes, or only zeros.
    case unusableSecret
    /// More events than a batch may have.
    case batchTooLarge(limit: Int)
    /// The joiners do not fit the largest tree that is allowed.
    case full(limit: Int)
    /// All 2^32 epochs are used; the group must be made again.
    case epochsExhausted
    /// The rekey was staged on another state of the tree than the present one.
    case stale
    /// A stored batch does not fit this tree: another epoch, or leaves that cannot be.
    case unfitting
    /// More packets than a rekey can number.
    case tooManyPackets
    /// No memory could be reserved for this many bytes.
    case outOfMemory(Int)
    /// A stored batch or a part of a snapshot is not of its form.
    case malformed
    /// The crypto library refused to sign or to seal.
    case cryptography
}
