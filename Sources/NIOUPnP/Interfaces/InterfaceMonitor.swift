public import Logging
public import NIOCore
internal import Synchronization

/// Follows the interfaces of this host as they and their addresses come, go and change.
///
/// The kernel tells through rtnetlink; where it does not, the interfaces are looked at every second.
public final class InterfaceMonitor: Sendable {
    /// How long messages are gathered before the interfaces are read again.
    private static let gathering: Duration = .milliseconds(50)

    private let eventLoop: any EventLoop
    private let logger: Logger
    private let pollInterval: Duration
    private let broadcaster = StreamBroadcaster<[NetworkInterface]>(buffer: 16)
    private let state: Mutex<[NetworkInterface]>

    /// Makes a monitor, which reads the interfaces once.
    ///
    /// - Parameter pollInterval: How often the interfaces are read where the kernel does not tell.
    public init(eventLoopGroup: any EventLoopGroup, logger: Logger, pollInterval: Duration = .seconds(1)) {
        self.eventLoop = eventLoopGroup.next()
        self.logger = logger
        self.pollInterval = pollInterval
        // What cannot be read now is read by run().
        self.state = Mutex((try? Self.read()) ?? [])
    }

    /// The interfaces as they were read last, without those IPv6 addresses that are tentative, deprecated or
    /// temporary.
    public var interfaces: [NetworkInterface] { state.withLock { $0 } }

    /// A new stream: the interfaces at once, and whenever they have changed, until ``run()`` returns.
    public var changes: AsyncStream<[NetworkInterface]> {
        state.withLock { broadcaster.stream(startingWith: [$0]) }
    }

    /// Works until cancelled.
    public func run() async throws {
        defer { broadcaster.finish() }
        while !Task.isCancelled {
            do {
                try await watch()
            } catch {
                logger.debug("the kernel does not tell of interfaces", metadata: ["error": "\(error)"])
            }
            refresh()
            do { try await Task.sleep(for: pollInterval) } catch { return }
        }
    }

    /// Returns when the kernel's socket has failed or the task is cancelled.
    private func watch() async throws {
        let (messages, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let channel = try await RouteSocket.open(on: eventLoop) {
            continuation.yield()
        } closed: {
            continuation.finish()
        }
        defer { channel.close(promise: nil) }
        refresh()
        for await _ in messages {
            do { try await Task.sleep(for: Self.gathering) } catch { return }
            refresh()
        }
    }

    private func refresh() {
        do {
            let interfaces = try Self.read()
            state.withLock {
                guard $0 != interfaces else { return }
                $0 = interfaces
                broadcaster.yield(interfaces)
            }
        } catch {
            logger.warning("interfaces cannot be listed", metadata: ["error": "\(error)"])
        }
    }

    private static func read() throws -> [NetworkInterface] {
        try NetworkInterface.all().map { interface in
            var interface = interface
            interface.addresses = interface.stableAddresses
            interface.transientAddresses = []
            return interface
        }
    }
}
