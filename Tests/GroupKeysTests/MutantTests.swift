import GroupKeys
import NetworkTypes
import Testing

/// Each fault of `KeyTreeFaults` is switched on, at both sides, and the check that has to see it is run. The checks are
/// those of the other suites; README.md has the table.
@Suite("Mutants of the tree")
struct MutantTests {
    /// A property of the suites, as a question: does it fail?
    enum Check: String, CaseIterable {
        case outsiders, shrinkAndGrowth, seizure, convergence, coverage, pads, occupiedOnly, staging, confirmation

        func fails(seed: UInt64, faults: KeyTreeFaults) throws -> Bool {
            switch self {
            case .outsiders:
                try AdversaryTests.chronicle(seed: seed, faults: faults).epochOpenToOutsiders() != nil
            case .shrinkAndGrowth: try AdversaryTests.opensAfterShrinkAndGrowth(faults: faults)
            case .seizure: try AdversaryTests.chronicle(seed: seed, faults: faults).epochOpenToSeizure() != nil
            case .convergence: try KeyTreeTests.step(ofDivergence: seed, steps: 20, faults: faults) != nil
            case .coverage: try RekeyPacketTests.uncovered(seed: seed, faults: faults) != nil
            case .pads: try PadTests.reusedPad(seed: seed, faults: faults) != nil
            case .occupiedOnly:
                try KeyTreeTests.nodeThatShouldNotHoldOrLack(seed: seed, faults: faults) != nil
            case .staging: try StagingTests.leavesTrace(faults: faults)
            case .confirmation: try MemberTreeTests.takesOverUnconfirmed(faults: faults)
            }
        }
    }

    struct Mutant: CustomTestStringConvertible {
        let name: String
        let faults: KeyTreeFaults
        let killers: [Check]

        var testDescription: String { name }
    }

    static let mutants = [
        Mutant(name: "keepsEmptiedSubtree", faults: .keepsEmptiedSubtree, killers: [.outsiders, .occupiedOnly]),
        Mutant(
            name: "keepsBeyondCapacity", faults: .keepsBeyondCapacity,
            killers: [.shrinkAndGrowth, .occupiedOnly]),
        Mutant(name: "keepsRemovedLeaf", faults: .keepsRemovedLeaf, killers: [.outsiders, .occupiedOnly]),
        Mutant(name: "skipsRatchet", faults: .skipsRatchet, killers: [.seizure]),
        Mutant(name: "skipsRootRatchet", faults: .skipsRootRatchet, killers: [.seizure]),
        Mutant(name: "reusesSalt", faults: .reusesSalt, killers: [.pads]),
        Mutant(name: "servesRemoved", faults: .servesRemoved, killers: [.outsiders, .occupiedOnly]),
        Mutant(name: "wrapsUnderSource", faults: .wrapsUnderSource, killers: [.convergence]),
        Mutant(name: "skipsJoinUpdate", faults: .skipsJoinUpdate, killers: [.outsiders]),
        Mutant(name: "skipsRemovalUpdate", faults: .skipsRemovalUpdate, killers: [.outsiders]),
        Mutant(name: "freshFromConstant", faults: .freshFromConstant, killers: [.outsiders, .shrinkAndGrowth]),
        Mutant(name: "memberSkipsRatchet", faults: .memberSkipsRatchet, killers: [.convergence]),
        Mutant(name: "memberSkipsConfirm", faults: .memberSkipsConfirm, killers: [.confirmation]),
        Mutant(name: "dropsSpineRecords", faults: .dropsSpineRecords, killers: [.convergence, .coverage]),
        Mutant(name: "coversTwice", faults: .coversTwice, killers: [.coverage]),
        Mutant(name: "stagesInPlace", faults: .stagesInPlace, killers: [.staging]),
    ]

    @Test("A fault is seen by each of the checks that are there for it", arguments: mutants)
    func killed(mutant: Mutant) throws {
        for check in mutant.killers {
            let seed = try (UInt64(0)..<40).first { try check.fails(seed: $0, faults: mutant.faults) }
            #expect(seed != nil, "\(check) does not see \(mutant.name)")
        }
    }

    @Test("Without a fault no check fails", arguments: Check.allCases)
    func unharmed(check: Check) throws {
        for seed in UInt64(100)..<102 { #expect(try !check.fails(seed: seed, faults: []), "seed \(seed)") }
    }
}
