import HTTPTypes
public import Logging
public import NIOCore
import NetworkTypes
import Synchronization
public import UPnP

/// A control point on the links of a host: finds devices, reads their descriptions, invokes actions, receives events.
///
/// Devices are not trusted: the rules are those of upnp.md §4.2.
public final class ControlPoint: Sendable {
    /// How it works.
    public let configuration: ControlPointConfiguration
    /// The client that all requests go through.
    public let client: HTTPClient

    private let discovery: SSDPDiscovery
    private let fetcher: DeviceFetcher
    let tracker: DeviceTracker
    let callbacks: CallbackServer
    let calls: CallGate
    let links: OwnLinks
    private let outcome = Mutex<(any Error)?>(nil)
    let subscriptions: SubscriptionRegistry

    /// Makes a control point that does nothing until ``run()``.
    public init(configuration: ControlPointConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        let client = HTTPClient(eventLoopGroup: eventLoopGroup, logger: logger)
        let fetcher = DeviceFetcher(configuration: configuration, client: client)
        let subscriptions = SubscriptionRegistry(limit: configuration.subscriptions)
        self.configuration = configuration
        self.client = client
        self.fetcher = fetcher
        self.subscriptions = subscriptions
        var ssdp = configuration.ssdp
        ssdp.friendlyName = configuration.friendlyName
        ssdp.controlPointUUID = configuration.controlPointUUID
        ssdp.userAgent = configuration.userAgent
        let discovery = SSDPDiscovery(
            interfaces: configuration.interfaces, configuration: ssdp, eventLoopGroup: eventLoopGroup, logger: logger)
        self.discovery = discovery
        self.links = OwnLinks(configuration.interfaces, families: configuration.families) { discovery.currentLinks }
        self.tracker = DeviceTracker(
            configuration: configuration, fetcher: fetcher, links: links, logger: logger
        ) { update in
            await subscriptions.handle(update)
        }
        self.calls = CallGate(limit: configuration.callsPerHost, eventLoop: eventLoopGroup.any())
        self.callbacks = CallbackServer(
            port: configuration.eventPort, eventLoopGroup: eventLoopGroup, logger: logger)
    }

    /// Works until cancelled, then ends every subscription and returns. Once only.
    ///
    /// - Throws: `SSDPDriverError` when no named interface exists or carries multicast.
    public func run() async throws {
        let result = await withTaskGroup(of: Result<Void, any Error>.self) { group in
            group.addTask {
                await self.callbacks.run()
                return .success(())
            }
            if configuration.discovers {
                group.addTask {
                    for await change in self.discovery.changes { await self.tracker.handle(change) }
                    return .success(())
                }
                group.addTask {
                    do {
                        try await self.discovery.run()
                        return .success(())
                    } catch { return .failure(error) }
                }
            }
            let first = await group.next() ?? .success(())
            // In a task of its own, because this one may be cancelled and devices are still to be told.
            await Task { await self.subscriptions.endAll() }.value
            group.cancelAll()
            return first
        }
        if case .failure(let error) = result, !(error is CancellationError) { outcome.withLock { $0 = error } }
        await tracker.stop()
        client.shutDown()
        if let error = outcome.withLock({ $0 }) { throw error }
    }

    // MARK: Devices

    /// The devices whose descriptions have been read, in the order of their UDNs.
    public var devices: [RootDevice] { tracker.devices }

    /// A new stream: first `.appeared` for each known device, then each change, until ``run()`` ends.
    public var changes: AsyncStream<DeviceChange> { tracker.changes }

    /// The root device of that UDN, if its description has been read.
    public func device(udn: String) -> RootDevice? { tracker.device(udn: udn) }

    /// Searches, and yields each matching device once, with its description: those that are known already
    /// first. The sequence ends when the devices have had time to answer and their descriptions were read.
    ///
    /// For devices that come and go there is ``changes``.
    ///
    ///     for try await device in controlPoint.search(.rootDevices) { print(device.friendlyName) }
    ///
    /// - Parameters:
    ///   - target: What to search for. With a type, also an embedded device that matches is found.
    ///   - maximumWait: Seconds that devices may take to answer, 1 to 5 (MX, UDA 2.0 §1.3.2).
    public func search(_ target: SearchTarget = .rootDevices, maximumWait: Int = 3) -> DeviceSearch {
        // A root device makes itself known as such alone, so that is what is asked for, whatever is meant.
        sendSearch(.rootDevice, maximumWait: maximumWait)
        if case .other = target { sendSearch(target, maximumWait: maximumWait) }
        return DeviceSearch(
            target, time: .seconds(min(max(maximumWait, 1), 5)) + configuration.searchMargin,
            grace: configuration.fetchTime, controlPoint: self, tracker: tracker)
    }

    /// Asks the links; what answers appears among the changes. `maximumWait` is MX in seconds, 1 to 5.
    public func sendSearch(_ target: SearchTarget = .rootDevice, maximumWait: Int = 3) {
        discovery.search(target, maximumWait: maximumWait)
    }

    /// Why the control point has ended.
    var end: any Error {
        outcome.withLock { $0 } ?? ControlPointError(.notRunning, "The control point is not running any more.")
    }

    /// Every SSDP message of others that is heard on the link.
    public var observations: AsyncStream<SSDPObservation> { discovery.observations }

    /// Reads the description of a device that is known by its URL only.
    ///
    /// - Parameter interface: The name of the interface that leads to a link-local IPv6 address.
    /// - Throws: ``ControlPointError``.
    public func device(at location: HTTPURL, on interface: String? = nil) async throws -> RootDevice {
        let (link, peer) = try links.link(to: location, named: interface)
        let fetched = try await fetcher.description(at: location, peer: peer)
        return RootDevice(
            udn: fetched.description.device.udn, location: location, fetched: fetched, interface: link,
            configID: fetched.description.configID.flatMap(UInt32.init(exactly:))
        )
    }

    /// The description of a service of `device`; kept for as long as the device says that it is the same.
    ///
    /// - Throws: ``ControlPointError``.
    public func scpd(of service: DeviceService, in device: RootDevice) async throws -> SCPD {
        guard let url = service.scpdURL else {
            throw ControlPointError(.notAddressable, "\(service.serviceID) has no description on its own device.")
        }
        let (_, peer) = try links.link(to: url, heard: device.interface)
        return try await fetcher.scpd(at: url, peer: peer, of: device)
    }

    /// Reads a picture of `device`, at most ``ControlPointConfiguration/iconBytes`` large. What is in it has not
    /// been looked at.
    ///
    /// - Throws: ``ControlPointError``.
    public func icon(_ icon: IconDescription, of device: RootDevice) async throws -> DeviceIcon {
        guard let url = device.resolve(icon.url) else {
            throw ControlPointError(.notAddressable, "The icon “\(icon.url)” is not on its own device.")
        }
        let (_, peer) = try links.link(to: url, heard: device.interface)
        let answer = try await fetcher.icon(at: url, peer: peer)
        return DeviceIcon(description: icon, mimeType: answer.mimeType ?? icon.mimeType, bytes: answer.bytes)
    }
}
