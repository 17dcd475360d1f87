public import Logging
public import NIOCore
public import UPnP

/// Keeps a ``DeviceDirectory`` of one interface: searches, listens and forgets.
public final class SSDPDiscovery: Sendable {
    /// Makes a discovery.
    public init(
        interface: String, configuration: SSDPConfiguration = .init(), eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) {}

    /// Works until cancelled.
    public func run() async throws {}
    /// Asks the link for `target` (twice, as UDA asks).
    public func search(_ target: SearchTarget, maximumWait: Int = 3) {}
    /// The devices known at this moment.
    public var devices: [DiscoveredDevice] { [] }
    /// A new stream: first `.appeared` for every device known, then each change.
    public var changes: AsyncStream<DeviceDirectory.Change> { AsyncStream { $0.finish() } }
    /// Every message of others that is heard.
    public var observations: AsyncStream<SSDPObservation> { AsyncStream { $0.finish() } }
}
