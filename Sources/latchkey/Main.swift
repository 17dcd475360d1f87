import ArgumentParser
import Foundation
package import LatchkeyProgram

@main
struct Main {
    static func main() async {
        ignoreBrokenPipes()
        exit(await Entry.run(Array(CommandLine.arguments.dropFirst()), console: .standard))
    }
}

/// One run of the program, from the arguments to the exit code.
package enum Entry {
    /// Parses and runs a command: 0 done, 1 failed, 2 bad usage.
    package static func run(_ arguments: [String], console: Console) async -> Int32 {
        do {
            var command = try LatchkeyCommand.parseAsRoot(arguments)
            if let command = command as? any ProgramCommand {
                try await command.run(on: console)
            } else if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch let error as ProgramError {
            console.progress(nil)
            // Several faults are a line each, and none of them looks like a message of its own.
            let lines = error.message.split(separator: "\n", omittingEmptySubsequences: true)
            console.error(String(lines.first ?? ""))
            lines.dropFirst().forEach { console.log("  \($0)") }
            return error.exitCode
        } catch is CancellationError {
            return 1
        } catch {
            return report(error, console)
        }
    }

    /// Help and version end with 0 and go to standard output; a usage error ends with 2 and is one
    /// sentence and where to read on.
    private static func report(_ error: any Error, _ console: Console) -> Int32 {
        console.progress(nil)
        let message = LatchkeyCommand.fullMessage(for: error)
        switch LatchkeyCommand.exitCode(for: error) {
        case .success:
            console.drawing([message])
            return 0
        case .validationFailure:
            let sentence = LatchkeyCommand.message(for: error)
            console.error(sentence.split(separator: "\n").joined(separator: " "))
            message.split(separator: "\n").filter { $0.hasPrefix("Usage:") || $0.hasPrefix("  See '") }
                .forEach { console.log(String($0)) }
            return 2
        default:
            console.error("\(error)")
            return 1
        }
    }
}

/// A command that does something: it gets the console, so that tests can read what it prints.
protocol ProgramCommand: AsyncParsableCommand {
    var common: CommonOptions { get }
    /// Notes the settings that were typed.
    func note(_ values: inout CommandLineValues)
    func perform(_ invocation: Invocation) async throws
}

extension ProgramCommand {
    func note(_ values: inout CommandLineValues) {}

    mutating func run() async throws { try await run(on: .standard) }

    func run(on console: Console) async throws {
        var values = CommandLineValues()
        common.note(&values)
        note(&values)
        try await perform(
            Invocation(
                commandLine: values,
                configurationFile: common.config,
                json: common.json,
                environment: ProcessInfo.processInfo.environment,
                console: console
            )
        )
    }
}
