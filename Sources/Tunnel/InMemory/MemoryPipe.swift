internal import Synchronization

internal import struct NIOCore.ByteBuffer
internal import struct NIOCore.CircularBuffer

/// One direction of an exchange in memory: bounded, for one writer and one reader.
final class MemoryPipe: Sendable {
    private struct State {
        var chunks = CircularBuffer<ByteBuffer>()
        var bytes = 0
        var ended = false
        var failure: (any Error)?
        /// What a writer is told for whom there is no reader any more.
        var refusal: (any Error)?
        var reader: CheckedContinuation<ByteBuffer?, any Error>?
        var writer: CheckedContinuation<Void, any Error>?
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    func write(_ chunk: ByteBuffer) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { writer in
                let (wake, now): (Wake?, Result<Void, any Error>?) = state.withLock { state in
                    if let failure = state.failure ?? state.refusal { return (nil, .failure(failure)) }
                    guard !Task.isCancelled else { return (nil, .failure(CancellationError())) }
                    state.chunks.append(chunk)
                    state.bytes += chunk.readableBytes
                    let wake = Self.wake(&state)
                    if state.bytes < capacity { return (wake, .success(())) }
                    state.writer = writer
                    return (wake, nil)
                }
                wake?.resume()
                if let now { writer.resume(with: now) }
            }
        } onCancel: {
            let writer = state.withLock { state in
                defer { state.writer = nil }
                return state.writer
            }
            writer?.resume(throwing: CancellationError())
        }
    }

    func end() throws {
        let wake = try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.ended = true
            return Self.wake(&state)
        }
        wake?.resume()
    }

    /// The reader wants no more: what is written from here on fails, and to end it is no error.
    func refuse(_ error: any Error) {
        let writer = state.withLock { state in
            state.refusal = error
            state.chunks = CircularBuffer()
            state.bytes = 0
            defer { state.writer = nil }
            return state.writer
        }
        writer?.resume(throwing: error)
    }

    var isEnded: Bool { state.withLock { $0.ended } }

    func fail(_ error: any Error) {
        let (wake, writer) = state.withLock { state in
            state.failure = state.failure ?? error
            defer { state.writer = nil }
            return (Self.wake(&state), state.writer)
        }
        wake?.resume()
        writer?.resume(throwing: error)
    }

    func read() async throws -> ByteBuffer? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { reader in
                let (now, writer): (Result<ByteBuffer?, any Error>?, CheckedContinuation<Void, any Error>?) =
                    state.withLock { state in
                        if let now = Self.available(&state) { return (now, roomy(&state)) }
                        guard !Task.isCancelled else { return (.failure(CancellationError()), nil) }
                        state.reader = reader
                        return (nil, nil)
                    }
                writer?.resume()
                if let now { reader.resume(with: now) }
            }
        } onCancel: {
            let reader = state.withLock { state in
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume(throwing: CancellationError())
        }
    }

    private struct Wake {
        let reader: CheckedContinuation<ByteBuffer?, any Error>
        let result: Result<ByteBuffer?, any Error>
        func resume() { reader.resume(with: result) }
    }

    private static func wake(_ state: inout State) -> Wake? {
        guard let reader = state.reader, let result = available(&state) else { return nil }
        state.reader = nil
        return Wake(reader: reader, result: result)
    }

    private static func available(_ state: inout State) -> Result<ByteBuffer?, any Error>? {
        if let chunk = state.chunks.popFirst() {
            state.bytes -= chunk.readableBytes
            return .success(chunk)
        }
        if state.ended { return .success(nil) }
        return state.failure.map { .failure($0) }
    }

    private func roomy(_ state: inout State) -> CheckedContinuation<Void, any Error>? {
        guard state.bytes < capacity else { return nil }
        defer { state.writer = nil }
        return state.writer
    }
}
