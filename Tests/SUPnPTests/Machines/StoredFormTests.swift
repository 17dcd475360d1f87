import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

/// Every stored form is read back as it was, and nothing else is read, nor stops the program.
@Suite("Stored forms")
struct StoredFormTests {
    private struct Example {
        let name: String
        let bytes: [UInt8]
        /// Reads a form and writes it again; nil when it is not taken.
        let again: ([UInt8]) -> [UInt8]?
    }

    /// Forms of what a random history makes, and of a member's state.
    private func examples(seed: UInt64) throws -> [Example] {
        let history = try GroupHistory(seed: seed)
        for _ in 0..<60 { _ = try history.next() }
        let state = history.state
        var examples: [Example] = []
        for record in state.credentials.values {
            examples.append(
                Example(name: "credential", bytes: record.storedForm) {
                    CredentialRecord(storedForm: $0, of: record.id)?.storedForm
                })
        }
        for id in state.members.keys {
            guard let kept = state.kept(id) else { continue }
            examples.append(
                Example(name: "member", bytes: kept.storedForm) {
                    KeptMemberRecord(storedForm: $0, id: id, device: kept.record.device)?.storedForm
                })
        }
        for patterns in state.bridged.values {
            examples.append(
                Example(name: "patterns", bytes: PatternsForm.encode(patterns)) {
                    PatternsForm.decode($0).map { PatternsForm.encode($0) }
                })
        }
        for change in state.classicJournal {
            examples.append(
                Example(name: "classic change", bytes: change.storedForm) {
                    ClassicTreeChange(storedForm: $0)?.storedForm
                })
        }
        let head = GroupStateHead(state, trace: StateTrace(state), revision: 9, before: GroupStateHead())
        examples.append(
            Example(name: "head", bytes: head.storedForm) { GroupStateHead(storedForm: $0)?.storedForm })
        let kept = try #require(KeptMember.example(seed: seed))
        examples.append(
            Example(name: "kept member", bytes: kept.storedForm) { KeptMember(storedForm: $0)?.storedForm })
        return examples
    }

    @Test("are read as they were written", arguments: 0..<6 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        let kept = try #require(KeptMember.example(seed: seed))
        #expect(KeptMember(storedForm: kept.storedForm) == kept)
        let history = try GroupHistory(seed: seed)
        for _ in 0..<60 { _ = try history.next() }
        for record in history.state.credentials.values {
            #expect(CredentialRecord(storedForm: record.storedForm, of: record.id) == record, "seed \(seed)")
        }
        for id in history.state.members.keys {
            let member = try #require(history.state.kept(id))
            let read = KeptMemberRecord(storedForm: member.storedForm, id: id, device: member.record.device)
            #expect(read == member, "seed \(seed)")
        }
    }

    @Test(
        "are refused when they are cut short, longer, or changed to what nobody writes",
        arguments: 0..<3 as Range<UInt64>)
    func damaged(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed &+ 50)
        let examples = try examples(seed: seed)
        #expect(Set(examples.map(\.name)).count == 6)
        var refused = 0
        for example in examples {
            #expect(example.again(example.bytes) == example.bytes, "\(example.name), seed \(seed)")
            for count in 0..<example.bytes.count {
                #expect(example.again(Array(example.bytes.prefix(count))) == nil, "\(example.name) cut to \(count)")
            }
            #expect(example.again(example.bytes + [0]) == nil, "\(example.name) with a byte more")
            for _ in 0..<200 {
                var changed = example.bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(
                        in: 0...255, using: &random)
                }
                // What is taken is a form that this writes: there is one form of each value.
                guard let again = example.again(changed) else {
                    refused += 1
                    continue
                }
                #expect(again == changed, "\(example.name), seed \(seed)")
            }
        }
        #expect(refused > 1_000)
    }
}
