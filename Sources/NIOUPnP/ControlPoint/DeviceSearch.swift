public import UPnP

extension SearchTarget {
    /// Every root device: `upnp:rootdevice`.
    public static let rootDevices = SearchTarget.rootDevice

    /// Devices of a type, or devices with a service of it: `urn:domain:device:T:v`, that version or later.
    public static func type(_ urn: String) -> SearchTarget { SearchTarget(urn) }
}

/// The devices that answer a search, each once. See ``ControlPoint/search(_:maximumWait:)``.
public struct DeviceSearch: AsyncSequence, Sendable {
    /// What a search yields.
    public typealias Element = DeviceProxy

    private let stream: AsyncThrowingStream<DeviceProxy, any Error>

    init(
        _ target: SearchTarget, time: Duration, grace: Duration, controlPoint: ControlPoint, tracker: DeviceTracker
    ) {
        let changes = tracker.changes
        // As many as a directory holds, so that a slow reader loses nothing.
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: DeviceProxy.self)
        self.stream = stream
        // Unstructured because a sequence has no scope of its own: it ends with the search's time, with the
        // control point, and as soon as nobody reads any more.
        let task = Task {
            let hasEnded = await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    var known: Set<String> = []
                    for await change in changes {
                        guard let root = change.device else { continue }
                        for device in root.devices(matching: target) where known.insert(device.udn).inserted {
                            continuation.yield(DeviceProxy(root, description: device, controlPoint: controlPoint))
                        }
                    }
                    return !Task.isCancelled
                }
                group.addTask {
                    do { try await Task.sleep(for: time) } catch { return false }
                    // Who has answered in time is waited for, while its description is being read.
                    await withTaskGroup { group in
                        group.addTask { await tracker.settle() }
                        group.addTask { try? await Task.sleep(for: grace) }
                        await group.next()
                        group.cancelAll()
                    }
                    return false
                }
                let hasEnded = await group.next() ?? false
                group.cancelAll()
                return hasEnded
            }
            continuation.finish(throwing: hasEnded ? controlPoint.end : nil)
        }
        continuation.onTermination = { _ in task.cancel() }
    }

    /// Yields the devices of a search.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var base: AsyncThrowingStream<DeviceProxy, any Error>.AsyncIterator

        /// The next device; nil at the end of the search's time. Throws when the control point has ended.
        public mutating func next() async throws -> DeviceProxy? { try await base.next() }
    }

    /// Begins to read; for one reader.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: stream.makeAsyncIterator()) }
}

extension DeviceChange {
    /// The device, while it is there.
    public var device: RootDevice? {
        switch self {
        case .appeared(let device), .changed(let device): device
        case .disappeared: nil
        }
    }
}
