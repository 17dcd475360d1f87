import Foundation
import Synchronization
import Testing

/// A gateway with a group, for all tests of this process: `latchkey gateway run` as `make examples` has built it.
final class Gateway: Sendable {
    /// The folder of `latchkey` and of the library for C.
    static let programs = ProcessInfo.processInfo.environment["LATCHKEY_BIN"] ?? ""
    static let interface = ProcessInfo.processInfo.environment["LATCHKEY_TEST_INTERFACE"] ?? ""

    /// The one gateway, which is started when it is needed first.
    static let shared = Result { try Gateway() }

    let folder: String
    private let process: Child

    private init() throws {
        folder = NSTemporaryDirectory() + "lkx-" + String(UInt64.random(in: .min ... .max), radix: 36)
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        process = try Child(
            Self.programs + "/latchkey",
            ["gateway", "run", "--state", folder, "--interface", Self.interface, "--listen", "127.0.0.1:0"])
        let process = process
        // Children outlive a test process that just ends.
        atexit { if case .success(let gateway) = Gateway.shared { gateway.end() } }
        _ = try process.firstLine { $0 == "ready" }
    }

    private func end() {
        kill(process.pid, SIGTERM)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Enrols a device; gives the file with its code.
    func enrol(_ id: String, _ more: String...) throws -> String {
        let child = try Child(
            Self.programs + "/latchkey", ["group", "enrol", id, "--state", folder, "--json"] + more)
        let line = try child.firstLine { $0.hasPrefix("{") }
        struct Enrolled: Decodable { var code: String }
        let enrolled = try JSONDecoder().decode(Enrolled.self, from: Data(line.utf8))
        let file = folder + "/\(id).code"
        try (enrolled.code + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test outside of `make examples`.
    static var needsGateway: Self {
        .enabled(
            if: !Gateway.programs.isEmpty && !Gateway.interface.isEmpty,
            "LATCHKEY_BIN names no folder with latchkey, or there is no test interface: run make examples")
    }
}

struct ChildEnded: Error, CustomStringConvertible { var description: String }

/// A process whose output lines can be waited for.
final class Child: Sendable {
    let pid: Int32
    private let lines: AsyncStream<String>
    private let ended: AsyncStream<Int32>
    private let input: FileHandle
    private let seen = Mutex<[String]>([])
    private let arrived = DispatchSemaphore(value: 0)

    /// - Parameter input: The file that is its standard input; a pipe that ``write(_:)`` fills otherwise.
    init(_ program: String, _ arguments: [String], input file: String? = nil) throws {
        let process = Process()
        // A test process that is killed ends no child: each has a bounded life. It inherits blocked signals, with which
        // SIGTERM would not be passed on.
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["--default-signal=TERM", "timeout", "--kill-after=5", "600", program] + arguments
        let (output, pipe) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = output
        if let file, let handle = FileHandle(forReadingAtPath: file) {
            process.standardInput = handle
        } else {
            process.standardInput = pipe
        }
        input = pipe.fileHandleForWriting
        let (ended, end) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = {
            end.yield($0.terminationStatus)
            end.finish()
        }
        let (lines, line) = AsyncStream<String>.makeStream()
        (self.ended, self.lines) = (ended, lines)
        try process.run()
        pid = process.processIdentifier
        let handle = output.fileHandleForReading
        // A thread of its own, because reading blocks.
        Thread.detachNewThread { [seen = self.seenBox, arrived] in
            var rest = ""
            while true {
                let data = handle.availableData
                guard !data.isEmpty else { break }
                rest += String(decoding: data, as: UTF8.self)
                var parts = rest.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                rest = parts.removeLast()
                for part in parts {
                    seen(part)
                    line.yield(part)
                    arrived.signal()
                }
            }
            line.finish()
            arrived.signal()
        }
    }

    deinit { kill(pid, SIGTERM) }

    private var seenBox: @Sendable (String) -> Void { { [weak self] line in self?.seen.withLock { $0.append(line) } } }

    /// Everything that it has printed.
    var transcript: String { seen.withLock { $0.joined(separator: "\n") } }

    func write(_ text: String) throws { try input.write(contentsOf: Array(text.utf8)) }
    func endInput() throws { try input.close() }
    func terminate() { kill(pid, SIGTERM) }

    /// Waits for a line.
    func wait(for wanted: String) async throws {
        for await line in lines where line == wanted { return }
        throw ChildEnded(description: "it ended without “\(wanted)”: \(transcript)")
    }

    /// Waits for the first line that is wanted, with a thread.
    func firstLine(_ isWanted: (String) -> Bool) throws -> String {
        let deadline = DispatchTime.now() + .seconds(60)
        while true {
            if let line = seen.withLock({ $0.first(where: isWanted) }) { return line }
            guard arrived.wait(timeout: deadline) == .success else {
                throw ChildEnded(description: "it did not say what was wanted: \(transcript)")
            }
        }
    }

    /// The lines that it prints until it ends, and its exit code.
    func rest() async -> (lines: [String], code: Int32) {
        var rest: [String] = []
        for await line in lines { rest.append(line) }
        for await code in ended { return (rest, code) }
        return (rest, -1)
    }
}
