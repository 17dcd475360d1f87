public import NetworkTypes
public import UPnP

extension ControlPoint {
    /// Subscribes to a service's events; returns when the device has accepted.
    ///
    /// The subscription renews itself, and subscribes again after a gap or when the device has restarted,
    /// until ``DeviceSubscription/cancel()`` or the end of ``run()``. Its stream ends when the device leaves, or
    /// has the service at another URL. ``ServiceProxy/subscribe()`` follows the service to there.
    /// - Parameters:
    ///   - udn: The UDN of the root device, so that its restart is noticed.
    ///   - link: The link that heard the device; needed for link-local IPv6 only.
    /// - Throws: ``ControlPointError``, also when the device refuses.
    public func subscribe(
        to eventSubURL: HTTPURL, udn: String? = nil, on link: InterfaceAddress? = nil
    ) async throws -> DeviceSubscription {
        try await subscribe(.init(url: eventSubURL, link: link), udn: udn)
    }

    func subscribe(_ target: EventReceiver.Target, udn: String?) async throws -> DeviceSubscription {
        let (queue, receiver) = try await startReceiver(target, udn: udn)
        return DeviceSubscription(queue: queue) { [subscriptions] in
            await receiver.cancel()
            // Not before, so that the end of the control point waits for the device to be told.
            subscriptions.remove(receiver)
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
        let (queue, receiver) = try await startReceiver(.init(url: eventSubURL), udn: udn)
        let subscriptions = subscriptions
        let end: @Sendable () async -> Void = {
            subscriptions.remove(receiver)
            // In a task of its own, because a caller that is being cancelled still has to unsubscribe.
            await Task { await receiver.cancel() }.value
        }
        do {
            let result = try await use(AsyncStream { await queue.next()?.properties })
            await end()
            return result
        } catch {
            await end()
            throw error
        }
    }

    private func startReceiver(
        _ target: EventReceiver.Target, udn: String?
    ) async throws -> (EventQueue, EventReceiver) {
        var target = target
        // Whose restart is to be noticed, where the caller does not say.
        let known = devices.first { device in
            udn.map { $0 == device.udn } ?? device.services.contains { $0.eventSubURL == target.url }
        }
        target.link = target.link ?? known?.interface
        _ = try links.link(to: target.url, heard: target.link)
        let surroundings = EventReceiver.Surroundings(
            configuration: configuration, client: client, links: links,
            openCallback: { [callbacks] in try await callbacks.open($0, on: $1) },
            closeCallback: { [callbacks] in callbacks.close($0) }
        )
        let queue = EventQueue(limit: configuration.waitingEvents, byteLimit: configuration.waitingEventBytes)
        let receiver = EventReceiver(target, udn: udn ?? known?.udn, surroundings: surroundings) { event in
            if let event { queue.yield(event) } else { queue.finish() }
        }
        queue.onOverrun { [weak receiver] in await receiver?.refresh() }
        guard subscriptions.insert(receiver) else {
            throw ControlPointError(
                .tooManySubscriptions,
                "There are \(configuration.subscriptions) subscriptions, as many as the configuration allows; end one."
            )
        }
        do {
            try await receiver.start()
        } catch {
            subscriptions.remove(receiver)
            // In a task of its own: the failure may be that this one was cancelled.
            await Task { await receiver.cancel() }.value
            throw error
        }
        return (queue, receiver)
    }
}
