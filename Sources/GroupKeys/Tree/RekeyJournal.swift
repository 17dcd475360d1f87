import CLibCrypto

/// What one batch changes, beside the tree: an entry for each node above a leaf that changes its member, and the root.
///
/// Entries stand level by level, each level from the left. Its size follows the batch, not the tree: twenty-one entries
/// for one eviction from a million members. Secrets are erased when it goes.
// Written by the one staging that makes it, and only read afterwards.
final class RekeyJournal: @unchecked Sendable {
    /// One node of the batch.
    struct Entry {
        /// The position among the nodes of its height.
        let index: UInt32
        /// The entries of its children; -1 where the batch does not touch a child.
        var left: Int32 = -1
        var right: Int32 = -1
        /// Members below, after the batch.
        var count: UInt32 = 0
        /// Of them, those that the batch brings.
        var joined: UInt32 = 0
        /// Leaves below that lose a member.
        var removed: UInt32 = 0
        /// Records below, its own included.
        var records: UInt32 = 0
        var marks: Marks

        /// Members below that are there before and after.
        var existing: UInt32 { count - joined }
    }

    struct Marks: OptionSet {
        let rawValue: UInt8

        /// In TR (a leaf: in R).
        static let removal = Marks(rawValue: 1)
        /// In TA or in TR, with a joiner below (a leaf: in A).
        static let join = Marks(rawValue: 2)
        /// There is a record, for its right child: the left one is the source wherever there are two.
        static let record = Marks(rawValue: 4)
        /// A used child that has no entry of its own: its successor is kept here.
        static let leftSuccessor = Marks(rawValue: 8)
        static let rightSuccessor = Marks(rawValue: 16)
    }

    /// The height of the tree that it is for.
    let height: Int
    /// All entries.
    let entries: UnsafeMutableBufferPointer<Entry>
    /// Where each level begins; one more for the end.
    let levels: [Int]
    private let secrets: UnsafeMutableRawBufferPointer
    private let wrapped: UnsafeMutableRawBufferPointer

    /// Entries for the leaves `removed` and `joined` (ascending, within the capacity), their ancestors, and the root.
    init(removed: ArraySlice<UInt32>, joined: [KeyTreeDiff.Joined], height: Int) {
        var entries: [Entry] = []
        entries.reserveCapacity((removed.count + joined.count) * (height + 1) + 1)
        Self.appendLeaves(removed: removed, joined: joined, to: &entries)
        var levels = [0]
        for level in 0..<height {
            let start = entries.count
            Self.appendParents(of: levels[level]..<start, to: &entries)
            levels.append(start)
        }
        if entries.count == levels[height] { entries.append(Entry(index: 0, marks: [])) }
        levels.append(entries.count)
        self.height = height
        self.levels = levels
        self.entries = .allocate(capacity: entries.count)
        _ = self.entries.initialize(from: entries)
        // An entry's own secret, and that of one child without an entry.
        secrets = .allocate(byteCount: entries.count * 64, alignment: 16)
        secrets.initializeMemory(as: UInt8.self, repeating: 0)
        wrapped = .allocate(byteCount: entries.count * 32, alignment: 16)
    }

    deinit {
        OPENSSL_cleanse(secrets.baseAddress, secrets.count)
        secrets.deallocate()
        wrapped.deallocate()
        entries.deallocate()
    }

    /// The entry of the root.
    var root: Int { entries.count - 1 }

    /// The entries of the nodes of `level`.
    func entries(ofLevel level: Int) -> Range<Int> { levels[level]..<levels[level + 1] }

    /// The entry of the node of `level` at `index`, if the batch touches it.
    func entry(level: Int, index: UInt32) -> Int? {
        var range = entries(ofLevel: level)
        let end = range.upperBound
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = entries[middle].index < index ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound < end && entries[range.lowerBound].index == index ? range.lowerBound : nil
    }

    /// The secret of an entry; zeros for none.
    func secret(_ entry: Int) -> UnsafeMutableRawPointer { pointer(secrets, entry * 64) }

    /// The successor of its used child that has no entry.
    func successor(_ entry: Int) -> UnsafeMutableRawPointer { pointer(secrets, entry * 64 + 32) }

    /// The 32 bytes of an entry's record.
    func record(_ entry: Int) -> UnsafeMutableRawPointer { pointer(wrapped, entry * 32) }

    /// The number of the child that an entry's record is for.
    func recordChild(_ entry: Int, level: Int) -> UInt32 {
        TreeNode.number(height: level - 1, index: entries[entry].index << 1 | 1)
    }

    private func pointer(_ buffer: UnsafeMutableRawBufferPointer, _ offset: Int) -> UnsafeMutableRawPointer {
        guard let base = buffer.baseAddress else { preconditionFailure("a journal has at least the root's entry") }
        return base + offset
    }

    private static func appendLeaves(
        removed: ArraySlice<UInt32>, joined: [KeyTreeDiff.Joined], to entries: inout [Entry]
    ) {
        var removed = removed
        var position = 0
        while let leaf = [removed.first, position < joined.count ? joined[position].leaf : nil].compactMap(\.self).min()
        {
            var entry = Entry(index: leaf, marks: [])
            if removed.first == leaf {
                removed.removeFirst()
                entry.marks.insert(.removal)
                entry.removed = 1
            }
            if position < joined.count, joined[position].leaf == leaf {
                position += 1
                entry.marks.insert(.join)
                entry.count = 1
                entry.joined = 1
            }
            entries.append(entry)
        }
    }

    private static func appendParents(of children: Range<Int>, to entries: inout [Entry]) {
        for child in children {
            let index = entries[child].index
            let start = children.upperBound
            if entries.count == start || entries[entries.count - 1].index != index >> 1 {
                entries.append(Entry(index: index >> 1, marks: []))
            }
            let parent = entries.count - 1
            if index & 1 == 0 { entries[parent].left = Int32(child) } else { entries[parent].right = Int32(child) }
            entries[parent].marks.formUnion(entries[child].marks.intersection([.removal, .join]))
        }
    }
}
