/// A place in the binary key tree: its height (leaves have 0) and its position from the left at that height.
///
/// Its number is the array index of RFC 9420 appendix C, which stays when the tree grows: the root of before becomes
/// the left child of the root.
package struct TreeNode: Hashable, Sendable {
    /// The greatest height whose numbers fit 32 bits.
    package static let greatestHeight = 31

    /// The distance from the leaves.
    package let height: Int
    /// The position among the nodes of the same height, from the left.
    package let index: UInt32

    /// The node of `height` (0 to 31) at `index`, which is below 2^(31 - height).
    package init(height: Int, index: UInt32) {
        self.height = height
        self.index = index
    }

    /// The node with this number; nil for the one number of 32 bits that no node has.
    package init?(number: UInt32) {
        let height = (~number).trailingZeroBitCount
        guard height <= Self.greatestHeight else { return nil }
        self.init(height: height, index: number >> (height + 1))
    }

    /// The leaf at `index`.
    package static func leaf(_ index: UInt32) -> TreeNode { TreeNode(height: 0, index: index) }

    /// The root of a tree of `height`.
    package static func root(height: Int) -> TreeNode { TreeNode(height: height, index: 0) }

    /// RFC 9420 appendix C.
    package var number: UInt32 { Self.number(height: height, index: index) }

    /// The number of the node of `height` at `index`.
    static func number(height: Int, index: UInt32) -> UInt32 { index << (height + 1) | (1 << height) &- 1 }

    /// The node above.
    package var parent: TreeNode { TreeNode(height: height + 1, index: index >> 1) }

    /// The two nodes below; nil for a leaf.
    package var children: (left: TreeNode, right: TreeNode)? {
        guard height > 0 else { return nil }
        return (
            TreeNode(height: height - 1, index: index << 1), TreeNode(height: height - 1, index: index << 1 | 1)
        )
    }

    /// The first leaf below.
    package var firstLeaf: UInt32 { index << height }

    /// Whether `leaf` is below, or is, this node.
    package func covers(leaf: UInt32) -> Bool { leaf >> height == index }
}
