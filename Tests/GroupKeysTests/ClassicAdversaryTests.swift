import Crypto
import GroupKeys
import NetworkTypes
import Testing

@Suite("The adversary with a full record, of the paper's tree")
struct ClassicAdversaryTests {
    private static let histories = TestSizes.histories(standard: 4)

    /// What happened: after each change the traffic key, and what each member held.
    private struct Chronicle {
        struct Page {
            let trafficKey: Value
            let treeKeys: Set<Value>
            /// By the member's name, which does not come back with its leaf.
            let holdings: [Int: Set<Value>]
        }

        var pages: [Page] = []
        let adversary = ClassicAdversary()
        var repeatedVector: String?
    }

    @Test("Nobody outside comes to a traffic key, nor to a key of the tree at the time", arguments: 0..<histories)
    func outsiders(seed: UInt64) throws {
        let chronicle = try Self.chronicle(seed: seed)
        for (place, page) in chronicle.pages.enumerated() {
            let known = chronicle.adversary.closure(of: Self.outside(page, of: chronicle))
            #expect(!known.contains(page.trafficKey), "seed \(seed), change \(place)")
            #expect(known.isDisjoint(with: page.treeKeys), "seed \(seed), change \(place)")
        }
    }

    @Test("Who is a member opens every traffic key from then on, until it leaves")
    func insiders() throws {
        let chronicle = try Self.chronicle(seed: 99)
        var followed = 0
        for (page, next) in zip(chronicle.pages, chronicle.pages.dropFirst()) {
            for (member, keys) in page.holdings where next.holdings[member] != nil {
                #expect(chronicle.adversary.closure(of: keys).contains(next.trafficKey))
                followed += 1
            }
        }
        #expect(followed > 60)
    }

    @Test("No key of the tree seals twice with one vector", arguments: 0..<histories)
    func vectors(seed: UInt64) throws {
        #expect(try Self.chronicle(seed: seed).repeatedVector == nil, "seed \(seed)")
    }

    @Test("The adversary sees a key that is sealed for somebody who has left")
    func plantedItem() throws {
        let chronicle = try Self.chronicle(seed: 7)
        let place = try #require(
            chronicle.pages.indices.dropLast().last { place in
                !Set(chronicle.pages[place].holdings.keys).isSubset(of: chronicle.pages[place + 1].holdings.keys)
            })
        let (before, after) = (chronicle.pages[place], chronicle.pages[place + 1])
        let gone = try #require(before.holdings.keys.first { after.holdings[$0] == nil })
        let key = try #require(before.holdings[gone]?.first)
        let outside = Self.outside(after, of: chronicle)
        #expect(!chronicle.adversary.closure(of: outside).contains(after.trafficKey))
        let box = try AES.GCM.seal(after.trafficKey.secret.exposed, using: SymmetricKey(data: key.secret.exposed))
        chronicle.adversary.record(
            ClassicAdversary.Item(keyNode: 0, sealed: Array(try #require(box.combined)), data: []))
        #expect(chronicle.adversary.closure(of: outside).contains(after.trafficKey))
    }

    /// Everything that those who are not in a page ever held.
    private static func outside(_ page: Chronicle.Page, of chronicle: Chronicle) -> Set<Value> {
        var keys: Set<Value> = []
        for other in chronicle.pages {
            for (member, held) in other.holdings where page.holdings[member] == nil { keys.formUnion(held) }
        }
        return keys
    }

    private static func chronicle(seed: UInt64) throws -> Chronicle {
        var random = SeededGenerator(seed: seed ^ 0x434C_4153)
        var tree = try ClassicKeyTree(height: 3, locksMemory: false)
        var members: [UInt32: (name: Int, keys: ClassicMemberKeys)] = [:]
        var chronicle = Chronicle()
        var names = 0
        var vectors: Set<[UInt8]> = []
        for _ in 0..<30 {
            let isJoin = members.isEmpty || (members.count < 8 && random.next() % 5 < 3)
            // A leaf of chance, so that subtrees empty and fill in every order.
            let leaf = try #require(
                (UInt32(0)..<8).filter { tree.isOccupied(leaf: $0) != isJoin }.randomElement(using: &random))
            let before = keys(of: tree, members: Array(members.keys))
            let staged = try tree.stage(isJoin ? .join : .leave, leaf: leaf, using: &random)
            chronicle.adversary.record(staged.body)
            try tree.merge(staged)
            if !isJoin { members[leaf] = nil }
            let rekey = try #require(ClassicRekey(staged.body))
            for other in members.keys { #expect(members[other]?.keys.apply(rekey) == .advanced) }
            if let path = staged.joinerPath {
                names += 1
                members[leaf] = (names, ClassicMemberKeys(path: path))
            }
            let now = keys(of: tree, members: Array(members.keys))
            // Each item was sealed under a key of before, or, the last one, under the new root.
            for item in ClassicAdversary.items(of: staged.body) {
                guard let key = before.union(now).first(where: { !ClassicAdversary.open(item, with: $0).isEmpty })
                else {
                    continue
                }
                let use = key.secret.exposed + item.sealed.prefix(12)
                if !vectors.insert(use).inserted { chronicle.repeatedVector = "node \(item.keyNode)" }
            }
            guard let trafficKey = tree.trafficKey.map(Value.init) else { continue }
            var holdings: [Int: Set<Value>] = [:]
            for member in members.values {
                holdings[member.name] = Set(
                    member.keys.path.keys.map(Value.init) + [Value(member.keys.path.trafficKey)])
            }
            chronicle.pages.append(.init(trafficKey: trafficKey, treeKeys: now, holdings: holdings))
        }
        #expect(vectors.count > 40)
        return chronicle
    }

    private static func keys(of tree: borrowing ClassicKeyTree, members: [UInt32]) -> Set<Value> {
        var keys: Set<Value> = []
        for leaf in members { keys.formUnion(tree.path(ofLeaf: leaf)?.keys.map(Value.init) ?? []) }
        return keys
    }
}
