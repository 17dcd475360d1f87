public import Logging
public import NIOCore
public import UPnP

/// How a control point works.
public struct ControlPointConfiguration: Sendable {
    /// The interface that it searches on.
    public var interface: String
    /// How SSDP is spoken.
    public var ssdp: SSDPConfiguration

    /// Defaults for everything but the interface.
    public init(interface: String, ssdp: SSDPConfiguration = .init()) {
        self.interface = interface
        self.ssdp = ssdp
    }
}

/// Finds devices on one interface, reads their descriptions, invokes actions and hears events.
public final class ControlPoint: Sendable {
    /// Makes a control point that does nothing until `run`.
    public init(configuration: ControlPointConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger) {}

    /// Works until cancelled.
    public func run() async throws {}

    /// A new stream: first the devices that are known as `appeared`, then every change.
    public var changes: AsyncStream<DeviceChange> { AsyncStream { $0.finish() } }

    /// The devices that are known and described.
    public var devices: [RootDevice] { [] }

    /// Asks the network.
    public func search(_ target: SearchTarget, maximumWait: Int = 3) {}

    /// Subscribes to the service at `eventSubURL`, runs `use` with its events (the first one is the whole
    /// state), renews meanwhile, subscribes again after a gap or a reboot, and unsubscribes at the end.
    ///
    /// The stream ends when the subscription is lost for good. Throws when it cannot be had at all.
    public func withSubscription<Result: Sendable>(
        to eventSubURL: HTTPURL, _ use: @Sendable (AsyncStream<PropertySet>) async throws -> Result
    ) async throws -> Result {
        throw HTTPTransportError(.shutDown, "not built yet")
    }

    /// Invokes an action at a service's control URL. Throws `UPnPFault` for the device's own error.
    public func invoke(_ request: ActionRequest, at controlURL: HTTPURL) async throws -> ActionResponse {
        throw HTTPTransportError(.shutDown, "not built yet")
    }
}
