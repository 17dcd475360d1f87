import NetworkTypes
import SUPnP
import Testing

@Suite("Replay window")
struct ReplayWindowTests {
    @Test("accepts each counter once")
    func once() {
        var window = ReplayWindow()
        #expect(window.record(0) == .fresh)
        #expect(window.record(0) == .replayed)
        #expect(window.record(5) == .fresh)
        #expect(window.record(3) == .fresh)
        #expect(window.record(3) == .replayed)
        #expect(window.highest == 5)
    }

    @Test("accepts what lies 1,024 below the highest, and nothing further down")
    func lowerEdge() {
        var window = ReplayWindow()
        #expect(window.record(10_000) == .fresh)
        #expect(window.record(10_000 - 1_024) == .fresh)
        #expect(window.record(10_000 - 1_024) == .replayed)
        #expect(window.record(10_000 - 1_025) == .tooOld)
        #expect(window.record(10_001) == .fresh)
        #expect(window.record(10_000 - 1_024) == .tooOld)
    }

    @Test("forgets everything at a leap of any size, and nothing that is still in reach")
    func leaps() {
        for leap in [1, 63, 64, 65, 1_023, 1_024, 1_025, 1_087, 1_088, 1_089, 1 << 40] as [UInt64] {
            var window = ReplayWindow()
            #expect(window.record(2_000) == .fresh)
            #expect(window.record(2_000 + leap) == .fresh, "leap \(leap)")
            #expect(window.record(2_000) == (leap <= 1_024 ? .replayed : .tooOld), "leap \(leap)")
            #expect(window.record(2_000 + leap - 1) == (leap == 1 ? .replayed : .fresh), "leap \(leap)")
        }
    }

    @Test("works up to the last counter that there is")
    func end() {
        var window = ReplayWindow()
        #expect(window.record(.max) == .fresh)
        #expect(window.record(.max) == .replayed)
        #expect(window.record(.max - 1_024) == .fresh)
        #expect(window.record(.max - 1_025) == .tooOld)
    }

    @Test("refuses what lies below its floor, which never sinks")
    func floor() {
        var window = ReplayWindow(floor: 100)
        #expect(window.record(99) == .tooOld)
        #expect(window.record(100) == .fresh)
        window.raiseFloor(to: 103)
        window.raiseFloor(to: 50)
        #expect(window.record(102) == .tooOld)
        #expect(window.record(103) == .fresh)
    }

    @Test("agrees with a set of everything that was accepted, over random histories")
    func model() {
        for seed in 1...40 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            var window = ReplayWindow()
            var accepted: Set<UInt64> = []
            var highest: UInt64?
            for _ in 0..<3_000 {
                let base = highest ?? 1_500
                let reach = [4, 80, 1_100, 3_000].randomElement(using: &random) ?? 4
                let counter = UInt64.random(in: base - min(base, UInt64(reach))...base + UInt64(reach), using: &random)
                let expected: ReplayWindow.Verdict =
                    if let highest, highest >= counter, highest - counter > 1_024 {
                        .tooOld
                    } else {
                        accepted.contains(counter) ? .replayed : .fresh
                    }
                #expect(window.verdict(counter) == expected, "seed \(seed), counter \(counter)")
                #expect(window.record(counter) == expected, "seed \(seed), counter \(counter)")
                guard expected == .fresh else { continue }
                accepted.insert(counter)
                highest = max(highest ?? 0, counter)
            }
        }
    }
}
