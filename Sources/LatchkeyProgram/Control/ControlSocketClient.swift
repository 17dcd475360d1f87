import Glibc
package import NIOCore
import NIOPosix

/// Asks the program that runs on a state folder.
package struct ControlSocketClient: Sendable {
    private let path: SocketPath
    private let timeLimit: Duration
    private let eventLoopGroup: any EventLoopGroup

    package init(path: SocketPath, timeLimit: Duration = .seconds(30), eventLoopGroup: any EventLoopGroup) {
        self.path = path
        self.timeLimit = timeLimit
        self.eventLoopGroup = eventLoopGroup
    }

    /// Sends one request; nil when no program answers there.
    ///
    /// Throws the program's own sentence when it refuses.
    package func send(_ request: ControlRequest) async throws -> ControlReply? {
        guard let channel = try await connect() else { return nil }
        let line = try ControlCodec.line(request)
        let answer = try await withTimeLimit(timeLimit) {
            do {
                return try await channel.executeThenClose { inbound, outbound in
                    try await outbound.write(ByteBuffer(bytes: line))
                    var buffer = LineBuffer(limit: ControlCodec.longestAnswer)
                    for try await chunk in inbound {
                        guard case .lines(let lines) = buffer.append(chunk) else {
                            throw ProgramError.failure("the running program's answer is too long")
                        }
                        if let first = lines.first { return try ControlCodec.answer(first) }
                    }
                    throw Self.noAnswer
                }
            } catch let error where error is IOError || error is ChannelError {
                // Killed, or closed with our request unread: a reset in place of an end.
                throw Self.noAnswer
            }
        }
        switch answer {
        case .result(let result): return result
        case .error(let sentence): throw ProgramError.failure(sentence)
        case nil: throw ProgramError.failure("the running program did not answer within \(timeLimit)")
        }
    }

    private static var noAnswer: ProgramError {
        .failure("the running program ended the connection without an answer")
    }

    private func connect() async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer>? {
        do {
            return try await ClientBootstrap(group: eventLoopGroup)
                .connect(unixDomainSocketPath: path.description) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
        } catch let error as IOError where [ENOENT, ECONNREFUSED, ENOTDIR].contains(error.errnoCode) {
            return nil
        } catch let error as IOError where error.errnoCode == EACCES {
            throw ProgramError.failure("the control socket \(path) belongs to another user")
        } catch {
            throw ProgramError.failure("the control socket \(path) cannot be reached: \(error)")
        }
    }
}
