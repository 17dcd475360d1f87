public import Logging
public import NIOCore
public import NetworkTypes
public import UPnP

/// Announces root devices on one interface and answers searches for them.
public final class SSDPAdvertiser: Sendable {
    /// Makes an advertiser.
    public init(
        interface: String, configuration: SSDPConfiguration = .init(), scope: AnnouncementScope = .link,
        eventLoopGroup: any EventLoopGroup, logger: Logger,
        accepts: @escaping @Sendable (SocketEndpoint) -> Bool = { _ in true }
    ) {}

    /// Works until cancelled.
    public func run() async throws {}
    /// Announces a device, or replaces what is announced under its UDN.
    public func add(_ advertisement: Advertisement) {}
    /// Replaces what is announced under the UDN: ssdp:update, or byebye and alive when types or CONFIGID changed.
    public func update(_ advertisement: Advertisement) {}
    /// Stops announcing a device, with byebyes or silently.
    public func remove(udn: String, announceByebye: Bool) {}
    /// Stops announcing all devices.
    public func removeAll(announceByebye: Bool) {}
    /// Changes how far announcements go, and announces again.
    public func setScope(_ scope: AnnouncementScope) {}
    /// Asks the link for `target`; answers arrive as observations.
    public func search(_ target: SearchTarget, maximumWait: Int = 1) {}
    /// The interface's address while running, each time it changes; nil while it has none.
    public var addresses: AsyncStream<InterfaceAddress?> { AsyncStream { $0.finish() } }
    /// Every message of others that is heard: who else announces a UDN?
    public var observations: AsyncStream<SSDPObservation> { AsyncStream { $0.finish() } }
}
