import Foundation
import Synchronization

/// `latchkey` as a process whose JSON lines can be waited for.
final class RunningProgram: Sendable {
    let pid: Int32
    private let lines: AsyncStream<[String: String]>
    private let ended: AsyncStream<Int32>
    private let seen = Mutex<[String]>([])

    init(_ arguments: [String], input: String? = nil) throws {
        let process = Process()
        process.executableURL = Bundle.main.bundleURL.appendingPathComponent("latchkey")
        process.arguments = arguments
        let (output, standardInput) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = output
        process.standardInput = standardInput
        let (ended, end) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = {
            end.yield($0.terminationStatus)
            end.finish()
        }
        let (lines, line) = AsyncStream<[String: String]>.makeStream()
        self.ended = ended
        self.lines = lines
        try process.run()
        pid = process.processIdentifier
        if let input {
            try standardInput.fileHandleForWriting.write(contentsOf: Array(input.utf8))
            try standardInput.fileHandleForWriting.close()
        }
        let handle = output.fileHandleForReading
        // A thread of its own, because reading blocks.
        Thread.detachNewThread { [weak self] in
            var rest = Data()
            while true {
                let data = handle.availableData
                guard !data.isEmpty else { break }
                rest += data
                while let end = rest.firstIndex(of: 0x0A) {
                    let text = rest[..<end]
                    rest = Data(rest[rest.index(after: end)...])
                    self?.seen.withLock { $0.append(String(decoding: text, as: UTF8.self)) }
                    line.yield((try? JSONDecoder().decode([String: String].self, from: text)) ?? [:])
                }
            }
            line.finish()
        }
    }

    deinit { kill(pid, SIGKILL) }

    func signal(_ number: Int32) { kill(pid, number) }

    /// The next event of that name.
    @discardableResult
    func event(_ name: String) async throws -> [String: String] {
        for await line in lines where line["event"] == name { return line }
        throw TestFailure("the program ended without “\(name)”: \(seen.withLock { $0 }.joined(separator: "\n"))")
    }

    /// The exit code, once the process has ended.
    func exitCode() async -> Int32 {
        for await code in ended { return code }
        return -1
    }

    /// Everything that it has printed.
    var transcript: String { seen.withLock { $0.joined(separator: "\n") } }
}
