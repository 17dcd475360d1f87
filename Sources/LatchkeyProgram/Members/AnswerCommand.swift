import Foundation
import Glibc
import Groups
import NIOCore
import NIOPosix
import Synchronization

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

    /// - Throws: ``ProgramError`` when the command fails: then nothing is answered. `CancellationError`.
    static func run(
        _ command: String, _ request: GroupInboundRequest, patience: Duration = patience
    ) async throws -> [UInt8] {
        let running = RunningCommand(until: ContinuousClock.now + patience)
        return try await withTaskCancellationHandler {
            try await threads.runIfActive { try runAndWait(command, request, running) }
        } onCancel: {
            running.end()
        }
    }

    private static func runAndWait(
        _ command: String, _ request: GroupInboundRequest, _ running: RunningCommand
    ) throws -> [UInt8] {
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
        // Foundation gives each child a process group of its own, with its number.
        guard running.begin(process.processIdentifier) else {
            running.end()
            throw CancellationError()
        }
        // What the command has left behind must not outlive its answer.
        defer { running.end() }
        // A payload is shorter than what a pipe holds, so that this never waits for a command that writes first.
        try? input.fileHandleForWriting.write(contentsOf: request.payload)
        try? input.fileHandleForWriting.close()
        let answer = try running.read(
            output.fileHandleForReading.fileDescriptor, of: process, atMost: GroupMember.longestPayload + 1)
        guard let answer, running.endsWell(process) else {
            throw ProgramError.failure("the command “\(command)” has failed, or took too long, or said too much")
        }
        let text = answer.last == 0x0A ? answer.dropLast() : answer[...]
        guard text.count <= GroupMember.longestPayload else {
            throw ProgramError.failure("the answer of the command “\(command)” is too long")
        }
        return Array(text)
    }
}

/// A command that runs with everything that it has started: its process group.
private final class RunningCommand: Sendable {
    private enum State { case notYet, running(pid_t), over }

    private let deadline: ContinuousClock.Instant
    private let state = Mutex(State.notYet)

    init(until deadline: ContinuousClock.Instant) { self.deadline = deadline }

    /// False when it was to end before it began.
    func begin(_ group: pid_t) -> Bool {
        state.withLock { state in
            guard case .notYet = state else {
                kill(-group, SIGKILL)
                return false
            }
            state = .running(group)
            return true
        }
    }

    /// Ends it, once: its number may be another's later.
    func end() {
        state.withLock { state in
            if case .running(let group) = state { kill(-group, SIGKILL) }
            state = .over
        }
    }

    /// What it writes until it has ended; nil when that is more than `limit`, or takes too long. A process that it has
    /// left in the background and that holds the output open is not waited for.
    func read(_ descriptor: CInt, of process: Process, atMost limit: Int) throws -> [UInt8]? {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while ContinuousClock.now < deadline {
            // Asked first: what it has written before its end is there then.
            let isOver = exit(of: process) != nil
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&wanted, 1, isOver ? 0 : 20) > 0 else {
                if isOver { return answer }
                continue
            }
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw IOError(errnoCode: errno, reason: "the command's answer cannot be read") }
            if count == 0 { return answer }
            answer += chunk[..<count]
            guard answer.count <= limit else { return nil }
        }
        return nil
    }

    /// Whether the shell has ended well; nil while it runs.
    ///
    /// Foundation takes a process for running as long as one that it has left in the background is there, so the system
    /// is asked, without taking the news from Foundation.
    func exit(of process: Process) -> Bool? {
        var news = siginfo_t()
        guard waitid(P_PID, id_t(process.processIdentifier), &news, WEXITED | WNOHANG | WNOWAIT) == 0 else {
            // Foundation has it already.
            guard !process.isRunning else { return nil }
            return process.terminationReason == .exit && process.terminationStatus == 0
        }
        guard news._sifields._sigchld.si_pid != 0 else { return nil }
        return news.si_code == CInt(CLD_EXITED) && news._sifields._sigchld.si_status == 0
    }

    /// Whether it ends well, and in time.
    func endsWell(_ process: Process) -> Bool {
        while ContinuousClock.now < deadline {
            if let isWell = exit(of: process) { return isWell }
            usleep(2_000)
        }
        return false
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
        // Raised and not made with 64: one that is let go below the value that it was made with ends the process.
        let taken = DispatchSemaphore(value: 0)
        for _ in 0..<64 { taken.signal() }
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
