import NetworkTypes
import Synchronization
package import Traversal

/// Keeps mappings by whichever way of asking answers first, for as long as it works.
///
/// The way that worked the last time starts at once, each other one a moment later than the one before it; the first
/// grant ends the others. When a mapping is lost, or this host's address or router changes, the race begins anew. At the
/// end what was mapped is removed.
package final class PortMapper: Sendable {
    package struct Configuration: Sendable {
        /// The ways that are tried, in this order; empty for none.
        package var methods: [MappingMethod] = MappingMethod.allCases
        /// What is mapped; the first counts, and the others follow it.
        package var targets: [MappingTarget]
        /// The head start of each way before the next one.
        package var headStart: Duration = .milliseconds(400)
        /// How often this host's own address and its router are looked at.
        package var lookInterval: Duration = .seconds(3)
        /// The pause before a race is run again that nobody has won.
        package var retryInterval: Duration = .seconds(120)

        package init(targets: [MappingTarget]) { self.targets = targets }
    }

    /// Makes the worker of a way; nil where it cannot work.
    package typealias Makes = @Sendable (MappingMethod, Surroundings, MappingMemory) -> (any MappingWorker)?

    private let configuration: Configuration
    private let surroundings: @Sendable () -> Surroundings
    private let make: Makes
    private let changed: @Sendable (MappingStatus) -> Void
    private let keep: @Sendable (MappingMemory) -> Void
    private let state: Mutex<State>

    private struct State {
        var memory: MappingMemory
        var status = MappingStatus()
        var race = 0
        var startedAt = ContinuousClock.now
        /// Ends the race that is on.
        var ends: AsyncStream<MappingMethod?>.Continuation?
    }

    /// - Parameters:
    ///   - memory: What an earlier start has kept.
    ///   - keep: Keeps it; called at each change.
    ///   - changed: Told of each change of the status.
    package init(
        _ configuration: Configuration, memory: MappingMemory, surroundings: @escaping @Sendable () -> Surroundings,
        make: @escaping Makes, keep: @escaping @Sendable (MappingMemory) -> Void,
        changed: @escaping @Sendable (MappingStatus) -> Void
    ) {
        self.configuration = configuration
        self.surroundings = surroundings
        self.make = make
        self.keep = keep
        self.changed = changed
        state = Mutex(State(memory: memory))
    }

    package var status: MappingStatus { state.withLock { $0.status } }

    /// Works until cancelled, then removes what it has mapped.
    package func run() async {
        await discardLeftovers()
        while !Task.isCancelled, !configuration.methods.isEmpty {
            let place = surroundings()
            guard let router = place.router, place.own != nil else {
                update { status in
                    status = MappingStatus()
                    status.attempts = self.configuration.methods.map {
                        MappingAttempt(method: $0, result: "this host has no router", works: false)
                    }
                }
                guard (try? await Task.sleep(for: configuration.lookInterval)) != nil else { return }
                continue
            }
            let wasLost = await race(place, router)
            let pause = wasLost ? configuration.lookInterval : configuration.retryInterval
            await stay(pause, whileAt: place)
        }
    }

    /// What ways have made that are not wanted any more is removed, if this host still stands at their router.
    private func discardLeftovers() async {
        let place = surroundings()
        guard let router = place.router else { return }
        let memory = state.withLock { $0.memory }
        for method in MappingMethod.allCases where !configuration.methods.contains(method) {
            let entries = memory.entries(method, at: router)
            guard !entries.isEmpty, let worker = make(method, place, memory) else { continue }
            await worker.discard(entries)
            remember { $0.entries.removeAll { $0.method == method && $0.router == "\(router)" } }
        }
    }

    /// Waits; not longer than this host stays where it is.
    private func stay(_ pause: Duration, whileAt place: Surroundings) async {
        let end = ContinuousClock.now + pause
        while ContinuousClock.now < end, surroundings() == place {
            guard (try? await Task.sleep(for: min(configuration.lookInterval, pause))) != nil else { return }
        }
    }

    /// The order in which ways are tried: what worked the last time comes first.
    private var order: [MappingMethod] {
        let works = state.withLock { $0.memory.works }
        return configuration.methods.sorted { left, _ in left == works }
    }

    /// Runs one race, and then what has won it, until that is lost or this host has moved. Says whether anything won.
    private func race(_ place: Surroundings, _ router: IPAddress) async -> Bool {
        let memory = state.withLock { state in
            state.race += 1
            state.startedAt = .now
            state.status = MappingStatus()
            return state.memory
        }
        let order = order
        let workers = order.compactMap { make($0, place, memory) }
        let (ends, end) = AsyncStream.makeStream(of: MappingMethod?.self)
        state.withLock { $0.ends = end }
        let winner = await withTaskGroup(of: Void.self, returning: MappingMethod?.self) { group in
            for (index, worker) in workers.enumerated() {
                group.addTask { [configuration] in
                    guard (try? await Task.sleep(for: configuration.headStart * index)) != nil else { return }
                    guard self.mayRun(worker.method) else { return }
                    await worker.run { self.heard($0, of: worker.method, workers: workers.count) }
                }
            }
            group.addTask {
                while (try? await Task.sleep(for: self.configuration.lookInterval)) != nil {
                    // The router of another network knows nothing of what was mapped, and answers nothing.
                    if self.surroundings() != place { return end.finish() }
                }
            }
            for await lost in ends where lost == nil { break }
            group.cancelAll()
            return self.state.withLock { $0.status.method }
        }
        if Task.isCancelled || surroundings() == place { await removeAll(of: workers, at: router, winner: winner) }
        update {
            $0.grants = []
            $0.refusals = [:]
            $0.method = nil
        }
        return winner != nil
    }

    /// In a task of its own, because this one may be cancelled and the router is still to be told.
    private func removeAll(of workers: [any MappingWorker], at router: IPAddress, winner: MappingMethod?) async {
        guard let worker = workers.first(where: { $0.method == winner }) else { return }
        await Task { await worker.remove() }.value
        remember { $0.entries.removeAll { $0.method == worker.method && $0.router == "\(router)" } }
    }

    /// Whoever starts late does not start after another has won.
    private func mayRun(_ method: MappingMethod) -> Bool {
        state.withLock { $0.status.method == nil || $0.status.method == method }
    }

    private func heard(_ news: MappingNews, of method: MappingMethod, workers: Int) {
        let elapsed = state.withLock { Int($0.startedAt.duration(to: .now) / .milliseconds(1)) }
        switch news {
        case .remember(let entry):
            guard mayRun(method) else { return }
            remember {
                $0.works = method
                $0.note(entry)
            }
        case .granted(let grant):
            update { status in
                guard status.method == nil || status.method == method else {
                    // Two ways of asking one router: what the second has made is the first one's own, or ends with its
                    // lease.
                    return status.note(
                        MappingAttempt(method: method, result: "works as well", works: true, milliseconds: elapsed))
                }
                status.method = method
                status.grants.removeAll { $0.target == grant.target }
                status.refusals[grant.target] = nil
                status.grants.append(grant)
                status.grants.sort {
                    ($0.target.port, $0.target.transport.rawValue) < ($1.target.port, $1.target.transport.rawValue)
                }
                guard grant.target == self.configuration.targets.first else { return }
                status.note(
                    MappingAttempt(
                        method: method, result: "mapped \(grant.external)", works: true, milliseconds: elapsed))
            }
        case .refused(let target, let sentence):
            update { status in
                guard status.method == method else { return }
                status.grants.removeAll { $0.target == target }
                status.refusals[target] = sentence
            }
        case .failed(let sentence):
            update { $0.note(MappingAttempt(method: method, result: sentence, works: false, milliseconds: elapsed)) }
        case .denied(let sentence, let denial):
            update {
                $0.note(
                    MappingAttempt(
                        method: method, result: sentence, works: false, denial: denial, milliseconds: elapsed))
            }
        case .lost(let sentence):
            update { $0.note(MappingAttempt(method: method, result: "lost: \(sentence)", works: false)) }
            let ends = state.withLock { $0.status.method == method ? $0.ends : nil }
            ends?.yield(nil)
        }
    }

    private func update(_ change: (inout MappingStatus) -> Void) {
        let status = state.withLock { state -> MappingStatus? in
            let before = state.status
            change(&state.status)
            return state.status == before ? nil : state.status
        }
        if let status { changed(status) }
    }

    private func remember(_ change: (inout MappingMemory) -> Void) {
        let memory = state.withLock { state -> MappingMemory? in
            let before = state.memory
            change(&state.memory)
            return state.memory == before ? nil : state.memory
        }
        if let memory { keep(memory) }
    }
}

extension MappingStatus {
    /// Notes an attempt in the place of the one before.
    mutating func note(_ attempt: MappingAttempt) {
        if let index = attempts.firstIndex(where: { $0.method == attempt.method }) {
            // How long the first answer took is not changed by what follows.
            var attempt = attempt
            attempt.milliseconds =
                attempts[index].works == attempt.works ? attempts[index].milliseconds : attempt.milliseconds
            attempts[index] = attempt
        } else {
            attempts.append(attempt)
        }
    }
}
