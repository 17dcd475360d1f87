import Foundation
import GroupKeys
import NetworkTypes
import Testing

@Suite("The adversary with a full record")
struct AdversaryTests {
    private static let histories = TestSizes.histories(standard: 6)

    @Test("Nobody outside an epoch's membership comes to its secrets, before or after", arguments: 0..<histories)
    func outsiders(seed: UInt64) throws {
        let chronicle = try Self.chronicle(seed: seed)
        #expect(chronicle.epochOpenToOutsiders() == nil, "seed \(seed)")
    }

    @Test("All members seized in later epochs, with all who were outside, open none before", arguments: 0..<histories)
    func seizure(seed: UInt64) throws {
        let chronicle = try Self.chronicle(seed: seed)
        #expect(chronicle.epochOpenToSeizure() == nil, "seed \(seed)")
    }

    @Test("The adversary with a member's state opens the epochs that this member is in")
    func insiderOpens() throws {
        let chronicle = try Self.chronicle(seed: 99)
        for (page, next) in zip(chronicle.pages, chronicle.pages.dropFirst()) {
            for (member, values) in page.holdings {
                let known = chronicle.adversary.closure(of: values)
                #expect(known.contains(page.epochSecret))
                let isRenewed = chronicle.diffs.contains {
                    $0.epoch == next.epoch && $0.joined.contains { $0.member == member }
                }
                guard next.holdings[member] != nil, !isRenewed else { continue }
                #expect(known.contains(next.epochSecret), "a member that stays follows the record")
            }
        }
    }

    /// What a test puts on record that the manager has not made.
    enum Leak: String, CaseIterable, Sendable {
        /// A record under a pad of a leaf's secret, whose member has just gone.
        case formerMember
        /// A record under a pad that was used in an epoch of before.
        case usedPad

        /// Leaks the secret of an epoch, and says of which; nil if this history has no place for it.
        func plant(in chronicle: Chronicle) -> UInt32? {
            for (page, next) in zip(chronicle.pages, chronicle.pages.dropFirst()) {
                guard let diff = chronicle.diffs.first(where: { $0.epoch == next.epoch }),
                    let gone = page.holdings.keys.sorted().first(where: { next.holdings[$0] == nil }),
                    let pad = pad(of: gone, in: chronicle, page: page, next: next, diff: diff)
                else { continue }
                chronicle.plant(next.epochSecret ^ pad, in: diff)
                return next.epoch
            }
            return nil
        }

        private func pad(
            of member: UInt32, in chronicle: Chronicle, page: Chronicle.Page, next: Chronicle.Page, diff: KeyTreeDiff
        ) -> Value? {
            switch self {
            case .formerMember:
                guard let leaf = chronicle.leaf(of: member, before: next.epoch),
                    let secret = chronicle.secret(ofLeaf: leaf, among: page.holdings[member] ?? [])
                else { return nil }
                let parent = TreeNode.leaf(leaf).parent.number
                return Value(KeyDerivation.node(secret, .wrap, epoch: next.epoch, node: parent, salt: diff.salt))
            case .usedPad:
                let known = chronicle.adversary.closure(of: chronicle.outside(next))
                return chronicle.witness.derivations.lazy.filter { $0.label == .wrap && $0.epoch < next.epoch }
                    .map { Value($0.value) }.first { known.contains($0) }
            }
        }
    }

    @Test("The adversary sees a leak that is planted", arguments: Leak.allCases)
    func plantedLeaks(leak: Leak) throws {
        var planted = 0
        for seed in UInt64(200)..<202 {
            let chronicle = try Self.chronicle(seed: seed)
            #expect(chronicle.epochOpenToOutsiders() == nil, "seed \(seed)")
            guard let epoch = leak.plant(in: chronicle) else { continue }
            planted += 1
            let page = try #require(chronicle.pages.first { $0.epoch == epoch })
            let known = chronicle.adversary.closure(of: chronicle.outside(page))
            #expect(known.contains(page.epochSecret), "seed \(seed)")
            // A pad that is used again gives away what it has hidden before, too.
            let first = try #require(chronicle.epochOpenToOutsiders(), "seed \(seed)")
            #expect(first <= epoch, "seed \(seed)")
        }
        #expect(planted > 0)
    }

    @Test("Who was evicted beyond a tree that then shrank does not follow when it grows again")
    func shrunkenAndGrown() throws {
        #expect(try !Self.opensAfterShrinkAndGrowth(faults: []))
    }

    @Test("A member's secrets of before a refresh open nothing after it")
    func refreshHeals() throws {
        let group = try TestGroup(seed: 98, height: 4)
        let chronicle = Chronicle(group)
        chronicle.write(try group.run(joining: 7), group)
        let stolen = try #require(chronicle.pages.last?.holdings[0x1_0004])
        let before = try group.run(removing: [6])
        chronicle.write(before, group)
        chronicle.write(try group.run(refreshing: [3]), group)
        chronicle.write(try group.run(removing: [0], joining: 2), group)
        chronicle.close()
        let known = chronicle.adversary.closure(of: stolen)
        #expect(known.contains(Value(before.epochSecret)), "until then the thief follows")
        for page in chronicle.pages where page.epoch > 2 { #expect(!known.contains(page.epochSecret)) }
    }

    /// The fault that a symbolic model found in the first draft of the protocol: a secret beyond the shrunken tree that
    /// an evicted member still holds comes back to life above a joiner, and is then wrapped for.
    static func opensAfterShrinkAndGrowth(faults: KeyTreeFaults) throws -> Bool {
        let group = try TestGroup(seed: 97, height: 5, faults: faults)
        let chronicle = Chronicle(group)
        chronicle.write(try group.run(joining: 9), group)
        let evicted = try #require(chronicle.pages.last?.holdings[0x1_0009])
        chronicle.write(try group.run(removing: [4, 5, 6, 7, 8]), group)
        #expect(group.tree.height == 3)
        chronicle.write(try group.run(joining: 5), group)
        #expect(group.tree.height == 4)
        let last = try group.run(removing: [0])
        chronicle.write(last, group)
        chronicle.close()
        return chronicle.adversary.closure(of: evicted).contains(Value(last.epochSecret))
    }

    static func chronicle(seed: UInt64, faults: KeyTreeFaults = [], steps: Int = 14) throws -> Chronicle {
        let group = try TestGroup(seed: seed, height: 4, datagram: 292, faults: faults)
        let chronicle = Chronicle(group)
        var history = History(seed: seed, most: 9)
        for _ in 0..<steps {
            let next = history.next(Array(group.members.keys))
            let rekey = try group.run(removing: next.removing, refreshing: next.refreshing, joining: next.joining)
            chronicle.write(rekey, group)
        }
        chronicle.close()
        return chronicle
    }
}

enum TestSizes {
    /// How many random histories a test runs: LATCHKEY_HISTORIES, or what keeps a debug build quick.
    static func histories(standard: UInt64) -> UInt64 {
        ProcessInfo.processInfo.environment["LATCHKEY_HISTORIES"].flatMap(UInt64.init) ?? standard
    }
}
