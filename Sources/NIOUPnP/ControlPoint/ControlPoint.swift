import HTTPTypes
public import Logging
public import NIOCore
import NetworkTypes
public import UPnP

/// A control point on one interface: finds devices, reads their descriptions, invokes actions, receives events.
///
/// Devices are not trusted: the rules are those of upnp.md §4.2.
public final class ControlPoint: Sendable {
    /// How it works.
    public let configuration: ControlPointConfiguration
    /// The client that all requests go through.
    public let client: HTTPClient

    private let discovery: SSDPDiscovery
    private let fetcher: DeviceFetcher
    private let tracker: DeviceTracker
    private let callbacks: CallbackServer
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
        ssdp.families = .ipv4
        ssdp.friendlyName = configuration.friendlyName
        self.discovery = SSDPDiscovery(
            interface: configuration.interface, configuration: ssdp, eventLoopGroup: eventLoopGroup,
            logger: logger
        )
        self.tracker = DeviceTracker(configuration: configuration, fetcher: fetcher, logger: logger) { update in
            await subscriptions.handle(update)
        }
        self.callbacks = CallbackServer(
            interface: configuration.interface, eventLoopGroup: eventLoopGroup, logger: logger
        )
    }

    /// Works until cancelled, then ends every subscription and returns. Once only.
    ///
    /// - Throws: `SSDPDriverError` when the interface does not exist or carries no multicast.
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
        await tracker.stop()
        client.shutDown()
        if case .failure(let error) = result, !(error is CancellationError) { throw error }
    }

    // MARK: Devices

    /// The devices whose descriptions have been read, in the order of their UDNs.
    public var devices: [RootDevice] { tracker.devices }

    /// A new stream: first `.appeared` for each known device, then each change, until ``run()`` ends.
    public var changes: AsyncStream<DeviceChange> { tracker.changes }

    /// Asks the link; what answers appears among the changes. `maximumWait` is MX in seconds, 1 to 5.
    public func search(_ target: SearchTarget = .rootDevice, maximumWait: Int = 3) {
        discovery.search(target, maximumWait: maximumWait)
    }

    /// Every SSDP message of others that is heard on the link.
    public var observations: AsyncStream<SSDPObservation> { discovery.observations }

    /// Reads the description of a device that is known by its URL only.
    ///
    /// - Throws: ``ControlPointError``.
    public func device(at location: HTTPURL) async throws -> RootDevice {
        let (interface, _) = try reachable(location)
        let description = try await fetcher.description(at: location)
        return RootDevice(
            udn: description.device.udn, location: location, description: description,
            base: description.base(from: location), interface: interface,
            configID: description.configID.flatMap(UInt32.init(exactly:))
        )
    }

    /// The description of a service of `device`; kept for as long as the device says that it is the same.
    ///
    /// - Throws: ``ControlPointError``.
    public func scpd(of service: DeviceService, in device: RootDevice) async throws -> SCPD {
        guard let url = service.scpdURL else {
            throw ControlPointError(.notAddressable, "\(service.serviceID) has no description on its own device.")
        }
        _ = try reachable(url)
        return try await fetcher.scpd(at: url, bootID: device.bootID, configID: device.configID)
    }

    // MARK: Control

    /// Invokes an action at a control URL (UDA 2.0 §3.1).
    ///
    /// - Throws: `UPnPFault` when the device refuses; ``ControlPointError`` when it was not understood or reached.
    public func invoke(_ request: ActionRequest, at url: HTTPURL) async throws -> ActionResponse {
        let (_, endpoint) = try reachable(url)
        var http = configuration.request(.post, url)
        http.headerFields[.contentType] = "text/xml; charset=\"utf-8\""
        if let name = HTTPField.Name("SOAPACTION") { http.headerFields[name] = request.soapActionHeader }
        var limits = HTTPClientLimits()
        limits.totalTime = configuration.controlTime
        limits.headTime = configuration.controlTime
        let limit = configuration.controlBytes
        let (status, body): (Int, ByteBuffer)
        do {
            (status, body) = try await client.withResponse(
                http, body: ByteBuffer(string: request.serialized()), to: endpoint, limits: limits
            ) { ($0.status.code, try await $1.collect(upTo: limit)) }
        } catch let error as HTTPTransportError {
            throw ControlPointError(error, url)
        }
        var xml = XMLLimits()
        xml.bytes = limit
        xml.text = max(xml.text, limit)
        let result: ControlResult
        do {
            result = try ControlResult.parse(status: status, body: body.readableBytesView, limits: xml)
        } catch .unexpectedStatus(let status) {
            throw ControlPointError(.httpStatus(status), "\(url) answered \(request.action) with status \(status).")
        } catch {
            throw ControlPointError(.malformed, "The answer of \(url) to \(request.action) cannot be read. \(error)")
        }
        switch result {
        case .response(let response): return response
        case .fault(let fault): throw fault
        }
    }

    // MARK: Events

    /// Subscribes to a service's events; returns when the device has accepted.
    ///
    /// The subscription renews itself, and subscribes again after a gap or when the device has restarted,
    /// until ``DeviceSubscription/cancel()`` or the end of ``run()``. Its stream ends when the device leaves, or
    /// has the service at another URL.
    /// - Parameter udn: The UDN of the root device, so that its restart is noticed.
    /// - Throws: ``ControlPointError``, also when the device refuses.
    public func subscribe(to eventSubURL: HTTPURL, udn: String? = nil) async throws -> DeviceSubscription {
        let (events, continuation) = AsyncStream.makeStream(
            of: DeviceEvent.self, bufferingPolicy: .bufferingNewest(configuration.waitingEvents)
        )
        let receiver = try await startReceiver(eventSubURL, udn: udn) { event in
            if let event { continuation.yield(event) } else { continuation.finish() }
        }
        return DeviceSubscription(events: events) { [subscriptions] in
            subscriptions.remove(receiver)
            await receiver.cancel()
        }
    }

    /// Subscribes to the service at `eventSubURL`, runs `use` with its events (the first one is the whole
    /// state), renews meanwhile, subscribes again after a gap or a restart, and unsubscribes at the end.
    ///
    /// The stream ends when the device leaves or has the service at another URL, and with ``run()``. Throws when the subscription cannot be had at all.
    public func withSubscription<Result: Sendable>(
        to eventSubURL: HTTPURL, udn: String? = nil,
        _ use: @Sendable (AsyncStream<PropertySet>) async throws -> Result
    ) async throws -> Result {
        let (events, continuation) = AsyncStream.makeStream(
            of: PropertySet.self, bufferingPolicy: .bufferingNewest(configuration.waitingEvents)
        )
        let receiver = try await startReceiver(eventSubURL, udn: udn) { event in
            if let event { continuation.yield(event.properties) } else { continuation.finish() }
        }
        let subscriptions = subscriptions
        let end: @Sendable () async -> Void = {
            subscriptions.remove(receiver)
            // In a task of its own, because a caller that is being cancelled still has to unsubscribe.
            await Task { await receiver.cancel() }.value
        }
        do {
            let result = try await use(events)
            await end()
            return result
        } catch {
            await end()
            throw error
        }
    }

    private func startReceiver(
        _ eventSubURL: HTTPURL, udn: String?, events: @escaping @Sendable (DeviceEvent?) -> Void
    ) async throws -> EventReceiver {
        let (_, endpoint) = try reachable(eventSubURL)
        let surroundings = EventReceiver.Surroundings(
            configuration: configuration, client: client,
            openCallback: { [callbacks] in try await callbacks.open($0, device: $1) },
            closeCallback: { [callbacks] in callbacks.close($0) }
        )
        // Whose restart is to be noticed, where the caller does not say.
        let udn = udn ?? devices.first { $0.services.contains { $0.eventSubURL == eventSubURL } }?.udn
        let receiver = EventReceiver(
            eventSubURL: eventSubURL, endpoint: endpoint, udn: udn, surroundings: surroundings, events: events
        )
        guard subscriptions.insert(receiver) else {
            throw ControlPointError(.tooManySubscriptions, "There are \(configuration.subscriptions) subscriptions.")
        }
        do {
            try await receiver.start()
        } catch {
            subscriptions.remove(receiver)
            // In a task of its own: the failure may be that this one was cancelled.
            await Task { await receiver.cancel() }.value
            throw error
        }
        return receiver
    }

    /// The own address on whose link the URL's host is, and that host.
    private func reachable(_ url: HTTPURL) throws -> (InterfaceAddress, SocketEndpoint) {
        guard url.scheme == "http", let endpoint = url.endpoint else {
            throw ControlPointError(.notAddressable, "\(url) is not an http URL with a literal address.")
        }
        let own = try NetworkInterface.named(configuration.interface).addresses
        guard let interface = own.first(where: { $0.isOnLink(endpoint.address) }) else {
            throw ControlPointError(.notAddressable, "\(url) is not on the link of \(configuration.interface).")
        }
        return (interface, endpoint)
    }
}
