import Foundation
import LatchkeyProgram

/// A child process whose output lines can be waited for.
final class Child: Sendable {
    let pid: Int32
    let lines: AsyncStream<String>
    private let ended: AsyncStream<Int32>
    private let errorOutput: FileHandle

    init(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = Bundle.main.bundleURL.appendingPathComponent("latchkey")
        process.arguments = arguments
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        let (ended, end) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = {
            end.yield($0.terminationStatus)
            end.finish()
        }
        try process.run()
        self.pid = process.processIdentifier
        self.ended = ended
        self.errorOutput = errors.fileHandleForReading
        let (lines, line) = AsyncStream<String>.makeStream()
        self.lines = lines
        let handle = output.fileHandleForReading
        Thread.detachNewThread {
            var rest = ""
            while true {
                let data = handle.availableData
                guard !data.isEmpty else { break }
                rest += String(decoding: data, as: UTF8.self)
                var parts = rest.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                rest = parts.removeLast()
                for part in parts { line.yield(part) }
            }
            line.finish()
        }
    }

    deinit { kill(pid, SIGKILL) }

    func wait(for wanted: String) async throws { _ = try await line(wanted) { $0 == wanted } }

    /// The next line that satisfies something.
    func line(_ wanted: String, where holds: (String) -> Bool) async throws -> String {
        for await line in lines where holds(line) { return line }
        throw ProgramError.failure("the process ended without “\(wanted)”: \(errorText)")
    }

    /// Runs a program to its end; its lines. Throws what it said when it fails.
    static func output(_ arguments: [String]) async throws -> [String] {
        let child = try Child(arguments)
        let code = await child.exitCode()
        var lines: [String] = []
        for await line in child.lines { lines.append(line) }
        guard code == 0 else { throw ProgramError.failure(child.errorText) }
        return lines
    }

    /// The exit code, once the process has ended.
    func exitCode() async -> Int32 {
        for await code in ended { return code }
        return -1
    }

    /// What was written to standard error. Ends the process if it still runs: reading waits for its end.
    var errorText: String {
        kill(pid, SIGKILL)
        return errorsToTheEnd
    }

    private var errorsToTheEnd: String { String(decoding: (try? errorOutput.readToEnd()) ?? Data(), as: UTF8.self) }
}
