import ArgumentParser
import LatchkeyProgram

/// `latchkey bench …`
struct BenchCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure what this machine does.",
        discussion: """
            Example: latchkey bench group
            Example: latchkey bench group --height 10 --height 16 --json
            """,
        subcommands: [BenchGroup.self]
    )
}

struct BenchGroup: ProgramCommand {
    static let configuration = CommandConfiguration(
        commandName: "group",
        abstract: "Measure the key tree of a secure group: joins, evictions, batches, and a member's work.",
        discussion: """
            Beside our own tree stand the paper's, the counts of the plain hierarchy, and what others published.
            A group of 2^24 members takes 1.2 GiB of memory; with fewer heights it is done sooner.

            Example: latchkey bench group
            Example: latchkey bench group --height 20 --batch 4096 --rounds 1000
            """
    )

    @OptionGroup var common: CommonOptions

    @Option(help: .init("A group's height: 2^height members; repeat it for several. 10, 16, 20, 24 by default."))
    var height: [Int] = []

    @Option(help: .init("How many come or go at once; repeat it for several. 256, 4096, 65536 by default."))
    var batch: [Int] = []

    @Option(help: "How often a single change is measured.")
    var rounds = 200

    @Option(help: "Seeds which members leave.")
    var seed: UInt64 = 1

    func validate() throws {
        guard height.allSatisfy((1...26).contains) else { throw ValidationError("--height is 1 to 26.") }
        guard batch.allSatisfy((2...65_536).contains) else { throw ValidationError("--batch is 2 to 65536.") }
        guard (1...100_000).contains(rounds) else { throw ValidationError("--rounds is 1 to 100000.") }
    }

    func perform(_ invocation: Invocation) async throws {
        var configuration = GroupBenchmark.Configuration()
        if !height.isEmpty { configuration.heights = height }
        if !batch.isEmpty { configuration.batches = batch }
        configuration.rounds = rounds
        configuration.seed = seed
        try BenchProgram.group(configuration, invocation)
    }
}
