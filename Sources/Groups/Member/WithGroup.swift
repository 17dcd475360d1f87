public import Logging
public import NIOCore

/// Makes this device a member of its group while `body` works with it, and leaves the group after.
///
///     try await withGroup(id: "kiosk-7", setupCode: "7K3QX-9M2TB") { group in
///         try await group.announce("urn:example:service:Board:1", "The library closes at noon.")
///     }
///
/// - Parameters:
///   - id: The device's name, as it was enrolled.
///   - setupCode: The code that `latchkey group enrol` has printed.
/// - Throws: what `body` throws; ``GroupError`` when the device cannot become a member, or is one no more.
public func withGroup<Result: Sendable>(
    id: String, setupCode: String,
    logger: Logger = Logger(label: "group") { _ in SwiftLogNoOpLogHandler() },
    _ body: @escaping @Sendable (GroupMember) async throws -> Result
) async throws -> Result {
    try await withGroup(GroupMemberConfiguration(id: id, setupCode: setupCode), logger: logger, body)
}

/// Makes this device a member of its group while `body` works with it, and leaves the group after.
///
/// `body` begins when the device is registered. It is cancelled when the membership has ended for good.
///
/// - Parameters:
///   - eventLoopGroup: NIO's own for the whole process by default.
///   - logger: Silent by default.
/// - Throws: what `body` throws; ``GroupError`` when the device cannot become a member, or is one no more.
public func withGroup<Result: Sendable>(
    _ configuration: GroupMemberConfiguration, eventLoopGroup: (any EventLoopGroup)? = nil,
    logger: Logger = Logger(label: "group") { _ in SwiftLogNoOpLogHandler() },
    _ body: @escaping @Sendable (GroupMember) async throws -> Result
) async throws -> Result {
    let member = try GroupMember(configuration, eventLoopGroup: eventLoopGroup, logger: logger)
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            try await member.run()
            return nil
        }
        group.addTask {
            try await member.registered()
            return try await body(member)
        }
        defer { group.cancelAll() }
        while let result = try await group.next() {
            guard let result else { throw CancellationError() }
            group.cancelAll()
            // The farewell is part of it.
            while try await group.next() != nil {}
            return result
        }
        throw CancellationError()
    }
}
