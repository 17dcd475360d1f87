import Logging
import NIOSUPnP
import NIOUPnP
import NetworkTypes
import SUPnP

/// Finding a controller, and finding one again.
extension GroupMember {
    /// How long a controller may be silent before the next one is tried.
    private static let silence: Duration = .seconds(3)
    /// The waits between two rounds grow to this.
    private static let longestWait: Duration = .seconds(30)

    /// How an attempt ended.
    private enum Outcome {
        case registered
        /// Nobody has answered, or not in time.
        case silent
        /// Whoever answered does not know the code.
        case wrongProof
        case declined(RegistrationReason)
        /// No attempt before this time.
        case blocked(until: ContinuousClock.Instant)
    }

    /// Registers, and again whenever the membership was dropped, until cancelled.
    ///
    /// - Throws: ``GroupError`` when there is no hope.
    func keepRegistered(_ finder: ControllerFinder?, resumed: SocketEndpoint?, _ host: Host) async throws {
        var choice = ControllerChoice(fixed: configuration.controller, preferred: resumed)
        var wasRegistered = false
        var wasEvicted = false
        // On the machine's loop, so that an eviction that is heard right after comes after it.
        let kept = try await host.perform { machine, _ in
            if resumed != nil, let id = machine.id { self.membership.enter(.registered(id.rawValue)) }
            return machine.id
        }
        if resumed != nil, let id = kept {
            membership.tell(.registered(member: id.rawValue))
            wasRegistered = true
            tellOffers()
        }
        while true {
            if case .registered = membership.phase {
            } else {
                try await register(
                    &choice, finder, host, isFirst: !wasRegistered, wasEvicted: wasEvicted)
            }
            wasRegistered = true
            try await membership.wait { if case .dropped = $0 { true } else { false } }
            wasEvicted = membership.phase == .dropped(wasEvicted: true)
        }
    }

    private func register(
        _ choice: inout ControllerChoice, _ finder: ControllerFinder?, _ host: Host, isFirst: Bool, wasEvicted: Bool
    ) async throws {
        var search = RegistrationSearch(begin: .now)
        var told: Set<SocketEndpoint> = []
        finder?.search()
        while true {
            try Task.checkCancellation()
            let found = finder.map { arranged($0.controllers) } ?? []
            for controller in found where told.insert(controller).inserted {
                membership.tell(.controllerFound("\(controller)"))
            }
            if told.count > 1_024 { told = [] }
            guard let controller = choice.next(of: found, now: ContinuousClock.now) else {
                search.verdict.roundIsOver()
                let reason = search.end(
                    knows: !found.isEmpty || configuration.controller != nil, isFirst: isFirst,
                    wasEvicted: wasEvicted, patience: configuration.patience, now: .now)
                if let reason { throw reason }
                try await rest(&search, while: found, finder)
                choice.startRound()
                continue
            }
            let outcome = try await attempt(controller, host, isOnly: !choice.hasMore(of: found))
            if case .silent = outcome {} else { search.wasAnswered = true }
            search.blockedUntil = nil
            switch outcome {
            case .wrongProof: search.verdict.tried(wasWrong: true)
            // The device itself has refused: nobody was asked.
            case .blocked: break
            case .registered, .silent, .declined: search.verdict.tried(wasWrong: false)
            }
            switch outcome {
            case .registered:
                choice.succeeded(controller)
                finder?.tried(controller, successfully: true)
                return
            case .silent: break
            case .wrongProof:
                choice.answeredWrongly(controller, now: .now)
                search.proofsWereWrong = true
            case .declined(let reason): search.declined = reason
            case .blocked(let until): search.blockedUntil = until
            }
            finder?.tried(controller, successfully: false)
        }
    }

    /// Waits before the next round, until another controller is found at the latest.
    private func rest(
        _ search: inout RegistrationSearch, while found: [SocketEndpoint], _ finder: ControllerFinder?
    ) async throws {
        finder?.search()
        var wait = search.wait * Double.random(in: 0.8...1.2)
        if let until = search.blockedUntil { wait = max(wait, min(until - .now, Self.longestWait)) }
        if let patience = configuration.patience { wait = min(wait, max(patience, .seconds(1))) }
        search.wait = min(search.wait * 2, Self.longestWait)
        let known = Set(found)
        let deadline = ContinuousClock.now + wait
        // A stream of its own each time: one whose reader is cancelled ends.
        let news = finder?.changes
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(until: deadline, clock: .continuous) }
            if let news {
                group.addTask {
                    for await controllers in news where !self.arranged(controllers).allSatisfy(known.contains) {
                        return
                    }
                    try? await Task.sleep(until: deadline, clock: .continuous)
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func arranged(_ controllers: [FoundController]) -> [SocketEndpoint] {
        ControllerChoice.places(of: controllers, families: configuration.families)
    }

    private func attempt(_ controller: SocketEndpoint, _ host: Host, isOnly: Bool) async throws -> Outcome {
        switch await surroundings.registrations.enter() {
        case .entered: break
        case .full, .cancelled: throw CancellationError()
        }
        defer { surroundings.registrations.leave() }
        logger.debug("registering", metadata: ["group.controller": "\(controller)"])
        let signals = membership.beginAttempt()
        let answered = Membership.AnswerFlag()
        host.tell(.start(controller: controller))
        return try await withThrowingTaskGroup(of: Outcome?.self) { group in
            group.addTask { await Self.outcome(of: signals, answered) }
            group.addTask {
                // With another one to try, one that says nothing is not waited for; beyond any patience, none is.
                if !isOnly {
                    try await Task.sleep(for: Self.silence)
                    if !answered.isSet { return .silent }
                }
                try await Task.sleep(for: .seconds(60))
                return .silent
            }
            defer { group.cancelAll() }
            let first = try await group.next() ?? nil
            try Task.checkCancellation()
            return first ?? .silent
        }
    }

    private static func outcome(
        of signals: AsyncStream<Membership.Signal>, _ answered: Membership.AnswerFlag
    ) async -> Outcome? {
        for await signal in signals {
            switch signal {
            case .answered: answered.set()
            case .registered: return .registered
            case .failed(.noAnswer): return .silent
            case .failed(.notAuthentic): return .wrongProof
            case .failed(.declined(let reason)): return .declined(reason)
            case .failed(.blocked(let until)): return .blocked(until: until)
            }
        }
        return nil
    }
}
