import Foundation
import Glibc
import Groups
import NIOCore
import NIOPosix

/// Answers requests with a command: the request is its standard input, its standard output the answer.
enum AnswerCommand {
    /// How long a command may run.
    static let patience: Duration = .seconds(30)
    /// Where commands are waited for: not where setup codes are stretched.
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        return pool
    }()

    /// - Throws: ``ProgramError`` when the command fails: then nothing is answered.
    static func run(_ command: String, _ request: GroupInboundRequest) async throws -> [UInt8] {
        try await threads.runIfActive { try runAndWait(command, request) }
    }

    private static func runAndWait(_ command: String, _ request: GroupInboundRequest) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", command]
        process.environment = ProcessInfo.processInfo.environment.merging([
            "LATCHKEY_SERVICE": request.service, "LATCHKEY_CLIENT": "\(request.client)",
        ]) { $1 }
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let pid = process.processIdentifier
        let limit = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .init(patience)) { kill(pid, SIGKILL) }
        defer { limit.cancel() }
        // A payload is shorter than what a pipe holds, so that this never waits for a command that writes first.
        try? input.fileHandleForWriting.write(contentsOf: request.payload)
        try? input.fileHandleForWriting.close()
        var answer = Data()
        while let chunk = try output.fileHandleForReading.read(upToCount: 65_536), !chunk.isEmpty {
            answer += chunk
            if answer.count > GroupMember.longestPayload { kill(pid, SIGKILL) }
        }
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0,
            answer.count <= GroupMember.longestPayload
        else { throw ProgramError.failure("the command “\(command)” has failed, or its answer is too long") }
        if answer.last == 0x0A { answer.removeLast() }
        return Array(answer)
    }
}

/// The lines of standard input. Reading waits for the reader, and is left where it stands when nobody reads any more.
struct InputLines: AsyncSequence, Sendable {
    typealias Element = String

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var lines: AsyncStream<String>.AsyncIterator
        fileprivate let taken: DispatchSemaphore

        mutating func next() async -> String? {
            let line = await lines.next()
            taken.signal()
            return line
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        let taken = DispatchSemaphore(value: 64)
        // A thread of its own, because reading blocks, and nothing can end that but the input.
        Thread.detachNewThread {
            while let line = readLine() {
                taken.wait()
                continuation.yield(line)
            }
            continuation.finish()
        }
        return AsyncIterator(lines: lines.makeAsyncIterator(), taken: taken)
    }
}
