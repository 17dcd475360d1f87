public import Logging
public import NIOCore
import NIOPosix

/// Runs a control point while `body` works with it, and ends its subscriptions after.
///
///     try await withControlPoint { cp in
///         for try await device in cp.search(.rootDevices) { print(device.friendlyName) }
///     }
///
/// - Parameters:
///   - configuration: Every private network and both address families, unless it says otherwise.
///   - eventLoopGroup: NIO's own for the whole process by default.
///   - logger: Silent by default.
/// - Throws: what `body` throws. When the control point itself has failed, its searches and subscriptions throw
///   why.
public func withControlPoint<Result>(
    _ configuration: ControlPointConfiguration = .init(),
    eventLoopGroup: (any EventLoopGroup)? = nil,
    logger: Logger = Logger(label: "upnp") { _ in SwiftLogNoOpLogHandler() },
    isolation: isolated (any Actor)? = #isolation,
    _ body: (ControlPoint) async throws -> Result
) async throws -> Result {
    let controlPoint = ControlPoint(
        configuration: configuration, eventLoopGroup: eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton,
        logger: logger)
    // Unstructured so that `body` stays in its caller's isolation; this function waits for it on every path.
    let running = Task { try await controlPoint.run() }
    do {
        let result = try await body(controlPoint)
        running.cancel()
        _ = await running.result
        return result
    } catch {
        running.cancel()
        _ = await running.result
        throw error
    }
}
