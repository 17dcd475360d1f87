import Glibc
import UnixSignals

/// Runs `body` until Ctrl-C or SIGTERM, then cancels it and waits for it: a host says byebye in that time.
public func runUntilSignal(_ body: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        group.addTask { try await body() }
        group.addTask { for await _ in signals { return } }
        do {
            try await group.next()
        } catch {
            group.cancelAll()
            throw error
        }
        group.cancelAll()
        // What ends because it was told to has not failed.
        while let result = await group.nextResult() {
            if case .failure(let error) = result, !(error is CancellationError) { throw error }
        }
    }
}

/// Prints a line at once, also where the output is a file.
public func say(_ line: String) {
    print(line)
    fflush(nil)
}
