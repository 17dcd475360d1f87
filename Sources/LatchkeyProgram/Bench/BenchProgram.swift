import Foundation

/// `latchkey bench …`, beyond its arguments.
package enum BenchProgram {
    /// Measures the group's key tree and prints a table, or one value of JSON.
    package static func group(_ configuration: GroupBenchmark.Configuration, _ invocation: Invocation) throws {
        let console = invocation.console
        var benchmark = GroupBenchmark(configuration)
        let report = try benchmark.run(machine: machine) { console.progress($0) }
        console.progress(nil)
        if invocation.json { return try console.json(report) }
        report.lines.forEach(console.line)
    }

    /// The processor's name and how many of them there are.
    private static var machine: String {
        let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = information.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
        let name = model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "an unknown processor"
        return "\(name), \(ProcessInfo.processInfo.activeProcessorCount) processors"
    }
}
