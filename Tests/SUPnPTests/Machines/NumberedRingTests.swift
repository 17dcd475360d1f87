import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

@Suite("A ring of numbered values")
struct NumberedRingTests {
    @Test(
        "says what a dictionary says, whatever is added, changed and given up", arguments: 1...8 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var ring = NumberedRing<Int>()
        var model: [UInt64: Int] = [:]
        var next: UInt64 = 0
        for step in 0..<2_000 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                ring.append(step)
                model[next] = step
                next += 1
            case 2, 3:
                // Mostly from the old end, so that the ring turns.
                let low = model.keys.min() ?? 0
                let number = UInt64.random(in: low...min(next, low + 3), using: &random)
                #expect(ring.remove(number) == model.removeValue(forKey: number), "seed \(seed)")
            default:
                let number = UInt64.random(in: 0...next + 2, using: &random)
                let changed: Int? = ring.update(number) { value in
                    value? += 1
                    return value
                }
                if let known = model[number] { model[number] = known + 1 }
                #expect(changed == model[number], "seed \(seed)")
            }
            #expect(ring.span == (model.keys.min().map { Int(next - $0) } ?? 0), "seed \(seed)")
        }
        var listed: [UInt64: Int] = [:]
        ring.forEach { listed[$0] = $1 }
        #expect(listed == model, "seed \(seed)")
        for number in 0..<next { #expect(ring[number] == model[number], "seed \(seed)") }
        #expect(ring[next] == nil && ring[.max] == nil)
    }
}
