import Foundation
import LatchkeyProgram
import Synchronization
import Testing

/// The program itself as a process, on loopback: a gateway without UPnP, which pairs and answers commands.
@Suite struct ProcessTests {
    /// A child process whose output lines can be waited for.
    private final class Child: Sendable {
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

        func wait(for wanted: String) async throws {
            for await line in lines where line == wanted { return }
            throw ProgramError.failure("the process ended without “\(wanted)”: \(errorText)")
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

    private func gateway(_ folder: String, _ more: String...) throws -> Child {
        try Child(["gateway", "run", "--state", folder, "--interface", "lo", "--listen", "127.0.0.1:0"] + more)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a gateway without multicast says so, is ready, pairs, and ends cleanly on SIGTERM`() async throws {
        try await withFolder { folder in
            let gateway = try gateway(folder, "--address", "home.example.org:4433", "--name", "Test")
            try await gateway.wait(for: "ready")

            let second = try self.gateway(folder)
            #expect(await second.exitCode() == 1)
            #expect(second.errorText.contains("another latchkey gateway runs with this state folder"))

            let pair = try Child(
                ["gateway", "pair", "--state", folder, "--name", "tv", "--preset", "media", "--json"])
            #expect(await pair.exitCode() == 0)
            var printed: [String] = []
            for await line in pair.lines { printed.append(line) }
            let code = try #require(printed.first)
            #expect(printed.count == 1)
            #expect(code.contains(#""code":"latchkey:"#))

            let sessions = try Child(["gateway", "sessions", "--state", folder])
            #expect(await sessions.exitCode() == 0)

            kill(gateway.pid, SIGTERM)
            #expect(await gateway.exitCode() == 0)
            #expect(!FileManager.default.fileExists(atPath: folder + "/gateway.sock"))
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a gateway that was killed starts again on the same folder`() async throws {
        try await withFolder { folder in
            let first = try gateway(folder)
            try await first.wait(for: "ready")
            kill(first.pid, SIGKILL)
            _ = await first.exitCode()
            #expect(FileManager.default.fileExists(atPath: folder + "/gateway.sock"))
            let second = try gateway(folder)
            try await second.wait(for: "ready")
            kill(second.pid, SIGINT)
            #expect(await second.exitCode() == 0)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `an address that is not this host's is refused in a sentence`() async throws {
        try await withFolder { folder in
            let gateway = try Child(
                ["gateway", "run", "--state", folder, "--interface", "lo", "--listen", "203.0.113.77:1"])
            #expect(await gateway.exitCode() == 1)
            let reason = "latchkey: clients cannot be served on 203.0.113.77:1: Cannot assign requested address\n"
            #expect(gateway.errorText.hasSuffix(reason))
        }
    }
}
