/// A record of a rekey packet: the secret of a node, wrapped for those below one of its children.
package struct RekeyRecord: Hashable, Sendable {
    /// The number of the child under whose secret it is wrapped.
    package let child: UInt32
    /// The parent's secret XOR the pad: 32 bytes.
    package let wrapped: [UInt8]
}

/// What all packets of one rekey say alike.
struct RekeyHeader: Sendable {
    let group: GroupID
    let epoch: UInt32
    let height: Int
    let salt: [UInt8]
    let members: UInt32
    let didGrow: Bool
    let didShrink: Bool

    var flags: RekeyFlags {
        var flags: RekeyFlags = []
        if didGrow { flags.insert(.grew) }
        if didShrink { flags.insert(.shrank) }
        return flags
    }
}

/// What a rekey packet says about itself (rflags).
package struct RekeyFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Somebody is being evicted at once.
    package static let urgent = RekeyFlags(rawValue: 1)
    /// The tree became higher.
    package static let grew = RekeyFlags(rawValue: 2)
    /// The tree became lower.
    package static let shrank = RekeyFlags(rawValue: 4)
    /// Another key manager sends it again.
    package static let repeated = RekeyFlags(rawValue: 8)

    static let known: RekeyFlags = [.urgent, .grew, .shrank, .repeated]
}

/// The fields of a rekey packet (group keys §3.9.5), as decoded: nothing is said about who sent it.
package struct RekeyPacket: Hashable, Sendable {
    package let flags: RekeyFlags
    /// The height of the tree in the epoch that begins.
    package let height: Int
    /// The subtree whose members it serves.
    package let subtree: TreeNode
    /// The first two octets of the group's name.
    package let groupHint: UInt16
    /// The epoch that begins.
    package let epoch: UInt32
    /// This packet's number among `count`.
    package let index: UInt16
    package let count: UInt16
    package let salt: [UInt8]
    /// Bit k: the subtree's ancestor at height k is above a leaf that lost its member.
    package let removalMask: UInt32
    /// Bit k: the subtree's ancestor at height k is above joiners only.
    package let joinMask: UInt32
    /// How many members the group has from then on.
    package let members: UInt32
    /// The controller that signed.
    package let signer: UInt16
    /// The leaves of the subtree that lose their member, ascending.
    package let removed: [UInt32]
    /// The leaves of the subtree that get one, ascending.
    package let joined: [UInt32]
    /// Ascending by child.
    package let records: [RekeyRecord]
    /// 16 bytes that follow from the epoch's secret.
    package let confirmation: [UInt8]
}

extension RekeyPacket {
    /// Octets of the base header that stands in front.
    static let headerLength = 12
    /// Octets of the fixed part of the body.
    static let fixedLength = 56
    static let confirmationLength = 16
    static let signatureLength = 64

    /// The length of a datagram with this many leaves in its two lists and this many records.
    package static func length(leaves: Int, records: Int) -> Int {
        headerLength + fixedLength + 4 * leaves + 36 * records + confirmationLength + signatureLength
    }

    /// What stands before the datagram when it is signed, and is not sent.
    static func signedPrefix(_ group: GroupID) -> [UInt8] { Array("supnp1 rekey".utf8) + group.bytes }

    /// Whether a node of the tree is above a leaf that lost its member: one inside the subtree, or an ancestor.
    func isRemoval(_ node: TreeNode) -> Bool { isTouched(node, mask: removalMask, leaves: removed) }

    /// Whether a node of the tree is above a joiner; together with `isRemoval`, the removal decides.
    func isJoin(_ node: TreeNode) -> Bool { isTouched(node, mask: joinMask, leaves: joined) }

    private func isTouched(_ node: TreeNode, mask: UInt32, leaves: [UInt32]) -> Bool {
        guard node.height <= subtree.height else { return mask >> UInt32(node.height) & 1 == 1 }
        let place = leaves.lowerBound(node.firstLeaf)
        return place < leaves.count && node.covers(leaf: leaves[place])
    }

    /// The record for the child with this number, if there is one.
    func record(for child: UInt32) -> RekeyRecord? {
        var low = 0
        var high = records.count
        while low < high {
            let middle = low + (high - low) / 2
            if records[middle].child < child { low = middle + 1 } else { high = middle }
        }
        return low < records.count && records[low].child == child ? records[low] : nil
    }
}
