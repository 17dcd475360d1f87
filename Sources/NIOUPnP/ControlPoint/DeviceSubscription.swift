public import UPnP

/// A subscription to a service's events: a sequence of them, for one reader.
///
/// It ends with ``cancel()``, or when nobody holds it, its ``events`` or an iterator any more.
///
/// Events that its reader has not taken yet wait. When too many do (``ControlPointConfiguration/waitingEvents``),
/// they are dropped, and the subscription is made anew as soon as the reader comes back, so that the next event
/// is the whole state again and is marked so: ``DeviceEvent/isInitialState``.
public final class DeviceSubscription: AsyncSequence, Sendable {
    private let queue: EventQueue
    private let end: @Sendable () async -> Void

    init(queue: EventQueue, end: @escaping @Sendable () async -> Void) {
        self.queue = queue
        self.end = end
    }

    deinit {
        let end = end
        // Unstructured because an end has no one to wait for it; it is bounded by the time of an UNSUBSCRIBE.
        Task { await end() }
    }

    /// The events, in order, as a stream.
    public var events: AsyncStream<DeviceEvent> { AsyncStream { await self.next() } }

    private func next() async -> DeviceEvent? { await queue.next() }

    /// Tells the device and ends the sequence.
    public func cancel() async {
        let end = end
        // In a task of its own, because a caller that is being cancelled still has to unsubscribe.
        await Task { await end() }.value
    }

    /// Reads the events.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let subscription: DeviceSubscription

        /// The next event; nil when the subscription has ended, and in a cancelled task.
        public mutating func next() async -> DeviceEvent? { await subscription.next() }
    }

    /// Begins to read, or goes on where another iterator stopped.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription: self) }
}

/// An event message of a subscription.
public struct DeviceEvent: Hashable, Sendable {
    /// The message's number.
    public var sequence: UInt32
    /// The variables as they came.
    public var properties: PropertySet
    /// Whether it brings the whole state of the service: the first event of a subscription, and of each time
    /// that it was made anew after a gap, an overrun, a restart or a move of the device.
    public var isInitialState: Bool
    /// The types of the service's variables, where they are known.
    var types: [String: UPnPDataType]

    /// Makes an event; number 0 always brings the whole state.
    public init(sequence: UInt32, properties: PropertySet, isInitialState: Bool = false) {
        self.init(sequence: sequence, properties: properties, isInitialState: isInitialState, types: [:])
    }

    init(sequence: UInt32, properties: PropertySet, isInitialState: Bool, types: [String: UPnPDataType]) {
        self.sequence = sequence
        self.properties = properties
        self.isInitialState = isInitialState || sequence == 0
        self.types = types
    }

    /// The value of that variable, of the type that the service declares; text where the type is not known or
    /// the device sent something else. Nil when the variable is not in the message.
    public subscript(name: String) -> UPnPValue? {
        properties[name].map { UPnPValue($0, as: types[name] ?? .string) ?? .string($0) }
    }
}
