import LatchkeyProgram
import Testing

@Suite("The group's benchmark")
struct GroupBenchmarkTests {
    @Test("The plain hierarchy's counts are those of the literature")
    func plainCounts() throws {
        for (height, count) in [(10, 19.0), (13, 25), (16, 31), (20, 39)] {
            let binary = try #require(PlainHierarchy.encryptions(members: 1 << height, leaves: 1, degree: 2))
            #expect(abs(binary - count) < 0.01)
        }
        let quaternary = try #require(PlainHierarchy.encryptions(members: 1 << 20, leaves: 1, degree: 4))
        #expect(abs(quaternary - 39) < 0.01)
        let batch = try #require(PlainHierarchy.encryptions(members: 1 << 20, leaves: 4_096, degree: 2))
        #expect(abs(batch - 62_471) < 5)
        #expect(PlainHierarchy.encryptions(members: 1 << 13, leaves: 1, degree: 4) == nil)
    }

    @Test("A run measures every operation, and its members follow")
    func smallRun() throws {
        var configuration = GroupBenchmark.Configuration()
        configuration.heights = [6]
        configuration.batches = [8, 64]
        configuration.rounds = 3
        var benchmark = GroupBenchmark(configuration)
        let report = try benchmark.run(machine: "a machine") { _ in }
        #expect(report.measurements.map(\.operation) == ["eviction", "join", "leaves", "joins", "paper's leave"])
        let eviction = try #require(report.measurements.first)
        #expect(eviction.bytes == 148 + 4 + 36 * 5)
        #expect(eviction.records == 5)
        #expect(eviction.packets == 1)
        #expect(report.measurements[1].bytes == 152)
        #expect(report.measurements.last?.records == 21)
        #expect(report.memory.map(\.secrets) == [127 * 32])
        #expect(report.lines.contains { $0.contains("eviction") })
    }
}
