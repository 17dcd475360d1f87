import NetworkTypes
import Synchronization
import Traversal
package import TrustCore
package import Tunnel

/// What the gateway keeps of one client while it is connected, and for a while after: the event log, the
/// ledger of actions, the counters. It outlives its carriers.
package final class RemoteSession: Sendable {
    /// How much a session may hold.
    package struct Limits: Hashable, Sendable {
        /// Events that a client may have missed before it gets a snapshot.
        package var events = 1_024
        /// Bytes of those events.
        package var eventBytes = 1 << 20
        /// Subscriptions.
        package var subscriptions = 256
        /// Actions remembered, so that none runs twice.
        package var actions = 16_384
        /// Bytes of their answers.
        package var answerBytes = 4 << 20
        /// How long they are remembered; longer than a client tries again.
        package var answerAge = Duration.seconds(60)
        /// Streams whose last bytes are kept, because nobody could ask for them again.
        package var liveStreams = 4

        /// Bounds for a home.
        package init() {}
    }

    /// An action's answer, kept in case its carrier died before the client had it.
    struct Answer: Sendable {
        let status: Int
        let body: String
    }

    /// A stream of media that runs: whether it may go on, and what ends it whatever its reader does.
    struct RunningStream: Sendable {
        let isPermitted: @Sendable () -> Bool
        let reset: @Sendable () -> Void
    }

    /// What a map of the home was made of.
    struct HomeVersion: Hashable, Sendable {
        let directory: Int
        let policy: Int
    }

    /// Requests so far.
    package struct Counters: Codable, Hashable, Sendable {
        package var actions = 0
        package var refusals = 0
        package var mediaRequests = 0

        /// All zero.
        package init() {}
    }

    struct State {
        var authority: String
        var log: EventLog<SessionEvent.Content>
        var ledger: RequestLedger<Answer, Int>
        var waiters: [Int: @Sendable (Step) -> Void] = [:]
        var ended = false
        var nextWaiter = 0
        var counters = Counters()
        var reader: AsyncStream<Void>.Continuation?
        var mirrorReader: AsyncStream<Void>.Continuation?
        var shown: [String: Int] = [:]
        var subscriptions: Set<String> = []
        var home: (version: HomeVersion, map: HomeMap)?
        var streams: [Int: RunningStream] = [:]
        var nextStream = 0
        var live: [String: LiveStream] = [:]
    }

    /// The name in the session table.
    package let id: SessionID
    /// Whose session it is.
    package let subject: Subject
    let heldRoles = HeldRoles()
    /// What the client has told of the NAT in front of it.
    let clientNAT = Mutex<NATBehavior?>(nil)
    private let limits: Limits
    let state: Mutex<State>

    init(id: SessionID, subject: Subject, authority: String, limits: Limits) {
        self.id = id
        self.subject = subject
        self.limits = limits
        var logLimits = EventLog<SessionEvent.Content>.Limits()
        logLimits.entries = limits.events
        logLimits.bytes = limits.eventBytes
        var ledgerLimits = RequestLedger<Answer, Int>.Limits()
        ledgerLimits.requests = limits.actions
        ledgerLimits.bytes = limits.answerBytes
        ledgerLimits.age = limits.answerAge
        self.state = Mutex(
            State(authority: authority, log: EventLog(limits: logLimits), ledger: RequestLedger(limits: ledgerLimits)))
    }

    /// The `host:port` that the client serves to its apps.
    package var authority: String {
        get { state.withLock { $0.authority } }
        set { state.withLock { $0.authority = newValue } }
    }

    /// What was asked so far.
    package var counters: Counters { state.withLock { $0.counters } }

    /// Changes the counters.
    func count(_ change: (inout Counters) -> Void) {
        state.withLock { change(&$0.counters) }
    }

    /// Which home addresses are whose, as this subject may know it; worked out again when the home or the policy
    /// changed.
    func home(version: HomeVersion, make: () -> HomeMap) -> HomeMap {
        if let home = state.withLock({ $0.home }), home.version == version { return home.map }
        let map = make()
        state.withLock { $0.home = (version, map) }
        return map
    }
}

// MARK: - The event log

extension RemoteSession {
    /// Adds an event for the client and wakes its reader.
    func record(_ content: SessionEvent.Content, size: Int) {
        let reader = state.withLock { state in
            state.log.append(content, size: size)
            return state.reader
        }
        reader?.yield()
    }

    /// The position after the newest event.
    var cursor: UInt64 { state.withLock { $0.log.cursor } }

    /// What the client has not read.
    func events(after cursor: UInt64) -> EventLog<SessionEvent.Content>.ReadResult {
        state.withLock { $0.log.read(after: cursor) }
    }

    /// Becomes the session's one reader; an earlier one (of a carrier that is gone) ends.
    func wakeups() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let earlier = state.withLock { state in
            let earlier = state.reader
            state.reader = continuation
            return earlier
        }
        earlier?.finish()
        return stream
    }

    /// Notes a stream that runs, until `streamEnded`.
    func streamBegan(_ stream: RunningStream) -> Int {
        state.withLock { state in
            state.nextStream += 1
            state.streams[state.nextStream] = stream
            return state.nextStream
        }
    }

    /// Forgets a stream.
    func streamEnded(_ number: Int) {
        state.withLock { _ = $0.streams.removeValue(forKey: number) }
    }

    /// Breaks off the streams that policy no longer permits, and says how many.
    func resetForbiddenStreams() -> Int {
        let forbidden = state.withLock { Array($0.streams.values) }.filter { !$0.isPermitted() }
        for stream in forbidden { stream.reset() }
        return forbidden.count
    }

    /// A place for a stream whose last bytes are kept; nil when there are enough of them.
    func keepLive(path: String) -> LiveStream? {
        state.withLock { state in
            // One that was passed on to its end is kept only in case its last bytes were lost.
            if state.live.count >= limits.liveStreams, let done = state.live.values.first(where: \.isDone) {
                state.live[done.id] = nil
            }
            guard !state.ended, state.live.count < limits.liveStreams else { return nil }
            let live = LiveStream(path: path)
            state.live[live.id] = live
            return live
        }
    }

    /// The kept stream of this name.
    func live(_ id: String) -> LiveStream? { state.withLock { $0.live[id] } }

    /// Lets go of a kept stream.
    func dropLive(_ live: LiveStream) {
        state.withLock { _ = $0.live.removeValue(forKey: live.id) }
        live.abort()
    }

    /// An element at the beginning and each time that the client may see other devices than before; an earlier
    /// reader's stream ends.
    func mirrorChanges() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let (earlier, ended) = state.withLock { state in
            let earlier = state.mirrorReader
            state.mirrorReader = continuation
            return (earlier, state.ended)
        }
        earlier?.finish()
        if ended { continuation.finish() } else { continuation.yield() }
        return stream
    }

    /// The client may see other devices than before.
    func mirrorChanged() { _ = state.withLock { $0.mirrorReader }?.yield() }

    /// Notes which devices the client was told of; answers whether this one is news.
    func shows(udn: String, revision: Int) -> Bool {
        state.withLock { $0.shown.updateValue(revision, forKey: udn) != revision }
    }

    /// Forgets a device; answers whether the client knew it.
    func hides(udn: String) -> Bool {
        state.withLock { $0.shown.removeValue(forKey: udn) != nil }
    }

    /// How many devices the client knows.
    var shownCount: Int { state.withLock { $0.shown.count } }

    /// Notes a subscription; false when there are too many.
    func subscribed(_ id: String) -> Bool {
        state.withLock { state in
            guard state.subscriptions.contains(id) || state.subscriptions.count < limits.subscriptions else {
                return false
            }
            state.subscriptions.insert(id)
            return true
        }
    }

    /// Forgets a subscription.
    func unsubscribed(_ id: String) {
        state.withLock { _ = $0.subscriptions.remove(id) }
    }

    /// Ends the reader and lets go of everybody who waits for an action, when the session ends.
    func end() {
        let (readers, waiters, streams) = state.withLock { state in
            defer { state.waiters = [:] }
            state.ended = true
            return ([state.reader, state.mirrorReader], Array(state.waiters.values), Array(state.streams.values))
        }
        // Streams that are kept would go on to be fetched for a client that does not come back.
        for stream in streams { stream.reset() }
        for reader in readers { reader?.finish() }
        for waiter in waiters { waiter(.ended) }
    }
}
