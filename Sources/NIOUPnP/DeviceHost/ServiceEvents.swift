import Synchronization
import UPnP

/// A hosted service's changes on their way to subscribers, and to everybody where they are multicast: in the
/// order in which the values were taken, whichever tasks took them.
final class ServiceEvents: Sendable {
    /// Who is told.
    struct Outlets: Sendable {
        var subscribers: EventPublishing
        /// For services with variables that are multicast.
        var everybody: MulticastEventPublishing?
    }

    /// What was changed at once.
    fileprivate struct Change: Sendable {
        var evented: [EventProperty] = []
        var multicast: [EventProperty] = []
        var level = MulticastEventLevel.general

        var isEmpty: Bool { evented.isEmpty && multicast.isEmpty }
    }

    fileprivate struct State {
        var outlets: Outlets?
        var pending: [Change] = []
        var isTelling = false
    }

    /// How many changes may wait for their turn before they become one.
    private static let maximumPending = 64

    private let state = Mutex(State())

    /// Takes values, and tells of those that are others.
    func publish(_ values: [(store: VariableStore, value: UPnPValue)]) async {
        // The values are taken under the lock, so that they are told in the order in which they were taken.
        state.withLock { state in
            var change = Change()
            for (store, value) in values where store.replace(value) { change.add(store, value) }
            guard !change.isEmpty, state.outlets != nil else { return }
            if state.pending.count < Self.maximumPending {
                state.pending.append(change)
            } else {
                state.pending[state.pending.count - 1].merge(change)
            }
        }
        var turn = state.withLock { $0.next(begin: true) }
        while let (outlets, change) = turn {
            if !change.evented.isEmpty { await outlets.subscribers.publish(change.evented) }
            if !change.multicast.isEmpty { await outlets.everybody?.publish(change.multicast, level: change.level) }
            turn = state.withLock { $0.next(begin: false) }
        }
    }

    /// From here on these are told; `make` reads the values with which they begin, and nothing is lost after it.
    func attach(_ make: () -> Outlets) -> Outlets {
        state.withLock { state in
            let outlets = make()
            state.outlets = outlets
            state.pending = []
            return outlets
        }
    }

    /// From here on nobody is told.
    func detach() {
        state.withLock { state in
            state.outlets = nil
            state.pending = []
        }
    }
}

extension ServiceEvents.State {
    /// One task at a time tells, also of what others have changed meanwhile.
    fileprivate mutating func next(begin: Bool) -> (ServiceEvents.Outlets, ServiceEvents.Change)? {
        if begin, isTelling { return nil }
        guard let outlets, !pending.isEmpty else {
            isTelling = false
            return nil
        }
        isTelling = true
        return (outlets, pending.removeFirst())
    }
}

extension ServiceEvents.Change {
    fileprivate mutating func add(_ store: VariableStore, _ value: UPnPValue) {
        let property = EventProperty(store.declaration.name, value.text)
        if store.declaration.sendEvents { evented.append(property) }
        guard let level = store.multicast else { return }
        self.level = multicast.isEmpty ? level : self.level
        multicast.append(property)
    }

    fileprivate mutating func merge(_ other: Self) {
        evented.replace(other.evented)
        if multicast.isEmpty { level = other.level }
        multicast.replace(other.multicast)
    }
}

extension [EventProperty] {
    fileprivate mutating func replace(_ changes: [EventProperty]) {
        for change in changes {
            removeAll { $0.name == change.name }
            append(change)
        }
    }
}
