import Synchronization

/// The subscriptions of one control point.
final class SubscriptionRegistry: Sendable {
    private let limit: Int
    private let receivers = Mutex<[ObjectIdentifier: EventReceiver]>([:])

    init(limit: Int) {
        self.limit = limit
    }

    func insert(_ receiver: EventReceiver) -> Bool {
        receivers.withLock { receivers in
            guard receivers.count < limit else { return false }
            receivers[ObjectIdentifier(receiver)] = receiver
            return true
        }
    }

    func remove(_ receiver: EventReceiver) { receivers.withLock { $0[ObjectIdentifier(receiver)] = nil } }

    /// Ends the subscriptions that a change of their device has made void, and renews those that it has lost.
    func handle(_ update: DeviceTracker.Update) async {
        switch update {
        case .gone(let udn):
            for receiver in of(udn) { await abandon(receiver) }
        case .described(let device, let hasRestarted):
            for receiver in of(device.udn) where await !receiver.follow(device, hasRestarted: hasRestarted) {
                await abandon(receiver)
            }
        }
    }

    private func of(_ udn: String) -> [EventReceiver] {
        receivers.withLock { $0.values.filter { $0.udn == udn } }
    }

    private func abandon(_ receiver: EventReceiver) async {
        remove(receiver)
        await receiver.abandon()
    }

    func endAll() async {
        let all = receivers.withLock { receivers in
            defer { receivers = [:] }
            return Array(receivers.values)
        }
        await withDiscardingTaskGroup { group in
            for receiver in all { group.addTask { await receiver.cancel() } }
        }
    }
}
